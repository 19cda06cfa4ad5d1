//! The admin port of `run`: files, dumps, histories, restart. Source: pipyjs/repo.md section 5 and 1.1; globals.md section
//! 10 (names of built-in metrics).

use std::io::{BufReader, Write};
use std::net::TcpStream;

use ballast_tests::{Process, free_port, http, poll, temp_dir, wait_for};
use serde_json::{Value, json};

use crate::support::{DEADLINE, start, wait_answer};

struct Served {
    process: Process,
    folder: tempfile::TempDir,
    port: u16,
    admin: u16,
}

/// A script with a file beside it, and its admin port.
fn serve() -> Served {
    let (folder, port, admin) = (temp_dir(), free_port(), free_port());
    let main = folder.path().join("main.js");
    std::fs::write(&main, crate::support::answering(port, "one")).expect("it is written");
    std::fs::write(folder.path().join("other.json"), "{}").expect("it is written");
    let path = main.to_str().expect("text");
    let process = start(&[
        "run",
        "--threads=2",
        "--reuse-port",
        &format!("--admin-port=127.0.0.1:{admin}"),
        path,
    ]);
    wait_answer(&process, port, "one");
    let served = Served {
        process,
        folder,
        port,
        admin,
    };
    // Threads accept before all of them have told what they run.
    wait_for(DEADLINE, "it is told", || served.json("/api/v1/files")["main"] != "");
    served
}

impl Served {
    fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let url = format!("http://127.0.0.1:{}{path}", self.admin);
        let response = http::Request::new(method, &url).send().expect("it answers");
        (response.status, response.text())
    }

    fn json(&self, path: &str) -> Value {
        let (status, text) = self.ask("GET", path);
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }
}

#[test]
fn files_and_program_are_shown() {
    let served = serve();
    let listed = json!({ "main": "/main.js", "files": ["/main.js", "/other.json"], "readOnly": true });
    assert_eq!(served.json("/api/v1/files"), listed);
    assert_eq!(served.json("/api/v1/files/"), listed);
    for (method, path, status, text) in [
        ("GET", "/api/v1/files/other.json", 200, "{}"),
        ("GET", "/api/v1/files/none", 404, "not found\n"),
        // No effect on a codebase that is read-only.
        ("POST", "/api/v1/files/other.json", 201, ""),
        ("PATCH", "/api/v1/files/other.json", 201, ""),
        ("DELETE", "/api/v1/files/other.json", 204, ""),
        ("GET", "/api/v1/files/other.json", 200, "{}"),
        ("DELETE", "/api/v1/files", 405, "method not allowed\n"),
        ("DELETE", "/api/v1/program", 405, "method not allowed\n"),
        ("POST", "/dump", 405, "method not allowed\n"),
        ("GET", "/dump/nothing", 404, "not found\n"),
        ("GET", "/api/v1/metrics/nothing", 404, "not found\n"),
        ("GET", "/api/v1/nothing", 404, "not found\n"),
        ("POST", "/api/v1/filesX", 404, "not found\n"),
        ("GET", "/api/v1/filesother.json", 404, "not found\n"),
        ("POST", "/api/v1/metricsX", 404, "not found\n"),
    ] {
        assert_eq!(served.ask(method, path), (status, text.to_owned()), "{method} {path}");
    }
    let main = served.folder.path().join("main.js");
    assert_eq!(served.ask("GET", "/api/v1/program"), (200, main.display().to_string()));
}

/// RFC 6454 section 7: what a browser sends for a page of somebody else, or for one whose name was made to lead here.
#[test]
fn pages_of_others_are_refused() {
    let served = serve();
    let (own, evil) = (format!("127.0.0.1:{}", served.admin), "evil.example");
    let near = format!("localhost:{}", served.admin);
    for (host, origin, is_taken) in [
        (own.as_str(), None, true),
        (&near, None, true),
        (&own, Some(format!("http://{own}")), true),
        (&own, Some(format!("http://{near}")), false),
        (&own, Some(format!("http://{evil}")), false),
        (&own, Some("null".to_owned()), false),
        (evil, Some(format!("http://{evil}")), false),
        (evil, None, false),
    ] {
        for (method, path, status) in [
            ("GET", "/log/pipy_log", 200),
            ("POST", "/options", 201),
            ("POST", "/api/v1/files/other.json", 201),
            ("DELETE", "/api/v1/files/other.json", 204),
            ("PATCH", "/api/v1/program", 201),
        ] {
            let origin_line = origin
                .as_ref()
                .map(|origin| format!("Origin: {origin}\r\n"))
                .unwrap_or_default();
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{origin_line}Connection: close\r\nContent-Length: 0\r\n\r\n"
            );
            let mut stream = TcpStream::connect(&own).expect("the admin port is open");
            stream.set_read_timeout(Some(DEADLINE)).expect("a time");
            stream.write_all(request.as_bytes()).expect("it reads");
            let answer = http::read_response(&mut BufReader::new(stream), false).expect("it answers");
            let expected = if is_taken { status } else { 403 };
            assert_eq!(answer.status, expected, "{method} {path} {host} {origin:?}");
        }
    }
}

