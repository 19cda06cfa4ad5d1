//! Processes, quotas and old spellings: pipyjs/filters.md sections 3, 9 and 11, globals.md section 6.

use crate::limits;
use crate::worker::testing::{DEADLINE, check, check_refused, codebase, eventually, exchange, free_port, serve};
use crate::worker::{Engine, Notice, Options};
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The pid that a served script sends first, as text before a semicolon.
async fn pid_from(stream: &mut TcpStream) -> PathBuf {
    let mut text = Vec::new();
    loop {
        match stream.read_u8().await.expect("a number comes") {
            b';' => break,
            byte => text.push(byte),
        }
    }
    PathBuf::from("/proc").join(String::from_utf8_lossy(&text).as_ref())
}

#[tokio::test(flavor = "current_thread")]
async fn processes_end_with_their_pipeline_and_leave_no_zombie() {
    let served = serve(
        "pipy({ _pid: 0 }).listen('127.0.0.1:PORT').onStart(() => new Data)
            .fork().to($ => $.exec('sleep 1000', { onStart: pid => { _pid = pid } }))
            .wait(() => _pid).replaceData(() => new Data(_pid + ';'))",
    )
    .await;
    let mut stream = TcpStream::connect(("127.0.0.1", served.port))
        .await
        .expect("it listens");
    let process = pid_from(&mut stream).await;
    assert!(process.exists(), "{} runs", process.display());
    drop(stream);
    eventually("the process has gone, and is no zombie", || !process.exists()).await;
}

