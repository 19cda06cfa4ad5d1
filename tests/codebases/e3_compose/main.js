// Small pipelines of every kind, each fed with events; what comes out is compared with what pipyjs/model.md and filters.md say.
import { check, collect, report } from './lib/check.js'
import './lib/side-effect.js'
import * as shapes from './lib/index.js'
import shout, { whisper as quiet } from './lib/voice.js'
import cycleA from './lib/cycle-a.js'

// ---- module system
check('default import', () => shout('a'), 'A!')
check('renamed import', () => quiet('A'), 'a')
check('namespace re-export', () => Object.keys(shapes).sort().join(), 'area,circle,default,name,square')
check('namespace default', () => shapes.default, 'shapes')
check('namespace function', () => shapes.area(shapes.square(3)), 9)
check('cycle', () => cycleA(4), 'a4 b3 a2 b1 end')
check('pipy.import', () => pipy.import('./lib/voice.js').default('x'), 'X!')

var $log = ''
var $n = 0
var $self = null

function note(s) { $log += s }

var echo = pipeline($ => $)
var upper = pipeline($ => $.replaceData(d => new Data(d.toString().toUpperCase())))

var tests = [
  ['empty pipeline', () => collect(echo, [new Data('x'), new StreamEnd]), ['D:x', 'E:']],
  ['template in to', () => collect(pipeline($ => $.demux().to(pipeline($ => $.replaceMessage(m => new Message(m.head, m.body + '!'))))),
    [new Message({ a: 1 }, 'hi'), new StreamEnd]), ['S:{"a":1}', 'D:hi!', 'M:', 'E:']],
  ['onStart promise', () => collect(pipeline($ => $.onStart(() => new Timeout(0.01).wait().then(() => new Data('first'))).replaceData(d => d)),
    [new Data('second'), new StreamEnd]), ['D:first', 'D:second', 'E:']],
  ['onStart constant message', () => collect(pipeline($ => $.onStart(new Message('c'))), [new StreamEnd]), ['S:', 'D:c', 'M:', 'E:']],
  ['onStart rejected', () => collect(pipeline($ => $.onStart(() => Promise.reject('Replay'))), [new Data('x')]), ['E:Replay']],
  ['onStart args', () => collect(pipeline($ => $.onStart((a, b) => new Data(a + '-' + b))), [new StreamEnd], ['p', 'q']), ['D:p-q', 'E:']],
  ['pipe array of templates', () => collect(pipeline($ => $.pipe([
      pipeline($ => $.replaceData(d => new Data(d + '1')).pipeNext()),
      pipeline($ => $.replaceData(d => new Data(d + '2')).pipeNext()),
    ])), [new Data('x'), new StreamEnd]), ['D:x12', 'E:']],
  ['pipe empty array', () => collect(pipeline($ => $.pipe([])), [new Data('x'), new StreamEnd]), ['D:x', 'E:']],
  ['pipe by name', () => collect(pipeline($ => $.pipe(() => 'b', { a: $ => $.replaceData(new Data('a')), b: upper })), [new Data('x'), new StreamEnd]), ['D:X', 'E:']],
  ['pipe names and args', () => collect(pipeline($ => $.pipe(() => ['a', 'b'], {
      a: $ => $.onStart(s => void note('a' + s)).pipeNext(),
      b: $ => $.onStart(s => void note('b' + s)).replaceData(() => new Data($log)),
    }, () => ['S'])), [new Data('x'), new StreamEnd]), ['D:aSbS', 'E:']],
  ['pipe with middle args', () => collect(pipeline($ => $.pipe([
      pipeline($ => $.onStart(o => void (o.n++)).pipeNext()),
      pipeline($ => $.onStart(o => { $self = o; o.n++; return null }).replaceData(() => new Data('n=' + $self.n))),
    ], null, () => [{ n: 1 }])), [new Data('x'), new StreamEnd]), ['D:n=3', 'E:']],
  ['pipe wait until non-null', () => collect(pipeline($ => $.handleData(d => { if (d.toString() === 'go') $n = 1 }).pipe(() => $n ? upper : null)),
    [new Data('a'), new Data('go'), new Data('b'), new StreamEnd]), ['D:A', 'D:GO', 'D:B', 'E:']],
  ['pipe shares context', () => collect(pipeline($ => $.onStart(() => { $n = 5 }).pipe(pipeline($ => $.handleData(() => { $n++ }))).replaceData(() => new Data('' + $n))),
    [new Data('x'), new StreamEnd]), ['D:6', 'E:']],
  ['pipe unknown', () => collect(pipeline($ => $.pipe(() => 'zzz', {})), [new Data('x')]), ["E:Error: pipeline 'zzz' not found"]],
  ['fork copy context', () => collect(pipeline($ => $.onStart(() => { $n = 1 }).fork([1, 2]).to($ => $.onStart(x => { $n += x })).replaceData(() => new Data('' + $n))),
    [new Data('x'), new StreamEnd]), ['D:1', 'E:']],
  ['fork shared context', () => collect(pipeline($ => $.onStart(() => { $n = 1 }).fork().to($ => $.handleData(() => { $n = 9 })).replaceData(() => new Data('' + $n))),
    [new Data('x'), new StreamEnd]), ['D:9', 'E:']],
  ['forkJoin promises', () => collect(pipeline($ => $.forkJoin(() => Promise.resolve(['a', 'b'])).to($ => $
      .onStart(k => new Timeout(k === 'a' ? 0.03 : 0.01).wait().then(() => new Data(k)))
      .handleData(d => { done.push(d.toString()) }).replaceData(() => new StreamEnd)).replaceData(() => new Data(done.filter(x => x.length === 1 && x < 'c').join(''))))
    , [new Data('xx'), new StreamEnd]), ['D:ba', 'E:']],
  ['forkRace', () => collect(pipeline($ => $.forkRace([3, 1, 2]).to($ => $
      .onStart(k => new Timeout(k / 100).wait().then(() => [new Message('win' + k), new StreamEnd])).replaceData(d => d.toString().startsWith('win') ? d : undefined))),
    [new Message('q')]), ['S:', 'D:win1', 'M:', 'E:']],
  ['repeat', () => collect(pipeline($ => $.onStart(() => { $n = 0 }).repeat(() => new Timeout(0.01).wait().then(() => ++$n < 3)).to($ => $.replaceData(d => new Data(d + '' + $n)))),
    [new Data('r'), new StreamEnd]), ['D:r0', 'D:r1', 'D:r2', 'E:']],
  ['loop', () => collect(pipeline($ => $.loop($ => $.replaceData(d => d.size < 4 ? new Data(d + 'x') : new StreamEnd))), [new Data('a')]), ['D:ax', 'D:axx', 'D:axxx', 'E:']],
  ['insert', () => collect(pipeline($ => $.insert(() => [new Data('head')])), [new Data('x'), new StreamEnd]), ['D:head', 'D:x', 'E:']],
  ['replaceStreamStart', () => collect(pipeline($ => $.replaceStreamStart(e => [new MessageStart({ k: 1 }), e]).replaceStreamEnd(e => [new MessageEnd, e])),
    [new Data('x'), new Data('y'), new StreamEnd]), ['S:{"k":1}', 'D:x', 'D:y', 'M:', 'E:']],
  ['replace any', () => collect(pipeline($ => $.replace(e => e instanceof StreamEnd ? [new Data('|'), e] : [e, e])), [new Data('x'), new StreamEnd]), ['D:x', 'D:x', 'D:|', 'E:']],
  ['replace constant', () => collect(pipeline($ => $.replaceData(new Data('k'))), [new Data('x'), new Data('y'), new StreamEnd]), ['D:k', 'D:k', 'E:']],
  ['replaceMessage constant', () => collect(pipeline($ => $.replaceMessage(new Message({ status: 404 }))), [new Message('x'), new StreamEnd]), ['S:{"status":404}', 'M:', 'E:']],
  ['replaceMessage promise order', () => collect(pipeline($ => $.replaceMessage(m => m.body.toString() === 'slow' ? new Timeout(0.02).wait().then(() => m) : m)),
    [new Message('slow'), new Message('fast'), new StreamEnd]), ['S:', 'D:slow', 'M:', 'S:', 'D:fast', 'M:', 'E:']],
  ['replaceMessageBody', () => collect(pipeline($ => $.replaceMessageBody(b => new Data('<' + b + '>'))), [new MessageStart({ a: 1 }), new Data('x'), new Data('y'), new MessageEnd({ t: 1 }), new StreamEnd]),
    ['S:{"a":1}', 'D:<xy>', 'M:{"t":1}', 'E:']],
  ['handle', () => collect(pipeline($ => $.onStart(() => { $log = '' }).handle(e => { $log += e.type[0] }).replaceStreamEnd(e => [new Data($log), e])), [new Message('x'), new StreamEnd]), ['S:', 'D:x', 'M:', 'D:MDMS', 'E:']],
  ['handle async holds', () => collect(pipeline($ => $.handleData(() => new Timeout(0.01).wait()).replaceData(d => d)), [new Data('a'), new Data('b'), new StreamEnd]), ['D:a', 'D:b', 'E:']],
  ['handle async rejects', () => collect(pipeline($ => $.handleData(() => Promise.reject(new Error('no')))), [new Data('a'), new Data('b'), new StreamEnd]), ['E:Error: no']],
  ['handleMessage throw', () => collect(pipeline($ => $.handleMessage(() => { throw new Error('bad') })), [new Message('a')]), ['S:', 'D:a', 'E:Error: bad']],
  ['wait promise', () => collect(pipeline($ => $.wait(() => new Timeout(0.01).wait())), [new Data('a'), new StreamEnd]), ['D:a', 'E:']],
  ['wait rejected', () => collect(pipeline($ => $.wait(() => Promise.reject('Unauthorized'))), [new Data('a')]), ['E:Unauthorized']],
  ['wait variable', () => collect(pipeline($ => $.onStart(() => { $n = 0; new Timeout(0.01).wait().then(() => { $n = 1 }) }).wait(() => $n)), [new Data('a'), new StreamEnd]), ['D:a', 'E:']],
  ['linkAsync', () => collect(pipeline($ => $.linkAsync().to(upper)), [new Data('a'), new StreamEnd]), ['D:A', 'E:']],
  ['tee-read', () => collect(pipeline($ => $.tee('tee.txt')), [new Data('tee'), new StreamEnd]).then(r => [...r, os.read('tee.txt').toString()]), ['D:tee', 'E:', 'tee']],
  ['read', () => collect(pipeline($ => $.read('tee.txt')), [new Data]), ['D:tee', 'E:']],
  ['read size', () => collect(pipeline($ => $.read('tee.txt', { seek: 1, size: 1 })), [new Data]), ['D:e', 'E:']],
  ['exec', () => collect(pipeline($ => $.replaceStreamEnd().exec('printf a\\ b')), [new Data]), ['D:a b', 'E:']],
  ['exec array fn', () => collect(pipeline($ => $.replaceStreamEnd().exec(() => ['sh', '-c', 'head -c 3'])), [new Data('abc')]), ['D:abc', 'E:']],
  ['exec onExit', () => collect(pipeline($ => $.replaceStreamEnd().exec(['sh', '-c', 'echo e >&2; exit 7'], { onExit: (c, e) => [new Data(c + ':' + e), new StreamEnd] })), [new Data]), ['D:7:e\n', 'E:']],
  ['exec env', () => collect(pipeline($ => $.replaceStreamEnd().exec(['/bin/sh', '-c', 'printf "$FOO"'], { env: () => ({ FOO: 'bar' }) })), [new Data]), ['D:bar', 'E:']],
  ['compress', () => collect(pipeline($ => $.compress('gzip').decompress('gzip')), [new Message('hello hello'), new StreamEnd]), ['S:', 'D:hello hello', 'M:', 'E:']],
  ['compress deflate', () => collect(pipeline($ => $.compress(() => 'deflate').decompress(() => 'inflate')), [new Message('hello hello'), new StreamEnd]), ['S:', 'D:hello hello', 'M:', 'E:']],
  ['compressHTTP', () => collect(pipeline($ => $.compressHTTP('gzip').handleMessageStart(m => { $log = m.head.headers['content-encoding'] }).decompressHTTP().replaceMessage(m => new Message(m.head, $log + m.body))),
    [new Message({ headers: {} }, 'zz'), new StreamEnd]), ['S:{"headers":{}}', 'D:gzipzz', 'M:', 'E:']],
  ['split string', () => collect(pipeline($ => $.split(',').replaceMessage(m => new Data('[' + m.body + ']'))), [new Data('a,b'), new Data('c,,'), new Data('d'), new StreamEnd]), ['D:[a]', 'D:[bc]', 'D:[]', 'D:[d]', 'E:']],
  ['split multi', () => collect(pipeline($ => $.split('\r\n').replaceMessage(m => new Data('[' + m.body + ']'))), [new Data('a\r'), new Data('\nb\r\n'), new StreamEnd]), ['D:[a]', 'D:[b]', 'E:']],
  ['split fn', () => collect(pipeline($ => $.split(b => b === 10).replaceMessage(m => new Data('[' + m.body + ']'))), [new Data('a\nb\n'), new StreamEnd]), ['D:[a]', 'D:[b]', 'E:']],
  ['deframe', () => collect(pipeline($ => $.deframe({
      START: b => { $n = b - 48; return [new MessageStart({ len: $n }), 'BODY', $n] },
      BODY: () => [new MessageEnd, 'START'],
    })), [new Data('2ab'), new Data('3'), new Data('cde'), new StreamEnd]), ['S:{"len":2}', 'D:ab', 'M:', 'S:{"len":3}', 'D:cde', 'M:', 'E:']],
  ['deframe buffer', () => collect(pipeline($ => $.deframe({
      L: () => ['N', 2, new Data],
      N: b => { return [new Data('len=' + b.size), 'L'] },
    })), [new Data('!ab!cd'), new StreamEnd]), ['D:len=2', 'D:len=2', 'E:']],
  ['RESP', () => collect(pipeline($ => $.encodeRESP().decodeRESP().replaceMessage(m => new Data(JSON.stringify(m.payload)))), [new Message(null, null, null, ['SET', 'k', 1, null]), new StreamEnd]), ['D:["SET","k",1,null]', 'E:']],
  ['WebSocket', () => collect(pipeline($ => $.encodeWebSocket().decodeWebSocket().replaceMessage(m => new Data(m.head.opcode + ':' + m.head.masked + ':' + m.body))), [new Message({ opcode: 1, masked: true }, 'hi'), new StreamEnd]), ['D:1:true:hi', 'E:']],
  ['encodeHTTPRequest', () => collect(pipeline($ => $.encodeHTTPRequest()), [new Message({ method: 'POST', path: '/x', headers: { Host: 'a' } }, 'b'), new StreamEnd]), ['D:POST /x HTTP/1.1\r\nHost: a\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\nb', 'E:']],
  ['decodeHTTPResponse', () => collect(pipeline($ => $.decodeHTTPResponse().replaceMessage(m => new Data(m.head.status + m.head.statusText + m.body))), [new Data('HTTP/1.1 201 Made\r\ncontent-length: 2\r\n\r\nok'), new StreamEnd]), ['D:201Madeok', 'E:']],
  ['dummy', () => collect(pipeline($ => $.dummy()), [new Data('x'), new Message('y'), new StreamEnd]), ['E:']],
  ['onEnd result', () => pipeline($ => $.onStart(() => { $n = 3; return new StreamEnd }).onEnd(() => $n * 2)).spawn(), 6],
  ['onEnd promise result', () => pipeline($ => $.onStart(() => new StreamEnd).onEnd(() => Promise.resolve('later'))).spawn(), 'later'],
  ['spawn args', () => pipeline($ => $.onStart((a, b) => { $n = a + b; return new StreamEnd }).onEnd(() => $n)).spawn(2, 3), 5],
  ['process generator', () => {
    var i = 0
    var t = pipeline($ => $.onStart(() => { $log = '' }).handleData(d => { $log += d }).onEnd(() => $log))
    return t.process(() => i < 3 ? new Timeout(0.005).wait().then(() => new Data('' + i++)) : new StreamEnd)
  }, '012'],
  ['pipy.read', () => pipy.read('tee.txt', $ => $.onStart(x => { $log = x }).handleData(d => { $log += d }).onEnd(() => $log), 'pre-'), 'pre-tee'],
  ['pipy.read rejects', () => pipy.read('/tmp/none/such', $ => $).then(() => 'resolved', e => e instanceof Error), true],
  ['hub', () => {
    var hub = new pipeline.Hub
    var a = collect(pipeline($ => $.swap(hub).replaceData(d => [d, new StreamEnd])), [new Data])
    return new Timeout(0.01).wait().then(() => { pipeline($ => $.onStart(new Data('news')).swap(() => hub)).spawn(); return a })
  }, ['D:news', 'E:']],
  ['throttle', () => { var t = Date.now(); var q = new algo.Quota(2, { per: 0.1, produce: 2 })
    return collect(pipeline($ => $.throttleMessageRate(q)), [new Message('1'), new Message('2'), new Message('3'), new StreamEnd]).then(r => r.length + ':' + (Date.now() - t > 80)) }, '10:true'],
  ['throttleDataRate', () => { var t = Date.now(); var q = new algo.Quota(2, { per: 0.1, produce: 2 })
    return collect(pipeline($ => $.throttleDataRate(() => q)), [new Data('abc'), new StreamEnd]) }, ['D:ab', 'D:c', 'E:']],
]
var done = []

function run(i) {
  if (i >= tests.length) return report()
  var t = tests[i]
  var p
  try { p = Promise.resolve(t[1]()) } catch (e) { p = Promise.reject(e) }
  return Promise.race([p, new Timeout(2).wait().then(() => 'TIMEOUT')]).then(
    got => check(t[0], () => got, t[2])
  , err => check(t[0], () => 'REJECTED ' + err, t[2])
  ).then(() => run(i + 1))
}

run(0).then(pipy.exit)
