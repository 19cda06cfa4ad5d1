//! `ballast run` and `pipy`: what is run, what is refused, with which exit code. Source: pipyjs/cli.md sections 1, 2 and 4.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use ballast_tests::{bin, free_port, poll, temp_dir, wait_for};

use crate::support::{DEADLINE, answering, asked, ends, start, wait_answer};

#[test]
fn exit_codes_and_messages() {
    let folder = temp_dir();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let exits = file("exits.js", "pipy().task().onStart(() => (pipy.exit(7), new StreamEnd))");
    let ends_by_itself = file("once.js", "pipy().task().onStart(() => new StreamEnd)");
    let syntax = file("syntax.js", "pipy()\n  .listen(");
    let throws = file("throws.js", "pipy()\n  .nonsense(1)");
    let taken = file("taken.js", &format!("pipy().listen('127.0.0.1:{port}').replaceData()"));
    let no_configuration = file("value.js", "1 + 1");
    let imports = file("imports.js", "var a = 1\nimport x from './no/where.js'");
    let in_promise = file("promise.js", "new Timeout(0.01).wait().then(() => no.thing)");
    let in_callback = file(
        "callback.js",
        "pipeline($ => $\n  .onStart(() => no.thing)\n  .onEnd(() => pipy.exit(9))\n).spawn()",
    );
    let empty = temp_dir();
    let empty = empty.path().to_str().unwrap();
    for (name, args, code, part) in [
        ("exit code of a script", vec!["run", &exits], 7, ""),
        ("nothing left to do", vec!["run", &ends_by_itself], 0, ""),
        ("the file is named", vec!["run", "-f", &ends_by_itself], 0, ""),
        (
            "script text",
            vec![
                "run",
                "-e",
                "pipy().task().onStart(() => (pipy.exit(3), new StreamEnd))",
            ],
            3,
            "",
        ),
        (
            "the value of an expression",
            vec!["run", "-e", "[1 + 1, 'x']"],
            0,
            "[ 2, \"x\" ]",
        ),
        (
            "an expression that throws",
            vec!["run", "-e", "nowhere.to.be"],
            255,
            "/[expression]:1:1: ReferenceError",
        ),
        (
            "a file without a configuration is a module",
            vec!["run", &no_configuration],
            0,
            "",
        ),
        (
            "an import of nothing",
            vec!["run", &imports],
            255,
            "/imports.js:2:15: Error: cannot find module /no/where.js",
        ),
        (
            "its line and caret",
            vec!["run", &imports],
            255,
            "\n  2 | import x from './no/where.js'\n    |               ^",
        ),
        (
            "an exception in a promise that nobody handles",
            vec!["run", &in_promise],
            0,
            "/promise.js:1:37: ReferenceError: unresolved identifier no",
        ),
        (
            "an exception in a callback",
            vec!["run", &in_callback],
            9,
            "/callback.js:2:18: ReferenceError: unresolved identifier no\n  2 |   .onStart(() => no.thing)\n    |                  ^",
        ),
        ("syntax error", vec!["run", &syntax], 255, "/syntax.js:2:"),
        ("exception", vec!["run", &throws], 255, "/throws.js:2:"),
        ("the line", vec!["run", &throws], 255, ".nonsense(1)"),
        ("the caret", vec!["run", &throws], 255, "^"),
        (
            "port in use",
            vec!["run", &taken],
            255,
            "is another process using the port?",
        ),
        (
            "unknown option",
            vec!["run", "--nonsense", &exits],
            255,
            "unknown option: --nonsense",
        ),
        (
            "a value apart",
            vec!["run", "--threads", "2", &exits],
            255,
            "--threads=N|max",
        ),
        ("two programs", vec!["run", &exits, &exits], 255, "redundant argument"),
        ("no such file", vec!["run", "-f", "/nowhere.js"], 255, "/nowhere.js"),
        ("folder without main.js", vec!["run", empty], 255, "no main.js"),
        ("help", vec!["run", "--help"], 0, "--admin-port=[[IP]:]PORT"),
        ("version", vec!["run", "-v"], 0, "ballast "),
        ("version of the binary", vec!["--version"], 0, "ballast "),
        ("names of filters", vec!["run", "--list-filters"], 0, "\nreplaceData\n"),
        ("filters", vec!["run", "--help-modules"], 0, "replaceMessageStart("),
        ("verify", vec!["run", "--verify", &throws], 255, "/throws.js"),
        ("no command", vec![], 64, "ballast --help"),
        ("bad command", vec!["walk"], 64, "unknown command"),
        (
            "the agent takes no arguments",
            vec!["agent", "--x"],
            64,
            "takes no arguments",
        ),
    ] {
        let (seen, output) = ends(&args);
        assert_eq!(seen, Some(code), "{name}: {output}");
        assert!(output.contains(part), "{name}: {part:?} is not in {output}");
    }
}

