//! Scripts that try to exhaust what there is, and to break what natives rely on. Whatever they do, under a ceiling of memory
//! as an agent's: the process lives, the script's own pipeline ends or gets an exception that names the limit, its value and
//! its option, and other connections are served. Source: issue 4, "Limits for scripts"; pipyjs/cli.md section 2.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use ballast_tests::{Process, bin, free_port, poll};

use crate::support::DEADLINE;

/// Memory of the process, KiB: heap, Data and filters of the scripts below it together.
const CEILING_KIB: u32 = 256 << 10;
const FLAGS: &[&str] = &[
    "--script-heap=16m",
    "--script-data=32m",
    "--script-stack=128k",
    "--script-time=1s",
    "--script-timers=100",
    "--max-connections=40",
];

/// A server that does what `bad` says when it is told so, and answers everybody else with what was made before.
fn serve(bad: &str) -> (Process, u16) {
    let port = free_port();
    let bad = bad.replace("PORT", &port.to_string());
    let script = format!(
        "pipy({{ _good: [new Data('good'), new StreamEnd], _done: [new Data('done'), new StreamEnd], _bad: new Data('bad'),
            _g: {{ all: [], n: 0 }} }})
          .listen('127.0.0.1:{port}')
          .replaceData(d => d.size === 3 ? ({bad}, _done) : d.size > 0 ? _good : undefined)"
    );
    let mut command = Command::new("sh");
    let ceiling = format!("ulimit -d {CEILING_KIB}; exec \"$0\" \"$@\"");
    command
        .args(["-c", &ceiling])
        .arg(bin("ballast"))
        .args(["run", "--no-graph"]);
    command.args(FLAGS).arg(&script);
    let mut process = Process::spawn("ballast", &mut command).expect("it starts");
    process.wait_output(DEADLINE, "listening on");
    (process, port)
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a time");
    stream
}

/// Sends a word: what comes back until the connection closes.
fn ask(mut stream: TcpStream, word: &str) -> String {
    stream.write_all(word.as_bytes()).expect("it is open");
    let mut answer = String::new();
    // A reset is an end like any other.
    stream.read_to_string(&mut answer).ok();
    answer
}

/// What the answer to the bad word may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ends {
    /// Its pipeline ends with an error, which is logged.
    Badly,
    /// It is done: what it asked for was refused, or did no harm.
    Well,
}

/// What went wrong, if anything did.
fn check(name: &str, bad: &str, ends: Ends, said: &str) -> Result<(), String> {
    let (mut process, port) = serve(bad);
    let early = connect(port);
    let before = ask(connect(port), "good");
    let began = Instant::now();
    let answer = ask(connect(port), "bad");
    let took = began.elapsed();
    let is_logged = poll(DEADLINE, || process.output().contains(said).then_some(())).is_some();
    let (early, after) = (ask(early, "good"), ask(connect(port), "good"));
    for (what, holds) in [
        ("a good word is answered", before == "good"),
        (
            "the bad one ends as it should",
            answer == if ends == Ends::Well { "done" } else { "" },
        ),
        ("in time", took < Duration::from_secs(20)),
        (said, is_logged),
        ("a connection of before is served", early == "good"),
        ("new ones are", after == "good"),
        ("the process lives", process.is_running()),
    ] {
        if !holds {
            return Err(format!(
                "{name}: not so: {what}; {answer:?} after {took:?}\n{}",
                process.output()
            ));
        }
    }
    Ok(())
}

/// All rows are tried.
#[track_caller]
fn check_all<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str, Ends, &'a str)>) {
    let rows = rows.into_iter();
    let failed: Vec<String> = rows
        .filter_map(|(name, bad, ends, said)| check(name, bad, ends, said).err())
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

const HEAP: &str = "the heap of the scripts has 16m (--script-heap) at most";
const DATA: &str = "out of memory: Data of scripts take 32m (--script-data)";
const TIME: &str = "a call of a script takes 1s (--script-time) at most";
const STACK: &str = "the stack of scripts has 128k (--script-stack) at most";

