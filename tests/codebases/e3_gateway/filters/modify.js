export function modify(head, { set, add, remove }) {
  var headers = head.headers ||= {}
  set?.forEach?.(({ name, value }) => headers[name.toLowerCase()] = value)
  add?.forEach?.(({ name, value }) => {
    var k = name.toLowerCase()
    headers[k] = headers[k] ? `${headers[k]},${value}` : value
  })
  remove?.forEach?.(name => delete headers[name.toLowerCase()])
}