#[test]
fn the_name_pipy_is_run() {
    let folder = temp_dir();
    let pipy = folder.path().join("pipy");
    symlink(bin("ballast"), &pipy).unwrap();
    let mut command = Command::new(&pipy);
    command.arg("pipy().task().onStart(() => (pipy.exit(5), new StreamEnd))");
    let (status, output) = ballast_tests::process::run("pipy", &mut command, Duration::from_secs(20)).unwrap();
    assert_eq!(status.code(), Some(5), "{output}");
}

#[test]
fn a_folder_runs_its_main_script_with_its_modules() {
    let (folder, port) = (temp_dir(), free_port());
    let main = format!("pipy().listen({port}).use('lib/b.js', 'answer')");
    std::fs::create_dir(folder.path().join("lib")).unwrap();
    std::fs::write(folder.path().join("main.js"), main).unwrap();
    let module = "pipy().pipeline('answer').replaceData(() => new Data('from b'))";
    std::fs::write(folder.path().join("lib/b.js"), module).unwrap();
    let process = start(&["run", folder.path().to_str().unwrap()]);
    wait_answer(&process, port, "from b");
}

#[test]
fn the_log_has_its_form_and_no_credentials() {
    let text = "(console.log('see http://user:secret@host/'), pipy().task().onStart(() => new StreamEnd))";
    let (code, output) = ends(&["run", text]);
    assert_eq!(code, Some(0), "{output}");
    let line = output.lines().find(|line| line.contains("see ")).unwrap_or_default();
    assert!(line.ends_with(" [INF] see http://***@host/"), "{output}");
    let stamp: Vec<char> = line.chars().take(23).collect();
    let shape: String = stamp
        .iter()
        .map(|c| if c.is_ascii_digit() { '0' } else { *c })
        .collect();
    assert_eq!(shape, "0000-00-00 00:00:00.000");
    let (_, output) = ends(&["run", "--log-local=null", text]);
    assert_eq!(output, "");
    let (_, output) = ends(&["run", "--log-level=error", text]);
    assert_eq!(output, "");
}

#[test]
fn the_log_goes_to_a_file_too() {
    let folder = temp_dir();
    let path = folder.path().join("log");
    let text = "(console.log('kept'), pipy().task().onStart(() => new StreamEnd))";
    for _ in 0..2 {
        ends(&["run", &format!("--log-file={}", path.display()), text]);
    }
    let log = std::fs::read_to_string(path).unwrap();
    assert_eq!(log.matches("[INF] kept\n").count(), 2, "{log}");
}

#[test]
fn a_changed_script_is_reloaded_when_that_is_wanted() {
    let (folder, port) = (temp_dir(), free_port());
    let path = folder.path().join("a.js");
    std::fs::write(&path, answering(port, "one")).unwrap();
    let process = start(&["run", "--watch-config-file", path.to_str().unwrap()]);
    wait_answer(&process, port, "one");
    std::fs::write(&path, answering(port, "two")).unwrap();
    wait_answer(&process, port, "two");
}

