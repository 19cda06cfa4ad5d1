//! Every filter in the table keeps the rules of pipeline/filter.rs, whatever comes in: reset equals new, a StreamEnd
//! leaves at most once and nothing follows it, input may be split anywhere, an exception ends the stream with a reason,
//! nothing panics. A filter without a row here fails.

use crate::codebase::Codebase;
use crate::event::{Event, MessageEnd, MessageStart, Reason};
use crate::filters;
use crate::globals;
use crate::js::{Callback, Facts, Host};
use crate::limits::ScriptLimits;
use crate::metrics::Blame;
use crate::pipeline::{Args, Child, Cx, Instance, Layout, Modules, Output, Realm, Sink, Work};
use crate::script::Loader;
use crate::worker::testing::codebase;
use bytes::Bytes;
use rquickjs::{Ctx, Value};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// What can be said of a filter's output.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Outcome {
    /// The same each time.
    Same,
    /// It depends on a peer, on time or on random numbers.
    Varies,
}
use Outcome::{Same, Varies};

/// The call that adds the filter; one whose callback throws, if it has callbacks. `'s'` passes events through, `/m.js`
/// has such an entrance.
pub(super) const ROWS: &[(&str, Option<&str>, Outcome)] = &[
    (
        "acceptHTTPTunnel(() => new Message({ status: 403 })).to('s')",
        Some("acceptHTTPTunnel(() => no.way).to('s')"),
        Same,
    ),
    ("acceptProxyProtocol(() => true).to('s')", None, Same),
    ("acceptSOCKS(() => true).to('s')", None, Same),
    ("acceptTLS({ certificate: () => null }).to('s')", None, Varies),
    ("branch(() => true, 's')", Some("branch(() => no.way, 's')"), Same),
    (
        "branchMessage(m => m.body.size >= 0, 's')",
        Some("branchMessage(m => no.way, 's')"),
        Same,
    ),
    (
        "branchMessageStart(m => true, 's')",
        Some("branchMessageStart(m => no.way, 's')"),
        Same,
    ),
    ("chain(['m.js'])", None, Same),
    ("compress('gzip')", Some("compress(() => no.way)"), Varies),
    ("compressHTTP('deflate')", Some("compressHTTP(() => no.way)"), Varies),
    ("connect('127.0.0.1:1')", None, Varies),
    (
        "connectHTTPTunnel('h:1').to('s')",
        Some("connectHTTPTunnel(() => no.way).to('s')"),
        Same,
    ),
    (
        "connectProxyProtocol({}).to('s')",
        Some("connectProxyProtocol(() => no.way).to('s')"),
        Same,
    ),
    (
        "connectSOCKS(() => 'a:1').to('s')",
        Some("connectSOCKS(() => no.way).to('s')"),
        Same,
    ),
    ("connectTLS().to('s')", None, Varies),
    ("decodeDubbo()", None, Same),
    ("decodeHTTPRequest()", None, Same),
    ("decodeHTTPResponse()", None, Same),
    ("decodeMQTT()", None, Same),
    ("decodeMultipart()", None, Same),
    ("decodeRESP()", None, Same),
    ("decodeThrift()", None, Same),
    ("decodeWebSocket()", None, Same),
    ("decompress('gzip')", Some("decompress(() => no.way)"), Same),
    ("decompressHTTP()", Some("decompressHTTP(() => no.way)"), Same),
    (
        "deframe({ A: b => [new MessageStart, 'B', 3], B: () => [new MessageEnd, 'A'] })",
        Some("deframe({ A: () => no.way })"),
        Same,
    ),
    (
        "demux().to('s')",
        Some("demux({ outputCount: () => no.way }).to('s')"),
        Same,
    ),
    ("demuxHTTP().to('s')", None, Same),
    ("detectProtocol(() => 0)", Some("detectProtocol(() => no.way)"), Same),
    ("dummy()", None, Same),
    ("dump()", Some("dump(() => no.way)"), Same),
    ("encodeDubbo()", None, Same),
    ("encodeHTTPRequest()", None, Same),
    ("encodeHTTPResponse()", None, Same),
    ("encodeMQTT()", None, Same),
    ("encodeRESP()", None, Same),
    (
        "encodeThrift({ payload: { type: 'call', name: 'n' } })",
        Some("encodeThrift({ payload: () => no.way })"),
        Same,
    ),
    ("encodeWebSocket()", None, Same),
    ("fork([1, 2]).to('s')", Some("fork(() => no.way).to('s')"), Same),
    ("forkJoin([1, 2]).to('s')", Some("forkJoin(() => no.way).to('s')"), Same),
    ("forkRace([1, 2]).to('s')", Some("forkRace(() => no.way).to('s')"), Same),
    ("handle(e => e.type)", Some("handle(() => no.way)"), Same),
    ("handleData(d => d.size)", Some("handleData(() => no.way)"), Same),
    (
        "handleMessage(m => m.body.size)",
        Some("handleMessage(() => no.way)"),
        Same,
    ),
    (
        "handleMessageBody(b => b.size)",
        Some("handleMessageBody(() => no.way)"),
        Same,
    ),
    (
        "handleMessageEnd(e => e.tail)",
        Some("handleMessageEnd(() => no.way)"),
        Same,
    ),
    (
        "handleMessageStart(e => e.head)",
        Some("handleMessageStart(() => no.way)"),
        Same,
    ),
    (
        "handleStreamEnd(e => e.error)",
        Some("handleStreamEnd(() => no.way)"),
        Same,
    ),
    (
        "handleStreamStart(e => e.type)",
        Some("handleStreamStart(() => no.way)"),
        Same,
    ),
    ("handleTLSClientHello(() => 0)", None, Same),
    ("insert(() => new Data('i'))", Some("insert(() => no.way)"), Same),
    ("link(() => 's')", Some("link(() => no.way)"), Same),
    ("linkAsync(() => 's')", Some("linkAsync(() => no.way)"), Same),
    ("loop().to($ => $.dummy())", None, Same),
    ("merge('s', () => 'k')", Some("merge('s', () => no.way)"), Same),
    ("mux(() => 'k').to('s')", Some("mux(() => no.way).to('s')"), Same),
    (
        "muxHTTP(() => 'k').to('s')",
        Some("muxHTTP(() => no.way).to('s')"),
        Varies,
    ),
    ("pack(2, { separator: ',' })", None, Same),
    ("print()", None, Same),
    ("produce(() => new StreamEnd)", Some("produce(() => no.way)"), Same),
    ("replace(e => e)", Some("replace(() => no.way)"), Same),
    ("replaceData(d => d)", Some("replaceData(() => no.way)"), Same),
    ("replaceMessage(m => m)", Some("replaceMessage(() => no.way)"), Same),
    (
        "replaceMessageBody(b => b)",
        Some("replaceMessageBody(() => no.way)"),
        Same,
    ),
    (
        "replaceMessageEnd(e => [e, new Data('e')])",
        Some("replaceMessageEnd(() => no.way)"),
        Same,
    ),
    (
        "replaceMessageStart(e => [new Data('s'), e])",
        Some("replaceMessageStart(() => no.way)"),
        Same,
    ),
    (
        "replaceStreamEnd(e => [new Data('z'), e, e])",
        Some("replaceStreamEnd(() => no.way)"),
        Same,
    ),
    (
        "replaceStreamStart(e => [new Data('a'), e])",
        Some("replaceStreamStart(() => no.way)"),
        Same,
    ),
    (
        "repeat(() => false).to('s')",
        Some("repeat(() => no.way).to('s')"),
        Same,
    ),
    ("replay().to('s')", None, Same),
    ("serveHTTP(() => new Message('x'))", None, Varies),
    ("split('l')", Some("split(() => no.way)"), Same),
    (
        "depositMessage('/dev/null', { threshold: 3, keep: true })",
        Some("depositMessage(() => no.way)"),
        Varies,
    ),
    ("exec('cat')", Some("exec(() => no.way)"), Varies),
    (
        "input(o => 0).to($ => $.output(() => null))",
        Some("input(() => no.way).to('s')"),
        Same,
    ),
    ("output()", Some("output(() => no.way)"), Varies),
    ("pipe('s')", Some("pipe(() => no.way)"), Same),
    ("pipeNext()", None, Same),
    ("read('/dev/null')", Some("read(() => no.way)"), Varies),
    ("swap(new Swap)", Some("swap(() => no.way)"), Same),
    ("tee('/dev/null')", Some("tee(() => no.way)"), Same),
    (
        "throttleConcurrency(new algo.Quota(1))",
        Some("throttleConcurrency(() => no.way)"),
        Same,
    ),
    (
        "throttleDataRate(new algo.Quota(1e9))",
        Some("throttleDataRate(() => no.way)"),
        Same,
    ),
    (
        "throttleMessageRate(new algo.Quota(1e9))",
        Some("throttleMessageRate(() => no.way)"),
        Same,
    ),
    ("use('m.js')", None, Same),
    ("wait(() => true)", Some("wait(() => no.way)"), Same),
];

