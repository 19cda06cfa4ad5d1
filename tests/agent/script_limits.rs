//! Limits of scripts: each stops what goes beyond it, ends that pipeline with an error, and leaves the others alone.
//! Source: issue of the engine, "limits for scripts"; pipyjs/model.md 1.3 (how a pipeline's end reaches its connection).

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ballast_tests::{Process, free_port, poll};

use crate::support::{DEADLINE, start};

/// Sends a word: what comes back until the connection closes.
fn ask(port: u16, word: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a time");
    stream.write_all(word.as_bytes()).expect("it is open");
    let mut answer = String::new();
    // A reset is an end like any other.
    stream.read_to_string(&mut answer).ok();
    answer
}

/// A server that does what `bad` says when it is told so, and answers everybody else.
fn serve(flag: &str, vars: &str, bad: &str) -> (Process, u16) {
    let port = free_port();
    let script = format!(
        "pipy({{ {vars} }}).listen('127.0.0.1:{port}')\
         .replaceData(d => d.toString() === 'bad' ? ({bad}, [new Data('done'), new StreamEnd]) : \
           d.size > 0 ? [new Data('good'), new StreamEnd] : null)"
    );
    let mut process = start(&["run", "--no-graph", flag, &script]);
    process.wait_output(DEADLINE, "listening on");
    (process, port)
}

#[test]
fn what_goes_too_far_is_stopped() {
    for (flag, vars, bad, said) in [
        (
            "--script-time=1s",
            "",
            "repeat(() => {})",
            "takes 1s (--script-time) at most",
        ),
        (
            "--script-heap=8m",
            "",
            "((all = []) => repeat(() => void all.push('x'.repeat(1000) + all.length)))()",
            "",
        ),
        (
            "--script-stack=64k",
            "_f: null",
            "(_f = n => _f(n + 1) + 1)(0)",
            "(--script-stack)",
        ),
        (
            "--script-timers=3",
            "_t: [1, 2, 3, 4]",
            "_t.map(() => new Timeout(60).wait())",
            "more than 3 timeouts",
        ),
    ] {
        let (mut process, port) = serve(flag, vars, bad);
        assert_eq!(ask(port, "good"), "good", "{flag}");
        assert_eq!(ask(port, "bad"), "", "{flag}: {}", process.output());
        let logged = poll(DEADLINE, || process.output().contains("[pjs]").then_some(()));
        assert!(logged.is_some(), "{flag}: {}", process.output());
        assert!(
            process.output().to_lowercase().contains(said),
            "{flag}: {}",
            process.output()
        );
        assert_eq!(ask(port, "good"), "good", "{flag}: others go on: {}", process.output());
        assert!(process.is_running(), "{flag}");
    }
}

#[test]
fn others_are_served_while_a_pipeline_is_ended() {
    // One thread: what waits behind an endless call is served once that is interrupted.
    let (_process, port) = serve("--script-time=1s", "", "repeat(() => {})");
    let bad = std::thread::spawn(move || ask(port, "bad"));
    assert_eq!(ask(port, "good"), "good");
    assert_eq!(bad.join().expect("it ends"), "");
}

/// engine limits.rs, `EXEC_FACTOR`: 30 times the time of a call, for all programs that one call runs.
#[test]
fn programs_that_do_not_end_are_not_waited_for() {
    let patient = DEADLINE * 3;
    let run = "(first = invoke(() => pipy.exec('sleep 1000'), e => '' + e), \
               second = invoke(() => pipy.exec('true'), e => '' + e), println(first), println(second))";
    let (mut process, port) = serve("--script-time=1s", "first: null, second: null", run);
    let bad = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        stream.set_read_timeout(Some(patient)).expect("a time");
        stream.write_all(b"bad").expect("it is open");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok();
        answer
    });
    process.wait_output(
        patient,
        "cannot run sleep: it takes more than 30s (30 times --script-time) and was killed",
    );
    process.wait_output(DEADLINE, "cannot run true: no time is left to this call");
    assert_eq!(bad.join().expect("it ends"), "done");
    assert_eq!(ask(port, "good"), "good", "{}", process.output());
}

#[test]
fn connections_beyond_the_limit_wait() {
    let port = free_port();
    let script = format!("pipy().listen('127.0.0.1:{port}').replaceData(d => d.size ? new Data('here') : null)");
    let mut process = start(&["run", "--max-connections=2", &script]);
    process.wait_output(DEADLINE, "listening on");
    let open = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the backlog takes it");
        stream.write_all(b"x").expect("it is open");
        stream
    };
    let answers = |stream: &mut TcpStream, within: Duration| {
        stream.set_read_timeout(Some(within)).expect("a time");
        stream.read_exact(&mut [0; 4]).is_ok()
    };
    let (mut first, mut second, mut third) = (open(), open(), open());
    assert!(answers(&mut first, DEADLINE) && answers(&mut second, DEADLINE));
    assert!(!answers(&mut third, Duration::from_millis(300)), "the third one waits");
    drop(first);
    assert!(answers(&mut third, DEADLINE), "there is room again");
}
