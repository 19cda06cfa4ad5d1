//! Pipelines that scripts start by themselves: `spawn`, `process`, `pipy.read`. Source: pipyjs/model.md 1.2 "Ending", 1.3,
//! 1.5.3, section 3.

use crate::worker::testing::{DEADLINE, codebase, eventually, exchange, free_port, serve};
use crate::worker::{Engine, Notice, Options};

/// Runs statements that end in a call of `done(ok)`, as a main script.
#[track_caller]
fn check(name: &str, statements: &str) -> impl Future<Output = ()> {
    let script = format!("var done = ok => pipy.exit(ok ? 3 : 4)\n{statements}");
    let name = name.to_owned();
    async move {
        let engine = Engine::start(codebase("1", &[("/main.js", script.as_str())]), Options::default()).await;
        let mut engine = engine.unwrap_or_else(|error| panic!("{name}: {error}"));
        let notice = tokio::time::timeout(DEADLINE, engine.notice()).await;
        assert_eq!(notice.ok(), Some(Notice::Exit(3)), "{name}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn spawned_pipelines() {
    for (name, statements) in [
        (
            "the result is what onEnd returns",
            "pipeline($ => $.onStart((a, b) => new Message(a + b)).replaceMessage(m => [m, new StreamEnd]).onEnd(() => 7))\
             .spawn('a', 'b').then(r => done(r === 7))",
        ),
        (
            "no onEnd",
            "pipeline($ => $.onStart(new StreamEnd)).spawn().then(r => done(r === undefined))",
        ),
        (
            "a promise as result",
            "pipeline($ => $.onStart(new StreamEnd).onEnd(() => new Timeout(0.01).wait().then(() => 5)))\
             .spawn().then(r => done(r === 5))",
        ),
        (
            "onEnd throws",
            "pipeline($ => $.onStart(new StreamEnd).onEnd(() => no.way)).spawn().then(r => done(r === undefined))",
        ),
        (
            "a context of its own",
            "var $n = 1, run = n => pipeline($ => $.onStart(() => { $n += n; return new Timeout(0.01).wait().then(() => new StreamEnd) })\
             .onEnd(() => $n)).spawn()\n\
             Promise.all([run(1), run(2)]).then(all => done(all.join() === '2,3'))",
        ),
        (
            "in a callback",
            "pipeline($ => $.onStart(() => pipeline($ => $.onStart(x => new Data(x)).handleData(() => {})\
             .replaceData(() => new StreamEnd).onEnd(() => 'inner')).spawn('x').then(r => (done(r === 'inner'), new StreamEnd))))\
             .spawn()",
        ),
        (
            "process: events",
            "var got = []\n\
             pipeline($ => $.handleData(d => got.push(d.toString())).onEnd(() => got.join('')))\
             .process([new Data('a'), new Data('b'), new StreamEnd]).then(r => done(r === 'ab'))",
        ),
        (
            "process: a function, again and again",
            "var n = 0, got = []\n\
             pipeline($ => $.handleData(d => got.push(d.toString())).onEnd(() => got.join('')))\
             .process(() => ++n > 3 ? new StreamEnd : n % 2 ? new Data('' + n) : new Timeout(0.01).wait().then(() => new Data('p' + n)))\
             .then(r => done(r === '1p23' && n === 4))",
        ),
        (
            "process: until it returns no events",
            "var n = 0\n\
             pipeline($ => $.replaceData(d => d.toString() === 'c' ? new StreamEnd : d).onEnd(() => n))\
             .process(() => ++n < 3 ? new Data('ab'[n - 1]) : null)\n\
             new Timeout(0.1).wait().then(() => done(n === 3))",
        ),
        (
            "process: a function that throws",
            "var ended\n\
             pipeline($ => $.handleStreamEnd(e => { ended = e.error }).onEnd(() => ended instanceof Error))\
             .process(() => no.way).then(done)",
        ),
        (
            "process: in the context of the caller",
            "var $n = 0, seen = []\n\
             pipeline($ => $.onStart(() => { $n = 5; return pipeline($ => $).process(() => (seen.push($n), new StreamEnd)).then(() => new StreamEnd) }))\
             .spawn().then(() => done(seen.join() === '5'))",
        ),
        (
            "promises from one spawn to the next",
            "var n = 0, run = () => pipeline($ => $.onStart(new StreamEnd)).spawn().then(() => ++n < 1000 ? run() : done(true))\nrun()",
        ),
    ] {
        check(name, statements).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn files_are_read_as_streams() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    let bytes: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
    std::fs::write(&path, &bytes).expect("written");
    let path = path.display();
    check(
        "a file",
        &format!(
            "var size = 0, arg\n\
             pipy.read('{path}', $ => $.onStart(a => {{ arg = a }}).handleData(d => {{ size += d.size }}).onEnd(() => 'end'), 'arg')\
             .then(r => done(r === 'end' && size === 300000 && arg === 'arg'))"
        ),
    )
    .await;
    check(
        "no such file",
        "pipy.read('/no/such/file', $ => $).catch(e => done(e instanceof Error))",
    )
    .await;
    check(
        "a folder",
        "pipy.read('/', $ => $).catch(e => done(e instanceof Error))",
    )
    .await;
    check(
        "files after one another, more than at a time",
        &format!(
            "var n = 0, run = () => pipy.read('{path}', pipeline($ => $)).then(() => ++n < 100 ? run() : done(true))\nrun()"
        ),
    )
    .await;
}

/// A script that asks for nothing more has nothing left to do.
#[tokio::test(flavor = "current_thread")]
async fn a_script_without_ports_ends() {
    let script = "pipeline($ => $.onStart(() => new Timeout(0.05).wait().then(() => new StreamEnd))).spawn()";
    let mut engine = Engine::start(codebase("1", &[("/main.js", script)]), Options::default())
        .await
        .expect("starts");
    assert_eq!(
        tokio::time::timeout(DEADLINE, engine.notice()).await.ok(),
        Some(Notice::Idle)
    );
}

/// What no connection asked for ends with its version; what one did goes on.
#[tokio::test(flavor = "current_thread")]
async fn a_reload_ends_pipelines_in_the_background() {
    let port = free_port();
    let script = format!(
        "var wait = () => new Promise(() => {{}})\n\
         var run = () => pipeline($ => $.onStart(wait)).spawn().then(run)\nrun()\n\
         pipy.listen({port}, $ => $)"
    );
    let files = codebase("1", &[("/main.js", script.as_str())]);
    let mut engine = Engine::start(files.clone(), Options::default()).await.expect("starts");
    let counters = engine.counters();
    let count = || counters.iter().map(|of| of.pipelines.get()).sum::<i64>();
    eventually("one pipeline", || count() == 1).await;
    for _ in 0..3 {
        engine.reload(files.clone()).await.expect("reloads");
    }
    eventually("one pipeline again", || count() == 1).await;
    drop(engine);
    let served = serve(
        "pipy.listen(PORT, $ => $.replaceData(d => pipeline($ => $.onStart(() => new Timeout(0.01).wait().then(() => new StreamEnd))\
         .onEnd(() => new Data('<' + d + '>'))).spawn()))",
    )
    .await;
    assert_eq!(exchange(served.port, b"x").await, b"<x>");
}
