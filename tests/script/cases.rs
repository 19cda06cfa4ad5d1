//! Runs every case folder under tests/script/{filters,globals}/NAME/CASE against `ballast run`:
//!
//! - `main.js`: the script; its first line is a comment that names the sentence of the specification or RFC that the
//!   expected output rests on. It listens on `os.env.CASE_PORT` of 127.0.0.1; `os.env.CASE_PORT2` is free for a peer of
//!   its own. Further files of the folder are the rest of its codebase.
//! - `input`, `output`: what one connection sends before it half-closes, and all that it must get back.
//! - `requests/NN.input`, `requests/NN.output`: the same for several connections, one after the other.
//! - `stdout`: for a script that ends by itself: what it must have printed.
//!
//! Expected outputs are written by hand, from the specification; so there is no way to update them from what is printed.

use ballast_tests::{Process, bin, free_port, golden, poll, process, repo_path};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// For each step of a case: start, answer, end.
const DEADLINE: Duration = Duration::from_secs(10);
/// Cases at once; each is a process with mostly nothing to do.
const PARALLEL: usize = 4;

/// Cases by group (`filters`, `globals`) and name.
fn cases(group: &str) -> BTreeMap<String, Vec<PathBuf>> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut all: Vec<PathBuf> = entries
            .map(|entry| entry.expect("a readable entry").path())
            .filter(|path| path.is_dir())
            .collect();
        all.sort();
        all
    };
    folders(&repo_path("tests/script").join(group))
        .into_iter()
        .map(|path| {
            let name = path
                .file_name()
                .expect("an entry has a name")
                .to_string_lossy()
                .into_owned();
            (name, folders(&path))
        })
        .collect()
}

/// Two ports that no other case of this run was given.
fn ports() -> (u16, u16) {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let fresh = || {
        poll(DEADLINE, || {
            let port = free_port();
            GIVEN.lock().ok()?.insert(port).then_some(port)
        })
        .expect("loopback has free ports")
    };
    (fresh(), fresh())
}

/// True when something listens on that port of IPv4; asked of the kernel, so that the script sees no connection.
fn listens(port: u16) -> bool {
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
    let local = format!(":{port:04X}");
    table.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let at = words.next().is_some_and(|address| address.ends_with(&local));
        at && words.nth(1) == Some("0A")
    })
}

fn exchange(port: u16, input: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    stream.write_all(input)?;
    stream.shutdown(Shutdown::Write)?;
    let mut got = Vec::new();
    // A reset after the answer is an end like any other: what came before it counts.
    if let Err(error) = stream.read_to_end(&mut got)
        && error.kind() != std::io::ErrorKind::ConnectionReset
    {
        return Err(std::io::Error::new(
            error.kind(),
            format!("{error} after {:?}", String::from_utf8_lossy(&got)),
        ));
    }
    Ok(got)
}

fn compare(what: &str, got: &[u8], expected: &[u8]) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    Err(format!(
        "{what}\n  expected {:?}\n       got {:?}",
        String::from_utf8_lossy(expected),
        String::from_utf8_lossy(got)
    ))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// One connection: name, what it sends, what it gets.
type Connection = (String, Vec<u8>, Vec<u8>);

/// The connections that a case makes.
fn connections(case: &Path) -> Result<Vec<Connection>, String> {
    let requests = case.join("requests");
    if !requests.is_dir() {
        return Ok(vec![(
            "input".to_owned(),
            read(&case.join("input"))?,
            read(&case.join("output"))?,
        )]);
    }
    let entries = fs::read_dir(&requests).map_err(|error| error.to_string())?;
    let mut inputs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "input"))
        .collect();
    inputs.sort();
    let all = inputs.iter().map(|input| {
        let name = input.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, read(input)?, read(&input.with_extension("output"))?))
    });
    all.collect()
}