/// A host of scripts that ask nothing of it but files.
struct FilesOnly(Arc<Codebase>);

impl Host for FilesOnly {
    fn load(&self, path: &str) -> Option<Bytes> {
        self.0.get(path).cloned()
    }
    fn list(&self, _dir: &str) -> Vec<String> {
        Vec::new()
    }
    fn solve<'js>(&self, ctx: &Ctx<'js>, _path: &str) -> rquickjs::Result<Value<'js>> {
        Ok(Value::new_null(ctx.clone()))
    }
    fn exit(&self, _code: i32) {}
    fn mount(&self, _name: &str, _dir: &str) -> Result<(), String> {
        Err("there is no worker".to_owned())
    }
    fn unmount(&self, _name: &str) {}
    fn patch(&self, _path: &str, _contents: Bytes) -> Result<(), String> {
        Err("there is no worker".to_owned())
    }
    fn on_exit(&self, _callback: Callback) -> bool {
        true
    }
    fn restart(&self) {}
    fn watch(&self, _path: &str, _fire: Box<dyn FnOnce(Vec<String>)>) -> bool {
        true
    }
    fn log(&self, _name: &str, _line: &[u8]) {}
    fn gather(&self, _: Box<dyn FnOnce(Vec<crate::series::Metric>)>) {}
    fn facts(&self) -> Facts {
        Facts::default()
    }
}