#[test]
fn a_restart_is_a_reload() {
    let served = serve();
    let main = served.folder.path().join("main.js");
    std::fs::write(main, crate::support::answering(served.port, "two")).expect("it is written");
    assert_eq!(served.ask("PATCH", "/api/v1/program"), (201, String::new()));
    wait_answer(&served.process, served.port, "two");
}

#[test]
fn metrics_have_their_names_and_a_history() {
    let served = serve();
    let (_, text) = served.ask("GET", "/metrics");
    for name in [
        "pipy_chunk_count",
        "pipy_object_count",
        "pipy_pipeline_count",
        "pipy_inbound_count",
        "pipy_inbound_in",
        "pipy_inbound_out",
        "pipy_outbound_count",
        "pipy_outbound_in",
        "pipy_outbound_out",
        "pipy_outbound_conn_time",
        "pipy_pool_allocated",
        "pipy_pool_spare",
    ] {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name}:\n{text}");
    }
    let dump = served.json("/dump");
    for part in [
        "pools",
        "chunks",
        "buffers",
        "objects",
        "pipelines",
        "inbound",
        "outbound",
    ] {
        assert!(!dump[part].is_null(), "{part}: {dump}");
    }
    let listener = format!("0.0.0.0:{}", served.port);
    assert!(dump["inbound"][&listener]["in"].as_f64() >= Some(1.0), "{dump}");
    assert!(served.json("/dump/objects/Data").is_number());
    let seen = poll(DEADLINE, || {
        let history = served.json("/api/v1/metrics");
        history["metrics"]["pipy_inbound_in"].is_array().then_some(history)
    });
    let history = seen.expect("a sample is taken");
    let uuid = served.json("/api/v1/status")["uuid"].as_str().expect("text").to_owned();
    let one = served.json(&format!("/api/v1/metrics/{uuid}/pipy_inbound_in"));
    let (samples, times) = (&one["metrics"]["pipy_inbound_in"], &one["time"]);
    assert_eq!(samples.as_array().map(Vec::len), times.as_array().map(Vec::len));
    assert!(times.as_array().map(Vec::len) >= history["time"].as_array().map(Vec::len));
    assert_eq!(served.ask("GET", "/api/v1/metrics/other/pipy_inbound_in").0, 404);
}

/// repo.md 1.1: live connections keep the old version; once they have ended each worker has one version.
#[test]
fn old_versions_are_freed_when_their_connections_have_ended() {
    use std::io::{Read, Write};
    let served = serve();
    let versions = || {
        let (_, text) = served.ask("GET", "/metrics");
        let line = text.lines().find(|line| line.starts_with("ballast_realm_count "));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    assert_eq!(versions(), Some(2.0), "one a thread");
    let mut held = std::net::TcpStream::connect(("127.0.0.1", served.port)).expect("it listens");
    held.write_all(b"?").expect("it is open");
    held.read_exact(&mut [0; 3]).expect("it answers");
    let main = served.folder.path().join("main.js");
    // A script that does not load changes nothing, on any thread.
    std::fs::write(&main, "pipy(").expect("it is written");
    assert_eq!(served.ask("PATCH", "/api/v1/program").0, 201);
    wait_for(DEADLINE, "it fails", || {
        served.process.output().contains("Failed reloading")
    });
    assert_eq!(versions(), Some(2.0), "after one that failed");
    std::fs::write(&main, crate::support::answering(served.port, "two")).expect("it is written");
    for _ in 0..5 {
        assert_eq!(served.ask("PATCH", "/api/v1/program").0, 201);
    }
    wait_answer(&served.process, served.port, "two");
    wait_for(
        DEADLINE,
        "the version of the connection is kept, the others are not",
        || versions() == Some(3.0),
    );
    held.write_all(b"?").expect("it is open");
    let mut answer = [0; 3];
    held.read_exact(&mut answer).expect("it answers");
    assert_eq!(&answer, b"one", "its own version");
    drop(held);
    wait_for(DEADLINE, "the old version is freed", || versions() == Some(2.0));
}
