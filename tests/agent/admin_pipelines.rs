//! `.admin(path)`: scripts that answer at the admin port. Source: pipyjs/model.md 1.3 and section 2, repo.md section 5.

use ballast_tests::{free_port, http, poll};
use std::time::Duration;

use crate::support::start;

/// Status, content-type, text.
type Answer = (u16, String, String);

/// Starts the script and returns what asks its admin port: method, path, body.
fn served(threads: u32, script: &str) -> (ballast_tests::Process, impl Fn(&str, &str, &str) -> Answer) {
    let admin = free_port();
    let port = format!("--admin-port=127.0.0.1:{admin}");
    let threads = format!("--threads={threads}");
    let process = start(&["run", &port, &threads, script]);
    let ask = move |method: &str, path: &str, body: &str| {
        let url = format!("http://127.0.0.1:{admin}{path}");
        let answer = http::Request::new(method, &url)
            .body(body.as_bytes())
            .send()
            .expect("it answers");
        let kind = answer.header("content-type").unwrap_or_default().to_owned();
        (answer.status, kind, answer.text())
    };
    let ready = poll(Duration::from_secs(20), || {
        http::get(&format!("http://127.0.0.1:{admin}/admin/ready"))
            .ok()
            .filter(|answer| answer.status == 200)
    });
    assert!(ready.is_some(), "{}", process.output());
    (process, ask)
}

#[test]
fn scripts_answer() {
    let script = "pipy({ _n: 0 })
        .admin('/admin/ready').replaceMessage(() => new Message('ok'))
        .admin('/admin/echo').replaceMessage(msg => new Message(
          { status: 201, headers: { 'content-type': 'text/x' } },
          JSON.stringify([msg.head.method, msg.head.path, msg.head.headers['content-length'], msg.body.toString(), ++_n])))
        .admin('/admin/echo/more').replaceMessage(() => [new Message('more'), new Message('never')])
        .admin('/admin/closes').replaceMessage(() => new StreamEnd)
        .admin('/admin/throws').replaceMessage(() => no.way)";
    let (_process, ask) = served(1, script);
    let echo = r#"["POST","/admin/echo/a?b=c","2","hi",1]"#.to_owned();
    // Each request has a context of its own.
    for _ in 0..2 {
        assert_eq!(
            ask("POST", "/admin/echo/a?b=c", "hi"),
            (201, "text/x".to_owned(), echo.clone())
        );
    }
    for (path, status, text) in [
        ("/admin/echo/more", 200, "more"),
        ("/admin/closes", 500, "the script did not answer\n"),
        ("/admin/throws", 500, "the script did not answer\n"),
        ("/admin/other", 404, "not found\n"),
        ("/admin", 404, "not found\n"),
    ] {
        let (seen, _, body) = ask("GET", path, "");
        assert_eq!((seen, body.as_str()), (status, text), "{path}");
    }
}

#[test]
fn all_threads_answer() {
    let script = "pipy().admin('/admin/').replaceMessage(() => new Message('thread ' + __thread.id + '\\n'))";
    let (_process, ask) = served(3, script);
    assert_eq!(ask("GET", "/admin/x", "").2, "thread 0\nthread 1\nthread 2\n");
}

#[test]
fn the_path_is_checked() {
    let mut command = std::process::Command::new(ballast_tests::bin("ballast"));
    command.args(["run", "-e", "pipy().admin('/other/').replaceMessage(() => new Message)"]);
    let (status, output) =
        ballast_tests::process::run("ballast run", &mut command, Duration::from_secs(20)).expect("it ends");
    assert!(!status.success());
    assert!(output.contains("does not start with /admin/"), "{output}");
}