#[test]
fn the_admin_port_keeps_what_loggers_log() {
    let (port, admin) = (free_port(), free_port());
    let script = format!(
        "((log = new logging.JSONLogger('access log').log) =>
        pipy().listen({port}).handleData(d => d.size && log(d.toString())))()"
    );
    let flag = format!("--admin-port=127.0.0.1:{admin}");
    let process = start(&["run", &flag, "--log-history-limit=8", &script]);
    for _ in 0..3 {
        wait_answer(&process, port, "?");
    }
    let get = |path: &str| ballast_tests::http::get(&format!("http://127.0.0.1:{admin}{path}")).expect("an answer");
    assert_eq!(get("/log").text(), "pipy_log\naccess log\n");
    // Two lines of four bytes each fit.
    assert_eq!(get("/log/access%20log").text(), "\"?\"\n\"?\"\n");
    assert_eq!(get("/log/other").status, 404);
    assert_eq!(
        get("/status").json()["logs"],
        serde_json::json!(["pipy_log", "access log"])
    );
}

#[test]
fn the_admin_port_tells() {
    let (port, admin) = (free_port(), free_port());
    let script = answering(port, "x");
    let flag = format!("--admin-port=127.0.0.1:{admin}");
    let process = start(&["run", &flag, "--instance-name=me", "--instance-uuid=u-1", &script]);
    wait_answer(&process, port, "x");
    let url = |path: &str| format!("http://127.0.0.1:{admin}{path}");
    let get = |path: &str| ballast_tests::http::get(&url(path)).expect("the admin port answers");
    let status = get("/status").json();
    assert_eq!((&status["name"], &status["uuid"]), (&"me".into(), &"u-1".into()));
    assert!(status["modules"].is_object() && status["since"].is_number(), "{status}");
    // A connection was counted, and its bytes.
    let metrics = get("/metrics").text();
    assert!(
        metrics.contains("# TYPE pipy_inbound_in counter\npipy_inbound_in "),
        "{metrics}"
    );
    assert!(!metrics.contains("pipy_inbound_in 0\n"), "{metrics}");
    assert_eq!(get("/log").text(), "pipy_log\n");
    assert!(get("/log/pipy_log").text().contains(&format!("port {port}")));
    assert_eq!(get("/log/other").status, 404);
    assert_eq!(get("/status").json()["logs"], serde_json::json!(["pipy_log"]));
    assert_eq!(get("/nothing").status, 404);
    assert!(get("/options").text().starts_with("--log-level=info"));
    let post = |path: &str, body: &str| {
        let request = ballast_tests::http::Request::new("POST", &url(path)).body(body.as_bytes());
        request.send().expect("the admin port answers").status
    };
    assert_eq!(post("/status", ""), 405);
    assert_eq!(post("/options", "--log-level=loud"), 400);
    assert_eq!(post("/options", "--threads=2"), 400);
    assert_eq!(post("/options", &"x".repeat(10_000)), 400);
    assert!((200..300).contains(&post("/options", "--log-level=debug")));
    assert!(get("/options").text().starts_with("--log-level=debug"));
    assert_eq!(asked(port).as_deref(), Some("x"), "it goes on");
}

#[test]
fn tstp_toggles_the_admin_port() {
    let (port, admin) = (free_port(), free_port());
    let script = answering(port, "x");
    let flag = format!("--admin-port=127.0.0.1:{admin}");
    let process = start(&["run", &flag, "--admin-port-off", &script]);
    wait_answer(&process, port, "x");
    let is_open = || ballast_tests::http::get(&format!("http://127.0.0.1:{admin}/healthz")).is_ok();
    assert!(!is_open());
    for open in [true, false] {
        process.signal(nix::sys::signal::Signal::SIGTSTP).unwrap();
        wait_for(crate::support::DEADLINE, "the admin port is toggled", || {
            is_open() == open
        });
    }
}