fn check(case: &Path) -> Result<(), String> {
    let script = read(&case.join("main.js"))?;
    if !script.starts_with(b"//") {
        return Err("main.js does not begin with a comment that names what its output rests on".to_owned());
    }
    let (port, peer) = ports();
    let mut command = Command::new(bin("ballast"));
    command
        .arg("run")
        .arg(case)
        .env("CASE_PORT", port.to_string())
        .env("CASE_PORT2", peer.to_string());
    let stdout = case.join("stdout");
    if stdout.is_file() {
        command.arg("--log-local=null");
        let (status, output) =
            process::run("ballast run", &mut command, DEADLINE).map_err(|error| error.to_string())?;
        if !status.success() {
            return Err(format!("ends with {status}"));
        }
        return compare("standard output", output.as_bytes(), &read(&stdout)?);
    }
    let connections = connections(case)?;
    let mut process = Process::spawn("ballast run", &mut command).map_err(|error| error.to_string())?;
    let mut talk = || -> Result<(), String> {
        let ready = poll(DEADLINE, || {
            (listens(port) || !process.is_running()).then(|| listens(port))
        });
        if ready != Some(true) {
            return Err("does not listen on CASE_PORT".to_owned());
        }
        for (name, input, output) in &connections {
            let got = exchange(port, input).map_err(|error| format!("{name}: {error}"))?;
            compare(name, &got, output)?;
        }
        Ok(())
    };
    let talked = talk();
    let said = process.output();
    let ended = process.stop(DEADLINE);
    talked.map_err(|error| format!("{error}\n  it said:\n{said}"))?;
    match ended {
        Some(_) => Ok(()),
        None => Err("does not end on SIGTERM".to_owned()),
    }
}

/// Runs all cases of a group and names those that fail.
fn run(group: &str) {
    let all: Vec<PathBuf> = cases(group).into_values().flatten().collect();
    assert!(!all.is_empty(), "no case in {group}");
    let queue = Mutex::new(all.iter());
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("no thread panics with the queue").next();
                    let Some(case) = next else { break };
                    if let Err(error) = check(case) {
                        let name = case.strip_prefix(repo_path("tests/script")).unwrap_or(case);
                        let text = format!("{}: {error}", name.display());
                        failed.lock().expect("no thread panics with the list").push(text);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no thread panics with the list");
    assert!(
        failed.is_empty(),
        "{} of {} cases fail:\n{}",
        failed.len(),
        all.len(),
        failed.join("\n")
    );
}

#[test]
fn filters() {
    run("filters");
}

#[test]
fn globals() {
    run("globals");
}

/// The names that `ballast GROUP` lists.
fn listed(group: &str) -> Vec<String> {
    let (status, list) =
        process::run("ballast", Command::new(bin("ballast")).arg(group), DEADLINE).expect("lists its names");
    assert!(status.success(), "{status}: {list}");
    let first = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
    list.lines().map(first).collect()
}

#[test]
fn every_filter_and_global_has_a_case() {
    for group in ["filters", "globals"] {
        let names = listed(group);
        assert!(names.len() > 10, "{group}: {names:?}");
        let known = cases(group);
        let missing: Vec<&String> = names
            .iter()
            .filter(|name| known.get(*name).is_none_or(Vec::is_empty))
            .collect();
        assert!(
            missing.is_empty(),
            "{group} without a case in tests/script/{group}: {missing:?}"
        );
        let unknown: Vec<&String> = known.keys().filter(|name| !names.contains(name)).collect();
        assert!(unknown.is_empty(), "cases of no {group}: {unknown:?}");
    }
}

#[test]
fn the_reference_page_is_what_the_binary_says() {
    let (status, page) = process::run(
        "ballast filters --page",
        Command::new(bin("ballast")).args(["filters", "--page"]),
        DEADLINE,
    )
    .expect("prints the page");
    assert!(status.success(), "{status}");
    golden::check(&repo_path("src/REFERENCE.md"), &page);
}
