var failed = 0
var passed = 0

function same(a, b) { return JSON.stringify(a) === JSON.stringify(b) }

export function check(name, fn, expected) {
  var got
  try { got = fn() } catch (e) { got = 'THROWN ' + e }
  if (same(got, expected)) { passed++; return }
  failed++
  println('FAIL', name, '\n   got ', JSON.stringify(got), '\n   want', JSON.stringify(expected))
}

export function report() {
  println(passed, 'passed', failed, 'failed')
  return failed ? 1 : 0
}

function show(evt) {
  if (evt instanceof MessageStart) return 'S:' + (evt.head ? JSON.stringify(evt.head) : '')
  if (evt instanceof Data) return evt.size ? 'D:' + evt.toString() : null
  if (evt instanceof MessageEnd) return 'M:' + (evt.tail ? JSON.stringify(evt.tail) : '')
  return 'E:' + (evt.error || '')
}

var $out

export function collect(template, events, args) {
  return pipeline($ => $
    .onStart(() => { $out = [] })
    .pipe(template, null, args || [])
    .handle(e => { var s = show(e); s === null || $out.push(s) })
    .onEnd(() => $out)
  ).process(events)
}