#[test]
fn memory_and_time_have_an_end() {
    let rows = [
        (
            "texts",
            "repeat(() => void _g.all.push('x'.repeat(1000) + _g.n++))",
            HEAP,
        ),
        (
            "one text",
            "repeat(() => void (_g.s = (_g.s || 'x') + _g.s))",
            "string too long",
        ),
        ("objects", "repeat(() => void _g.all.push({ n: _g.n++ }))", HEAP),
        (
            "an endless iterator",
            "[...{ *[Symbol.iterator]() { while (1) yield {} } }]",
            HEAP,
        ),
        (
            "typed arrays",
            "repeat(() => void _g.all.push(new Uint8Array(1 << 20)))",
            HEAP,
        ),
        (
            "Data",
            "repeat(() => void _g.all.push(new Data('x'.repeat(1000))))",
            DATA,
        ),
        (
            "Data of Data",
            "(d => repeat(() => void d.push(d)))(new Data('x'))",
            DATA,
        ),
        (
            "messages",
            "repeat(() => void _g.all.push(new Message('x'.repeat(10000))))",
            DATA,
        ),
        (
            "pieces of what came",
            "repeat(() => void _g.all.push(new Data(d)))",
            "out of memory",
        ),
        ("a loop", "repeat(() => {})", TIME),
        ("a loop of a text", "new Function('while (true);')()", TIME),
        (
            "sorting",
            "(f => repeat(() => void f()))(() => new Array(10000).fill(0).sort(() => Math.random() - 0.5))",
            TIME,
        ),
        ("backtracking", "new RegExp('^(a+)+$').test('a'.repeat(50) + 'b')", TIME),
        ("recursion", "(f => f(f))(f => f(f) + 1)", STACK),
        (
            "recursion through natives",
            "(f => f(f))(f => [1].map(() => f(f)))",
            STACK,
        ),
        (
            "recursion of toString",
            "(o => (o.toString = () => '' + o, '' + o))({})",
            STACK,
        ),
    ];
    check_all(rows.map(|(name, bad, said)| (name, bad, Ends::Badly, said)));
}

#[test]
fn what_can_be_made_is_counted() {
    let rows = [
        (
            "timers",
            "new Array(101).fill(0).forEach(() => new Timeout(60).wait())",
            "more than 100 timeouts are pending (--script-timers)",
        ),
        (
            "shared maps",
            "repeat(() => void new algo.SharedMap('m' + _g.n++).set('k', 1))",
            "more than 1024 shared maps",
        ),
        (
            "one shared map",
            "(m => repeat(() => void m.set('k' + _g.n++, 'x'.repeat(10000))))(new algo.SharedMap('m'))",
            "a shared map takes no more than 8388608 bytes, and all together 16777216",
        ),
        (
            "the bytes of shared maps",
            "repeat(() => void new algo.SharedMap('m' + _g.n++).set('k', 'x'.repeat(1000000)))",
            "a shared map takes no more than 8388608 bytes, and all together 16777216",
        ),
        (
            "the name of a shared map",
            "new algo.SharedMap('x'.repeat(2000))",
            "the name of a shared map has at most 1024 bytes",
        ),
        (
            "quotas with a key",
            "repeat(() => void new algo.Quota(1, { key: 'k' + _g.n++ }))",
            "more than 4096 quotas have a key",
        ),
        (
            "labels of metrics",
            "(c => repeat(() => void c.withLabels('l' + _g.n++)))(new stats.Counter('c', ['l']))",
            "more than 20000 label values",
        ),
        ("watches", "repeat(() => void pipy.watch('f' + _g.n++))", "watch"),
        (
            "look-ups",
            "repeat(() => void DNS.resolve('h' + _g.n++ + '.invalid'))",
            "more than 1024 names",
        ),
        ("callbacks at the exit", "repeat(() => void pipy.exit(() => 0))", "exit"),
        (
            "pipelines",
            "(p => repeat(() => void p.spawn()))(pipeline($ => $.dummy()))",
            HEAP,
        ),
        ("a full disk", "os.write('/dev/full', 'x'.repeat(100000))", "/dev/full"),
        (
            "a file without an end",
            "os.read('/dev/zero')",
            "cannot open file: /dev/zero",
        ),
        (
            "a bomb of deflate",
            "(d => (new Array(5).fill(0).forEach(() => d.push(d)), zlib.inflate(zlib.deflate(d))))(new Data('x'.repeat(600000)))",
            "zlib.inflate: more than 16777216 bytes come out",
        ),
        ("a text of 512 MB", "'x'.repeat(1 << 29)", "Error"),
        ("a padded text", "'x'.padStart(1 << 29)", "Error"),
        ("nested JSON", "JSON.parse('['.repeat(1000000))", "Error"),
        (
            "wide JSON",
            "JSON.parse('[' + '[],'.repeat(1000000) + '0]')",
            "out of memory",
        ),
        (
            "aliases of YAML",
            "JSON.encode(YAML.decode(new Data('a: &a [x, x, x, x, x, x, x, x, x, x]\\n' + 'bcdefghi'.split('').map((k, i) => \
             k + ': &' + k + ' [' + new Array(10).fill('*' + 'abcdefgh'[i]).join(', ') + ']\\n').join(''))))",
            HEAP,
        ),
        ("nested YAML", "YAML.decode(new Data('['.repeat(100000)))", "Error"),
    ];
    check_all(rows.map(|(name, bad, said)| (name, bad, Ends::Badly, said)));
}

