export var json = (status, object) => new Message({ status, headers: { 'content-type': 'application/json' } }, JSON.encode(object))
export var text = (status, body) => new Message({ status, headers: { 'content-type': 'text/plain' } }, body)
export { json as default }