#[tokio::test(flavor = "current_thread")]
async fn processes_end_with_their_worker_and_leave_no_zombie() {
    let served = serve(
        "pipy({ _pid: 0 }).listen('127.0.0.1:PORT').onStart(() => new Data)
            .fork().to($ => $.exec('sleep 1000', { onStart: pid => { _pid = pid } }))
            .wait(() => _pid).replaceData(() => new Data(_pid + ';'))",
    )
    .await;
    let mut stream = TcpStream::connect(("127.0.0.1", served.port))
        .await
        .expect("it listens");
    let process = pid_from(&mut stream).await;
    drop(served);
    eventually("the process has gone, and is no zombie", || !process.exists()).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_process_waits_for_a_slow_client() {
    let served = serve(
        "((seen = { bytes: 0 }) => pipy().listen('127.0.0.1:PORT').branch(
            () => seen.bytes > 0, $ => $.replaceData(() => new Data(seen.bytes + ';')),
            $ => $.exec('cat /dev/zero').handleData(data => { seen.bytes += data.size }))
        )()",
    )
    .await;
    let mut slow = TcpStream::connect(("127.0.0.1", served.port))
        .await
        .expect("it listens");
    slow.write_all(b"x").await.expect("it reads");
    slow.read_u8().await.expect("it answers");
    let (mut last, mut same) = (Vec::new(), 0);
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while same < 20 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "it does not wait for its client"
        );
        let got = exchange(served.port, b"?").await;
        same = if got == last { same + 1 } else { 0 };
        last = got;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_client_waits_for_a_slow_process() {
    let served = serve("pipy().listen('127.0.0.1:PORT').exec('sleep 1000')").await;
    let mut stream = TcpStream::connect(("127.0.0.1", served.port))
        .await
        .expect("it listens");
    let block = vec![0; 1 << 20];
    let mut written = 0;
    // Until nothing goes in any more: sockets take some megabytes, the engine and the pipe one.
    while let Ok(count) = tokio::time::timeout(Duration::from_millis(500), stream.write(&block)).await {
        written += count.expect("the connection lives");
        assert!(
            written < 64 << 20,
            "{written} bytes went into a process that reads none"
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn programs_that_cannot_be_started_end_the_stream() {
    let told = ".replaceStreamEnd(e => [new Data(e.error.message), new StreamEnd])";
    for (name, filter, output) in [
        ("missing", "exec('/no/such/program')", "cannot start /no/such/program"),
        ("nothing", "exec('')", "exec() with no arguments"),
        ("nothing of a function", "exec(() => null)", "exec() with no arguments"),
        ("no file", "read('/no/such/file')", "cannot open file: /no/such/file"),
        (
            "too many children",
            "fork(new Array(1025).fill(0)).to($ => $.dummy())",
            "1025 sub-pipelines for one stream; at most 1024",
        ),
        ("no hub", "swap(() => 1)", "callback did not return a Hub"),
        ("no pipeline", "pipe(() => 'x')", "pipeline 'x' not found"),
        ("no state", "deframe({ A: () => 'B' })", "invalid state"),
        (
            "no quota",
            "throttleDataRate(() => ({}))",
            "throttleDataRate: neither an algo.Quota nor a number",
        ),
    ] {
        let served = serve(&format!("pipy().listen('127.0.0.1:PORT').{filter}{told}")).await;
        let got = exchange(served.port, b"x").await;
        let got = String::from_utf8_lossy(&got);
        assert!(got.starts_with(output), "{name}: {got}");
    }
}

/// globals.md section 6: `key`: one counter for all threads (and across reloads) under that name.
#[tokio::test(flavor = "current_thread")]
async fn named_quotas_outlive_a_reload() {
    let script = "((q = new algo.Quota(5, { key: 'a test of reloads' })) => \
        pipy().listen('127.0.0.1:PORT').replaceData(() => new Data('' + q.consume(2))))()";
    let mut served = serve(script).await;
    assert_eq!(exchange(served.port, b"x").await, b"2");
    let next = script.replace("PORT", &served.port.to_string());
    served
        .engine
        .reload(codebase("2", &[("/main.js", &next)]))
        .await
        .expect("reloads");
    assert_eq!(exchange(served.port, b"x").await, b"2");
    assert_eq!(exchange(served.port, b"x").await, b"1");
}

/// Streams that wait for a quota are served in the order they came.
#[tokio::test(flavor = "current_thread")]
async fn who_waits_for_a_quota_is_served_in_line() {
    let script = "((q = new algo.Quota(0), g = { log: '' }) => pipy({ _name: '' }).listen('127.0.0.1:PORT')
        .fork(['a', 'b', 'c']).to($ => $.onStart(name => void (_name = name))
            .replaceStreamStart(e => [new MessageStart, e]).throttleMessageRate(q, { blockInput: false })
            .handleMessageStart(() => { g.log += _name }))
        .fork().to($ => $.replaceStreamStart(e => new Timeout(0.01).wait().then(() => (q.produce(1), e)))
            .replaceStreamEnd(e => new Timeout(0.01).wait().then(() => (q.produce(2), e))))
        .wait(() => g.log.length === 3).replaceData(() => new Data(g.log)))()";
    check("in line", &[("/main.js", script)], "x", "abc").await;
}

/// Nothing is taken from a source whose stream waits for a quota.
#[tokio::test(flavor = "current_thread")]
async fn a_throttled_stream_is_not_read() {
    let served = serve("pipy().listen('127.0.0.1:PORT').throttleDataRate(new algo.Quota(1))").await;
    let mut stream = TcpStream::connect(("127.0.0.1", served.port))
        .await
        .expect("it listens");
    let block = vec![0; 1 << 20];
    let mut written = 0;
    while let Ok(count) = tokio::time::timeout(Duration::from_millis(500), stream.write(&block)).await {
        written += count.expect("the connection lives");
        assert!(written < 64 << 20, "{written} bytes were read of a stream that waits");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn removed_filters_are_refused_in_words() {
    check_refused(
        "fetchHTTP",
        &[("/main.js", "pipy().listen('127.0.0.1:PORT').fetchHTTP('x:80')")],
        "fetchHTTP() is no filter any more; use muxHTTP",
    )
    .await;
}

/// DEVIATES: upstream sends SIGTERM only. The bound: limits.rs.
#[tokio::test(flavor = "current_thread")]
async fn a_process_that_ignores_its_end_is_killed_and_leaves_no_zombie() {
    let served = serve(
        r#"pipy().listen('127.0.0.1:PORT').onStart(() => new Data)
            .exec(['sh', '-c', 'trap "" TERM; echo "$$;"; while :; do sleep 0.05; done'])"#,
    )
    .await;
    let mut stream = TcpStream::connect(("127.0.0.1", served.port))
        .await
        .expect("it listens");
    let process = pid_from(&mut stream).await;
    assert!(process.exists(), "{} runs", process.display());
    // A reset ends the pipeline at once.
    stream.set_zero_linger().expect("an option");
    drop(stream);
    eventually("the process has gone, and is no zombie", || !process.exists()).await;
}

/// What goes round holds back what comes in, long before it is more than may be held.
#[tokio::test(flavor = "current_thread")]
async fn a_loop_takes_input_as_it_gets_on() {
    const TOTAL: usize = 4 << 20;
    let port = free_port();
    // Each round takes 256 bytes of each piece: a read goes round 256 times.
    let script = format!(
        "((state = {{ eaten: 0 }}) => pipy().listen('127.0.0.1:{port}').loop($ => $.replaceData(d => (
            state.eaten += d.shift(256).size,
            state.eaten == {TOTAL} && pipy.exit(5),
            d.size ? d : undefined
        ))).replaceData(() => undefined))()"
    );
    let mut options = Options::default();
    options.limits.held_bytes = 3 * limits::LOOP_BYTES;
    let engine = Engine::start(codebase("1", &[("/main.js", &script)]), options).await;
    let mut engine = engine.expect("starts");
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    let (mut reader, mut writer) = stream.into_split();
    let writing = async {
        writer.write_all(&vec![7; TOTAL]).await.expect("it is read");
        std::future::pending::<()>().await;
    };
    let mut byte = [0];
    let done = async {
        tokio::select! {
            notice = engine.notice() => assert_eq!(notice, Notice::Exit(5)),
            end = reader.read(&mut byte) => panic!("the stream has ended: {end:?}"),
            () = writing => {}
        }
    };
    tokio::time::timeout(6 * DEADLINE, done)
        .await
        .expect("all of it goes round");
}