#[test]
fn layouts_are_drawn_in_the_log_and_for_the_admin_port() {
    let (port, admin) = (free_port(), free_port());
    let script = format!(
        "pipy().listen('127.0.0.1:{port}').demuxHTTP().to($ => $.muxHTTP().to('up')).pipeline('up').connect('127.0.0.1:1')\
         .task('5s').onStart(() => new StreamEnd).dummy()"
    );
    let drawn = format!(
        "[/[expression]] listen 127.0.0.1:{port}\n  └─ demuxHTTP\n     └─ muxHTTP → up\n        └─ connect\n\
         [/[expression]] task every 5 s\n  └─ dummy\n"
    );
    let mut process = start(&["run", &format!("--admin-port=127.0.0.1:{admin}"), &script]);
    process.wait_output(DEADLINE, "[config]   └─ dummy");
    for line in drawn.lines() {
        assert!(
            process.output().contains(&format!("[config] {line}\n")),
            "{line}: {}",
            process.output()
        );
    }
    let get = |path: &str| ballast_tests::http::get(&format!("http://127.0.0.1:{admin}{path}")).expect("it answers");
    assert_eq!(get("/graph").text(), drawn);
    let status: serde_json::Value = serde_json::from_str(&get("/status").text()).expect("JSON");
    let roots = &status["modules"]["/[expression]"]["graph"]["roots"];
    assert_eq!(
        roots[0]["filters"][0]["sub"]["filters"][0]["name"], "muxHTTP",
        "{status}"
    );
    let mut quiet = start(&["run", "--no-graph", &answering(free_port(), "x")]);
    quiet.wait_output(DEADLINE, "listening on");
    assert!(!quiet.output().contains("[config]"), "{}", quiet.output());
}

/// repo.md 1.1: watched files of a static codebase fire, and nothing is reloaded; pipy.load gives the new content.
#[test]
fn watched_files_of_a_folder_fire() {
    let folder = temp_dir();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.txt", "old");
    write("b.txt", "old");
    write("silent.txt", "old");
    write(
        "main.js",
        "((wait = () => pipy.watch('b.txt').then(all => (console.log('then', all.join(), '' + pipy.load('b.txt')), wait()))) => (wait(), console.log('ready'), \
         pipy().watch('a.txt').onStart(() => (console.log('a is', '' + pipy.load('a.txt')), new StreamEnd)).dummy()))()",
    );
    let mut process = start(&["run", "--no-graph", folder.path().to_str().unwrap()]);
    process.wait_output(DEADLINE, "ready");
    for round in ["one", "two"] {
        write("silent.txt", round);
        write("a.txt", &format!("{round} a"));
        write("b.txt", &format!("{round} b"));
        process.wait_output(DEADLINE, &format!("a is {round} a"));
        process.wait_output(DEADLINE, &format!("then /b.txt {round} b"));
    }
    assert!(!process.output().contains("silent"), "{}", process.output());
    assert!(!process.output().contains("reloaded"), "{}", process.output());
}

/// A filter whose promise is rejected says so, with its place: filters.md 0.1.
#[test]
fn rejected_promises_of_filters_are_logged() {
    let port = free_port();
    for (name, filter) in [
        ("wait", "wait(() => Promise.reject(new Error('sour')))"),
        ("serveHTTP", "serveHTTP(() => Promise.reject(new Error('sour')))"),
        ("insert", "insert(() => Promise.reject(new Error('sour')))"),
    ] {
        let script = format!("pipy().listen({port}).{filter}");
        let process = start(&["run", "-e", &script]);
        let place = format!("filter=\"{name} at ");
        let said = || {
            // Whether it is answered does not matter here.
            drop(ballast_tests::http::get(&format!("http://127.0.0.1:{port}/")));
            let output = process.output();
            (output.contains("a promise is rejected: ") && output.contains(&place)).then_some(())
        };
        assert!(poll(DEADLINE, said).is_some(), "{name}: {}", process.output());
    }
}