/// Keeps what a pipeline outputs.
#[derive(Default)]
struct Recorder(RefCell<Vec<Event>>);

impl Sink for Recorder {
    fn event(&self, _cx: &mut Cx<'_>, event: Event) {
        self.0.borrow_mut().push(event);
    }
}

/// A layout with one filter, outside of any worker.
pub(super) struct Bench {
    pub(super) realm: Rc<Realm>,
    layout: Rc<Layout>,
    /// Keeps the scripts.
    _loader: Rc<Loader>,
}

impl Bench {
    pub(super) fn new(text: &str) -> Self {
        let script = format!("pipy().pipeline('t').{text}.pipeline('s').handleData(() => {{}})");
        let files: Arc<Codebase> = codebase("1", &[("/main.js", &script), ("/m.js", "pipy().pipeline().chain()")]);
        let realm = Realm::new(
            Rc::new(FilesOnly(files.clone())),
            Arc::default(),
            ScriptLimits::default(),
        )
        .expect("a realm");
        realm.with(globals::install).expect("globals");
        let loader = Loader::new(&realm, files, false).expect("a loader");
        if let Err(error) = loader.load() {
            panic!("{text}: {error}");
        }
        let module = realm.with(|ctx| loader.module(ctx, "/main.js")).expect("it is loaded");
        let layout = module.layout("t").expect("the script has it");
        Bench {
            realm,
            layout,
            _loader: loader,
        }
    }

    /// Runs one pipeline: a turn for each group of events. Then it is ended, and its filters go to the pool.
    pub(super) async fn run(&self, turns: Vec<Vec<Event>>) -> Vec<Event> {
        let recorder = Rc::<Recorder>::default();
        let context = self.realm.scope.context(None);
        let output = Output::Sink(recorder.clone());
        let instance = Instance::create(&self.realm, &self.layout, context, output, None, 0);
        let child = Child::new(instance.clone());
        self.realm
            .turn(None, |_, work| work.push(Work::Start(instance.clone(), Args::None)));
        for events in turns {
            self.realm.turn(None, |_, work| {
                work.extend(events.into_iter().map(|event| Work::Input(instance.clone(), 0, event)));
            });
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        }
        self.realm.turn(None, |_, _| drop(child));
        recorder.0.take()
    }
}

fn start() -> Event {
    Event::MessageStart(MessageStart::default())
}

fn end() -> Event {
    Event::MessageEnd(MessageEnd::default())
}

fn data(text: &str) -> Event {
    Event::Data(text.into())
}

/// Two messages and an end, `cut` bytes in each Data, all in one turn or each event in its own.
fn sample(cut: usize, together: bool) -> Vec<Vec<Event>> {
    let body: Vec<Event> = b"hello"
        .chunks(cut)
        .map(|bytes| data(&String::from_utf8_lossy(bytes)))
        .collect();
    let message = || {
        std::iter::once(start())
            .chain(body.clone())
            .chain(std::iter::once(end()))
    };
    let events = message().chain(message()).chain(std::iter::once(Event::end()));
    match together {
        true => vec![events.collect()],
        false => events.map(|event| vec![event]).collect(),
    }
}

