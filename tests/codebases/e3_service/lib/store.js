// Notes in files below a folder; counters for all threads in one map.
var counters = new algo.SharedMap('counters')
var root = './data'

export function setup(dir) {
  root = os.path.join(dir, 'notes')
  os.mkdir(root, { recursive: true, force: true })
}

var fileOf = id => {
  if (!new RegExp('^[a-z0-9-]+$').test(id)) throw { status: 400, message: 'bad id' }
  return os.path.join(root, id + '.json')
}

export var list = () => os.readDir(root).filter(n => n.endsWith('.json')).map(n => n.substring(0, n.length - 5)).sort()
export function get(id) {
  var st = os.stat(fileOf(id))
  if (!st?.isFile?.()) throw { status: 404, message: `no note ${id}` }
  return JSON.decode(os.read(fileOf(id)))
}
export function put(id, note) {
  var tmp = fileOf(id) + '.tmp'
  os.write(tmp, JSON.encode(note, null, 2))
  os.rename(tmp, fileOf(id))
  return count('writes')
}
export function remove(id) {
  if (!os.unlink(fileOf(id))) throw { status: 404, message: `no note ${id}` }
}
export var count = name => counters.add(name, 1)
export var counts = () => ['requests', 'writes', 'ticks', 'joins'].reduce((o, k) => ({ ...o, [k]: counters.get(k) || 0 }), {})
