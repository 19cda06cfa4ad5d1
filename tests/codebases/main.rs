//! Whole codebases as people wrote them in 2020 to 2023 and since (pipyjs/model.md 1.5: E1, E2 and E3), each in a network
//! namespace of its own, so that scripts hold the ports they would really hold, with real peers around them.
//!
//! A folder is a codebase, and its file `session` is what happens to it. It runs on a copy of the folder, with `$BALLAST`
//! and `$REPO` the binaries, `$PEERS` the folder of the servers, and `$GO_PEERS` that of those which are Go programs; a line is
//!
//! - `& COMMAND`: started beside the others until the end of the session;
//! - `$ COMMAND`: run once, and must print the lines below it that are indented by two blanks (`*` is any text);
//! - `~ COMMAND`: the same, but run again and again until it prints that;
//! - `# TEXT`: for the reader.
//!
//! Carriage returns, empty lines and blanks at the end of a line are no difference. Expected lines come from the
//! specification, so there is no way to update them from what is printed.

#![forbid(unsafe_code)]

use ballast_tests::{Netns, Process, bin, poll, process, repo_path, temp_dir};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// For each step; far more than any takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

macro_rules! codebases {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { play(stringify!($name)); })*
    };
}

codebases! {
    e1_edge_2020
    e1_plugins
    e1_repo
    e1_tcp
    e1_pod_infra
    e2_front
    e2_gateway
    e2_mixed
    e2_protocols
    e2_reload
    e2_sidecar
    e2_tls_edge
    e2_tunnels
    e3_async
    e3_compose
    e3_fronts
    e3_gateway
    e3_grpc
    e3_mesh
    e3_service
}

#[test]
fn every_folder_is_played() {
    let folders = fs::read_dir(repo_path("tests/codebases")).expect("the folder of this test");
    for entry in folders.map(|entry| entry.expect("a readable entry")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let played = NAMES.contains(&name.as_str());
        assert_eq!(entry.path().join("session").is_file(), played, "{name}");
    }
}

struct Session {
    netns: Netns,
    folder: ballast_tests::TempDir,
    running: Vec<Process>,
}

impl Session {
    fn command(&self, line: &str) -> Command {
        let mut command = self.netns.command("sh");
        command
            .args(["-c", line])
            .current_dir(self.folder.path())
            .env("BALLAST", bin("ballast"))
            .env("REPO", bin("ballast-repo"))
            .env("PEERS", repo_path("tests/codebases/peers"))
            .env("GO_PEERS", std::env::var_os("BALLAST_PEERS").unwrap_or_default());
        command
    }

    fn said(&self, line: &str) -> String {
        let (_, output) = process::run("step", &mut self.command(line), DEADLINE)
            .unwrap_or_else(|error| panic!("{line}: {error}{}", self.output()));
        output
    }

    fn output(&self) -> String {
        let all: Vec<String> = self.running.iter().map(Process::output).collect();
        format!("\nwhat runs beside it said:\n{}", all.join("\n"))
    }
}

/// Runs the session of this codebase.
fn play(name: &str) {
    let source = repo_path("tests/codebases").join(name);
    let folder = temp_dir();
    copy(&source, folder.path());
    let text = fs::read_to_string(source.join("session")).expect("a codebase has a session");
    let netns = Netns::new().expect("root may make a network namespace");
    let mut session = Session {
        netns,
        folder,
        running: Vec::new(),
    };
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        let place = format!("{name}/session:{at}: {line}");
        let (kind, command) = (line.get(..2).unwrap_or(""), line.get(2..).unwrap_or(""));
        match kind {
            "& " => {
                // The shell becomes what it starts, so that its end is that program's.
                let process = Process::spawn(command, &mut session.command(&format!("exec {command}")));
                session
                    .running
                    .push(process.unwrap_or_else(|error| panic!("{place}: {error}")));
            }
            "$ " | "~ " => {
                let mut expected = Vec::new();
                while let Some(text) = lines.get(at).and_then(|line| line.strip_prefix("  ")) {
                    expected.push(text);
                    at += 1;
                }
                let mut said = String::new();
                if kind == "$ " {
                    said = session.said(command);
                } else {
                    poll(DEADLINE, || {
                        said = session.said(command);
                        same(&expected, &said).then_some(())
                    });
                }
                assert!(
                    same(&expected, &said),
                    "{place}\nexpected\n{}\ngot\n{said}{}",
                    expected.join("\n"),
                    session.output()
                );
            }
            "# " | "" | "#" => {}
            _ => panic!("{place}: no such kind of line"),
        }
    }
}

fn same(expected: &[&str], said: &str) -> bool {
    let said: Vec<&str> = said
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    let expected: Vec<&str> = expected
        .iter()
        .map(|line| line.trim_end())
        .filter(|line| !line.is_empty())
        .collect();
    said.len() == expected.len() && expected.iter().zip(said).all(|(pattern, line)| like(pattern, line))
}

/// Whether `line` is `pattern`, in which `*` is any text.
fn like(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            fs::create_dir(&target).expect("the temporary folder is writable");
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("the temporary folder is writable");
        }
    }
}