/// As text, with neighbouring Data joined and flushes left out.
fn text(events: &[Event]) -> String {
    let one = |event: &Event| match event {
        Event::MessageStart(_) => "(".to_owned(),
        Event::MessageEnd(_) => ")".to_owned(),
        Event::Data(data) => String::from_utf8_lossy(&data.to_bytes()).into_owned(),
        Event::StreamEnd(Reason::Clean) => ".".to_owned(),
        Event::StreamEnd(Reason::Named(error)) => format!("!{}", error.name()),
        Event::StreamEnd(Reason::Value(_)) => "!".to_owned(),
    };
    events.iter().map(one).collect()
}

#[track_caller]
pub(super) fn check_end(name: &str, events: &[Event]) {
    let first = events.iter().position(|event| matches!(event, Event::StreamEnd(_)));
    let after = first.map_or(0, |first| events.len() - first - 1);
    assert_eq!(after, 0, "{name}: something follows the StreamEnd: {}", text(events));
}

fn random_turns(random: &mut fastrand::Rng) -> Vec<Vec<Event>> {
    let turns = random.usize(1..5);
    let mut event = || match random.u8(0..8) {
        0 | 1 => start(),
        2 | 3 => end(),
        4 | 5 => data("GET / HTTP/1.1\r\n\r\n"),
        6 => Event::flush(),
        _ => Event::end(),
    };
    let count = 4;
    (0..turns).map(|_| (0..count).map(|_| event()).collect()).collect()
}

pub(super) fn name_of(text: &str) -> &str {
    text.split('(').next().unwrap_or(text)
}

#[test]
fn every_filter_has_a_row() {
    let rows: Vec<&str> = ROWS.iter().map(|(text, ..)| name_of(text)).collect();
    for spec in filters::FILTERS {
        let is_refused = filters::REFUSED.contains(&spec.name);
        assert!(
            rows.contains(&spec.name) != is_refused,
            "{} has no row in ROWS",
            spec.name
        );
    }
    for row in rows {
        assert!(
            filters::FILTERS.iter().any(|spec| spec.name == row),
            "{row} is no filter"
        );
    }
}

/// A filter that the engine does not have fails where the script uses it.
#[tokio::test(flavor = "current_thread")]
async fn refused_filters_cannot_be_built() {
    for name in filters::REFUSED {
        let script = format!("pipy().pipeline('t').{name}().to('s').pipeline('s')");
        let files: Arc<Codebase> = codebase("1", &[("/main.js", &script)]);
        let realm = Realm::new(
            Rc::new(FilesOnly(files.clone())),
            Arc::default(),
            ScriptLimits::default(),
        )
        .expect("a realm");
        realm.with(globals::install).expect("globals");
        let loader = Loader::new(&realm, files, false).expect("a loader");
        let error = loader.load().err().map(|error| error.to_string()).unwrap_or_default();
        let expected = format!("{name}() is not in this engine; ");
        assert!(error.contains(&expected), "{name}: {error}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn every_filter_complies() {
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            for (call, throwing, output) in ROWS {
                let bench = Bench::new(call);
                let fresh = text(&bench.run(sample(5, true)).await);
                for cut in 1..=5 {
                    for together in [true, false] {
                        let events = bench.run(sample(cut, together)).await;
                        check_end(call, &events);
                        if *output == Same {
                            assert_eq!(text(&events), fresh, "{call}: split at {cut}, in one turn: {together}");
                        }
                    }
                }
                for seed in 0..100 {
                    let turns = random_turns(&mut fastrand::Rng::with_seed(seed));
                    let events = bench.run(turns).await;
                    check_end(&format!("{call}, seed {seed}"), &events);
                }
                let again = text(&bench.run(sample(5, true)).await);
                if *output == Same {
                    assert_eq!(again, fresh, "{call}: a reset filter is not as a new one");
                }
                if let Some(throwing) = throwing {
                    let bench = Bench::new(throwing);
                    let events = bench.run(sample(5, false)).await;
                    check_end(throwing, &events);
                    let thrown = bench.realm.counters.blame(Blame::Script).get();
                    assert_eq!(thrown, 1, "{throwing}: asked again after its stream has ended");
                    let reasons = events
                        .iter()
                        .any(|event| matches!(event, Event::StreamEnd(Reason::Value(_))));
                    assert!(
                        reasons,
                        "{throwing}: no StreamEnd with the exception: {}",
                        text(&events)
                    );
                }
            }
        })
        .await;
}