#[test]
fn what_natives_read_may_throw() {
    let rows = [
        (
            "options with a getter",
            "new algo.Quota(1, { get per() { throw new Error('hostile') } })",
        ),
        (
            "a cache's options",
            "new algo.Cache(null, null, { get size() { throw new Error('hostile') } })",
        ),
        (
            "toPrimitive",
            "new URL({ [Symbol.toPrimitive]() { throw new Error('hostile') } })",
        ),
        ("toString", "os.read({ toString() { throw new Error('hostile') } })"),
        ("valueOf", "new Timeout({ valueOf() { throw new Error('hostile') } })"),
        (
            "a proxy as options",
            "new algo.Quota(1, new Proxy({}, { get() { throw new Error('hostile') } }))",
        ),
        (
            "a proxy as JSON",
            "JSON.encode(new Proxy({}, { ownKeys() { throw new Error('hostile') } }))",
        ),
        ("a key", "_g[{ toString() { throw new Error('hostile') } }] = 1"),
        (
            "an array that is none",
            "new Data(new Proxy([1], { get() { throw new Error('hostile') } }))",
        ),
    ];
    check_all(rows.map(|(name, bad)| (name, bad, Ends::Badly, "hostile")));
}

#[test]
fn what_is_allowed_harms_only_itself() {
    let rows = [
        // What it gives is null.
        ("nested XML", "XML.decode(new Data('<a>'.repeat(100000)))"),
        // Each callback makes another one: others are served between.
        (
            "promises without an end",
            "(f => f(f))(f => Promise.resolve().then(() => f(f)))",
        ),
        (
            "long promises without an end",
            "(f => f(f))(f => Promise.resolve().then(() => (new Array(20000).fill(0).map(n => n + 1), f(f))))",
        ),
        (
            "promises that multiply",
            "(f => f(f))(f => Promise.resolve().then(() => (f(f), f(f))))",
        ),
        (
            "rejections",
            "new Array(1000).fill(0).forEach(() => Promise.reject(new Error('mine')))",
        ),
        (
            "Object.prototype",
            "['size', 'head', 'body', 'path', 'tls', 'status', 'headers', 'then'].forEach(k => \
             Object.defineProperty(Object.prototype, k, { get() { throw new Error('polluted') }, configurable: true }))",
        ),
        (
            "Array.prototype",
            "['push', 'forEach', 'map', 'join', Symbol.iterator].forEach(k => { Array.prototype[k] = null })",
        ),
        (
            "Function.prototype",
            "(Function.prototype.call = null, Function.prototype.apply = null, Function.prototype.bind = null)",
        ),
        (
            "globals",
            "Object.getOwnPropertyNames(globalThis).forEach(k => { try { delete globalThis[k] } catch {} })",
        ),
        (
            "frozen globals",
            "(Object.freeze(Object.prototype), Object.freeze(Array.prototype), Object.freeze(globalThis))",
        ),
        (
            "frozen heads",
            "pipeline($ => $.onStart(new Message(Object.freeze({ status: 200, headers: Object.freeze({ a: 'b' }) }), 'x'))\
             .encodeHTTPResponse().decodeHTTPResponse().handleMessageStart(m => { Object.freeze(m.head); m.head.x = 1 })).spawn()",
        ),
        (
            "children",
            "(p => new Array(300).fill(0).forEach(() => p.spawn()))(pipeline($ => $.onStart(new Data).exec('sleep 100')))",
        ),
    ];
    check_all(rows.map(|(name, bad)| (name, bad, Ends::Well, "listening")));
}

/// At the limit connecting is refused, with the option that sets it; who is connected is served.
#[test]
fn connections_have_an_end() {
    // Nobody accepts there: what connects stays.
    let hole = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let target = hole.local_addr().expect("bound");
    let bad = format!(
        "new Array(100).fill(0).forEach(() => _g.all.push(new http.Agent('{target}').request('GET', '/').catch(() => 0)))"
    );
    let (mut process, port) = serve(&bad);
    let early = connect(port);
    assert_eq!(ask(connect(port), "bad"), "done");
    process.wait_output(DEADLINE, "as many connections as it may (--max-connections)");
    assert_eq!(ask(early, "good"), "good", "{}", process.output());
}
