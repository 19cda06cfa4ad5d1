function size(s) { return s.a * s.a }
export { size }
