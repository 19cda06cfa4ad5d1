// pipyjs/filters.md sections 1 to 5, 8 and 9: each row is a filter, what goes in and what comes out, as the page says it.
var rows = 0
var wrong = 0
var ends = []
var file = '/tmp/ballast-walk-' + pipy.pid
os.write(file + '.in', 'abcdef')

var error = e => typeof e === 'string' ? e : e?.message || ''
var show = e => e instanceof Data ? 'D' + e.toString()
  : e.type === 'MessageStart' ? 'MS' + (e.head ? JSON.stringify(e.head) : '')
  : e.type === 'MessageEnd' ? 'ME'
  : 'SE' + error(e.error)

function r(name, build, events, want) {
  var out = []
  rows++
  ends.push(pipeline($ => { build($); $.handle(e => { out.push(show(e)) }) }).process(events).then(() => {
    var got = out.join(' ')
    if (got === want) return
    wrong++
    println(name, 'gave', got, 'and not', want)
  }))
}
var D = s => new Data(s), SE = e => new StreamEnd(e), MS = h => new MessageStart(h), ME = (t, p) => new MessageEnd(t, p), M = (...a) => new Message(...a)
r('replaceStreamStart', $ => $.replaceStreamStart(e => [new MessageStart, e]).replaceStreamEnd(e => [new MessageEnd, e]), [D('a'), D('b'), SE()], 'MS Da Db ME SE')
r('replaceData none', $ => $.replaceData(), [D('a'), MS(), SE()], 'MS SE')
r('replaceMessage const', $ => $.replaceMessage(new Message({ a: 1 }, 'x')), [M('q'), M('w'), SE()], 'MS{"a":1} Dx ME MS{"a":1} Dx ME SE')
r('replaceMessage null', $ => $.replaceMessage(null), [M('q'), D('raw'), SE()], 'Draw SE')
r('replaceMessage SE in msg', $ => $.replaceMessage(m => D('<' + m.body + '>')), [MS(), D('p'), SE()], 'D<p> SE')
r('replaceMessage bad', $ => $.replaceMessage(m => 5), [M('q')], 'SEreplacement is not an event or Message or an array of those')
r('replaceMessage throw', $ => $.replaceMessage(m => { throw new Error('boo') }), [M('q')], 'SEboo')
r('replaceMessage promise', $ => $.replaceMessage(m => new Timeout(0.01).wait().then(() => M('late'))), [M('q'), D('z'), SE()], 'MS Dlate ME Dz SE')
r('replaceMessage reject', $ => $.replaceMessage(m => Promise.reject(new Error('rej'))), [M('q'), D('z'), SE()], 'SErej')
r('replaceMessage limit', $ => $.replaceMessage(m => D('' + m.body.size), { bufferLimit: 3 }), [M('12345'), SE()], 'D3 SE')
r('replaceMessage limit str', $ => $.replaceMessage(m => D('' + m.body.size), { bufferLimit: '1k' }), [M('12345'), SE()], 'D5 SE')
r('replaceMessageBody', $ => $.replaceMessageBody(b => D(b.toString().toUpperCase())), [M({ h: 1 }, 'abc'), SE()], 'MS{"h":1} DABC ME SE')
r('replaceMessageStart', $ => $.replaceMessageStart(m => MS({ n: m.head.h + 1 })), [M({ h: 1 }, 'abc'), SE()], 'MS{"n":2} Dabc ME SE')
r('replaceMessageEnd', $ => $.replaceMessageEnd(m => [D('!'), m]), [M('abc'), SE()], 'MS Dabc D! ME SE')
r('replace', $ => $.replace(e => e instanceof Data ? [e, e] : e), [D('a'), SE()], 'Da Da SE')
r('handleMessage', $ => $.handleMessage(m => { m.head }), [M('abc'), SE()], 'MS Dabc ME SE')
r('handleData wait', $ => $.handleData(d => new Timeout(0.01).wait()), [D('a'), D('b'), SE()], 'Da Db SE')
r('handleData reject', $ => $.handleData(d => Promise.reject('no')), [D('a'), D('b'), SE()], 'SEno')
r('handleMS head', $ => $.handleMessageStart(m => { m.head.z = 9 }), [M({ a: 1 }), SE()], 'MS{"a":1,"z":9} ME SE')
r('insert', $ => $.insert(D('0')), [D('a'), SE()], 'D0 Da SE')
r('insert fn', $ => $.insert(() => [D('0'), D('1')]), [D('a'), SE()], 'D0 D1 Da SE')
r('insert promise', $ => $.insert(() => new Timeout(0.02).wait().then(() => D('P'))).wait(() => new Timeout(0.05).wait()), [D('a'), SE()], 'Da SE')
var n = 0
r('produce', $ => $.produce(() => n++ < 3 ? D('' + n) : SE()), [D('a')], 'D1 D2 D3 SE')
r('wait', $ => $.wait(() => new Timeout(0.01).wait()), [D('a'), SE()], 'Da SE')
r('wait timeout', $ => $.wait(() => false, { timeout: 0.1 }), [D('a'), SE()], 'Da SE')
r('wait reject', $ => $.wait(() => Promise.reject(new Error('w'))), [D('a'), SE()], 'SEw')
r('dummy', $ => $.dummy(), [D('a'), M('x'), SE('Q')], 'SEQ')
r('split', $ => $.split(','), [D('a,'), D('bc,,d'), SE()], 'MS Da ME MS Dbc ME MS ME MS Dd ME SE')
r('split data', $ => $.split(new Data('\r\n')), [D('a\r'), D('\nb\r\n'), SE()], 'MS Da ME MS Db ME SE')
r('split fn', $ => $.split(b => b === 10), [D('a\nb'), SE()], 'MS Da ME MS Db ME SE')
r('split msg', $ => $.split(','), [M('a,b'), M('c'), SE()], 'MS Da ME MS Db ME MS Dc ME SE')
r('pack', $ => $.pack(2, { prefix: '[', postfix: ']', separator: ',', interval: 0, timeout: 0 }), [M({ a: 1 }, 'x'), M('y'), M('z'), SE()], 'MS{"a":1} D[x,y] ME MS D[z] ME SE')
r('fork', $ => $.fork([1, 2]).to($ => $.dummy()), [D('a'), SE()], 'Da SE')
r('forkJoin', $ => $.forkJoin([1, 2]).to($ => $.onStart(() => new Timeout(0.02).wait().then(() => SE()))), [D('a'), SE()], 'Da SE')
r('forkRace', $ => $.forkRace([0.2, 0.01]).to($ => $.onStart(t => new Timeout(t).wait().then(() => [D('' + t), SE()]))), [D('a')], 'D0.01 SE')
r('replay', $ => $.replay({ delay: 0.01 }).to($ => $.replaceData(d => again++ < 2 ? SE('Replay') : D('ok' + d)).replaceStreamEnd(e => e)), [D('a'), SE()], 'Doka SE')
var again = 0, again2 = 0
r('repeat', $ => $.repeat(() => again2++ < 2).to($ => $), [D('a'), SE()], 'Da Da Da SE')
r('loop', $ => $.loop($ => $.replaceData(d => d.toString().length < 4 ? D(d + 'x') : SE())), [D('a')], 'Dax Daxx Daxxx SE')
r('link', $ => $.link().to($ => $.replaceData(D('L'))), [D('a'), SE()], 'DL SE')
r('linkAsync', $ => $.linkAsync().to($ => $.replaceData(D('L'))), [D('a'), SE()], 'DL SE')
r('branch', $ => $.branch(() => false, $ => $.replaceData(D('1')), () => true, $ => $.replaceData(D('2'))), [D('a'), SE()], 'D2 SE')
r('branch default', $ => $.branch(() => false, $ => $.replaceData(D('1')), $ => $.replaceData(D('3'))), [D('a'), SE()], 'D3 SE')
r('branchMS', $ => $.branchMessageStart(m => m.head.x, $ => $.replaceData(D('1')), $ => $.replaceData(D('3'))), [D('h'), M({ x: 1 }, 'q'), SE()], 'D1 MS{"x":1} D1 ME SE')
r('branchM', $ => $.branchMessage(m => m.body.toString() === 'q', $ => $.replaceData(D('1')), $ => $.replaceData(D('3'))), [M({ x: 1 }, 'q'), SE()], 'MS{"x":1} D1 ME SE')
r('pipe str', $ => $.pipe('k', { k: $ => $.replaceData(D('K')) }), [D('a'), SE()], 'DK SE')
r('pipe fn', $ => $.pipe(e => e instanceof Data ? 'k' : null, { k: $ => $.replaceData(D('K')) }), [MS(), D('a'), SE()], 'MS DK SE')
r('pipe unknown', $ => $.pipe(() => 'zz', { k: $ => $ }), [D('a')], "SEpipeline 'zz' not found")
r('pipe chain', $ => $.pipe(['a', 'b'], { a: $ => $.replaceData(d => D(d + 'a')).pipeNext().replaceData(d => D(d + 'A')), b: $ => $.replaceData(d => D(d + 'b')).pipeNext() }), [D('x'), SE()], 'DxabA SE')
r('pipe args', $ => $.pipe('k', { k: $ => $.onStart((a, b) => D(a + b)) }, ['p', 'q']), [D('a'), SE()], 'Dpq Da SE')
r('pipe args fn', $ => $.pipe('k', { k: $ => $.onStart((a, b) => D(a + b)) }, e => ['p', e.toString()]), [D('a'), SE()], 'Dpa Da SE')
r('pipeNext args', $ => $.pipe(['a', 'b'], { a: $ => $.onStart(() => {}).pipeNext(() => ['z']), b: $ => $.onStart(a => D(a)) }, ['o']), [D('x'), SE()], 'Dz Dx SE')
r('compress', $ => $.compress('gzip').decompress('gzip'), [M('hello'), SE()], 'MS Dhello ME SE')
r('compress2', $ => $.compress('deflate').decompress('inflate'), [M('hello'), SE()], 'MS Dhello ME SE')
r('compress fn', $ => $.compress(m => m.head.c).decompress(m => 'gzip'), [M({ c: 'gzip' }, 'hello'), SE()], 'MS{"c":"gzip"} Dhello ME SE')
r('compressHTTP', $ => $.compressHTTP('gzip').handleMessageStart(m => ce = m.head.headers['content-encoding']).decompressHTTP(), [M({ headers: {} }, 'hello'), SE()], 'MS{"headers":{}} Dhello ME SE')
var ce
r('deframe', $ => $.deframe({ start: b => [MS({ b }), 'body', 3, new Data], body: d => [d, ME(), 'start'] }), [D('1ab'), D('c2def'), SE()], 'MS{"b":49} Dabc ME MS{"b":50} Ddef ME SE')
r('deframe pass', $ => $.deframe({ start: b => ['body', 2], body: d => 'start' }), [D('1ab2cd'), SE()], 'Dab Dcd SE')
r('deframe unknown', $ => $.deframe({ start: b => 'nope' }), [D('1')], 'SEinvalid state')
r('ws', $ => $.encodeWebSocket().decodeWebSocket(), [M({ opcode: 1, masked: true }, 'hello'), SE()], 'MS{"opcode":1,"masked":true} Dhello ME SE')
r('ws def', $ => $.encodeWebSocket().decodeWebSocket(), [M('hello'), SE()], 'MS{"opcode":2,"masked":false} Dhello ME SE')
r('mux', $ => $.mux(() => 'k').to($ => $.replaceMessage(m => M('r' + m.body))), [M('a'), SE()], 'MS Dra ME SE')
r('demux', $ => $.demux().to($ => $.replaceMessage(m => m.body.toString() === 'a' ? new Timeout(0.02).wait().then(() => M('A')) : M('B'))), [M('a'), M('b'), SE()], 'MS DA ME MS DB ME SE')
r('demux out2', $ => $.demux({ outputCount: 2 }).to($ => $.replaceMessage(m => [M('1'), M('2')])), [M('a'), SE()], 'MS D1 ME MS D2 ME SE')
r('demux out0', $ => $.demux({ outputCount: 0 }).to($ => $.dummy()), [M('a'), SE()], 'SE')
r('demux neg', $ => $.demux({ outputCount: -1 }).to($ => $.replaceMessage(m => [M('1'), M('2'), M('3'), SE()])), [M('a'), SE()], 'MS D1 ME MS D2 ME MS D3 ME SE')
r('demux fn', $ => $.demux({ outputCount: ms => ms.head.n }).to($ => $.replaceMessage(m => [M('1'), M('2')])), [M({ n: 2 }), SE()], 'MS D1 ME MS D2 ME SE')
r('exec2', $ => $.exec(['sh', '-c', 'echo x; echo y >&2'], { stderr: true }), [D('')], 'Dx\ny\n SE')
r('exec onExit', $ => $.exec('sh -c "echo x; exit 4"', { onExit: (c, e) => [D('c' + c), SE()] }), [D('')], 'Dx\n Dc4 SE')
r('exec none', $ => $.exec(''), [D('')], 'SEexec() with no arguments')
r('read', $ => $.read(file + '.in'), [D('')], 'Dabcdef SE')
r('read seek', $ => $.read(() => file + '.in', { seek: 4, size: 1 }), [D('')], 'De SE')
r('tee', $ => $.tee(file + '.tee').replaceStreamEnd(e => [D(os.read(file + '.tee').toString()), e]), [D('a'), D('b'), SE()], 'Da Db Dab SE')
r('deposit', $ => $.depositMessage(file + '.dep', { threshold: 2 }), [MS(), D('ab'), D('cd'), ME(), SE()], 'MS Dab Dcd ME SE')
r('dump', $ => $.dump('tag'), [D('a'), SE()], 'Da SE')
r('quota msg', $ => $.throttleMessageRate(new algo.Quota(1, { per: 0.1, produce: 1 })), [M('a'), M('b'), SE()], 'MS Da ME MS Db ME SE')
r('quota data', $ => $.throttleDataRate(() => new algo.Quota(2, { per: 0.05, produce: 2 }), { blockInput: false }), [D('abcd'), SE()], 'Dab Dcd SE')
r('quota conc', $ => $.throttleConcurrency(new algo.Quota(1)), [M('a'), SE()], 'MS Da ME SE')
r('detect', $ => $.detectProtocol(p => { proto = p }).replaceStreamEnd(e => [D('P' + proto), e]), [D('GET / HTTP/1.1\r\n\r\n'), SE()], 'DGET / HTTP/1.1\r\n\r\n DPHTTP SE')
var proto
r('swap bad', $ => $.swap(() => 5), [D('a')], 'SEcallback did not return a Hub')
r('httpenc', $ => $.encodeHTTPRequest(), [M({ method: 'POST', path: '/x', headers: { A: 'b', c: ['1', '2'], n: null } }, 'hi'), SE()], 'DPOST /x HTTP/1.1\r\nA: b\r\nc: 1\r\nc: 2\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nhi SE')

Promise.all(ends).then(() => {
  [ '.in', '.tee' ].forEach(end => os.rm(file + end))
  println(rows, 'rows,', wrong, 'wrong,', os.stat(file + '.dep') === null)
  pipy.exit(0)
})
