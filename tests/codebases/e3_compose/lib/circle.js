export function circle(r) { return { r } }
