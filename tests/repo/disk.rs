//! The store on disk: restarts, kill -9 in mid-write, a full disk, what was seeded.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ballast_tests::repo::{Repo, row};
use ballast_tests::{Netns, Process, bin, temp_dir, wait_for};
use nix::sys::signal::Signal;

const DEADLINE: Duration = Duration::from_secs(15);
/// The kill loop goes on for that long.
const KILLING: Duration = Duration::from_secs(15);

#[test]
fn a_restart_keeps_everything() {
    let folder = temp_dir();
    let repo = Repo::on_disk(folder.path());
    repo.done(&[
        ("POST /api/v1/repo/a", r#"{"base":"/base"}"#),
        ("POST /api/v1/repo-files/a/x.js", "x"),
        ("PATCH /api/v1/repo/a", r#"{"version":"7"}"#),
        ("POST /api/v1/repo-files/a/edit.js", "e"),
        ("POST /api/v1/repo/b", ""),
        ("DELETE /api/v1/repo/b", ""),
    ]);
    let (version, info) = (repo.version("/a"), repo.info("/a"));
    assert_eq!(repo.process.stop(DEADLINE).and_then(|status| status.code()), Some(0));
    let repo = Repo::on_disk(folder.path());
    assert_eq!((repo.version("/a"), repo.info("/a")), (version.clone(), info));
    repo.check(&[
        row("content", "GET /repo/a/x.js", "", 200, "x"),
        row("edit", "GET /api/v1/repo-files/a/edit.js", "", 200, "e"),
        row("what was deleted", "GET /repo/b/", "", 410, "*"),
        row("publish", "PATCH /api/v1/repo/a", "", 201, ""),
    ]);
    assert!(repo.version("/a").1 > version.1, "revisions grow on");
}

#[test]
fn seeds_follow_their_source_until_somebody_edits() {
    let (data, scripts) = (temp_dir(), temp_dir());
    let write = |text: &str| std::fs::write(scripts.path().join("main.js"), text).unwrap();
    let start = || {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        Repo::start(
            &["--dev", "--data", &path(data.path()), "--base", &path(scripts.path())],
            &[],
        )
    };
    write("1");
    drop(start());
    let repo = start();
    assert_eq!(repo.version("/base").0, "1", "unchanged: the same version");
    drop(repo);
    write("2");
    let repo = start();
    repo.check(&[row("new scripts", "GET /repo/base/main.js", "", 200, "2")]);
    assert_eq!(repo.version("/base").0, "2");
    repo.done(&[
        ("POST /api/v1/repo-files/base/main.js", "mine"),
        ("PATCH /api/v1/repo/base", r#"{"version":"9"}"#),
    ]);
    drop(repo);
    write("3");
    let repo = start();
    repo.check(&[row("edited: left alone", "GET /repo/base/main.js", "", 200, "mine")]);
    assert_eq!(repo.version("/base").0, "9");
    assert!(repo.process.output().contains("has been edited"));
}

/// Writers go on all the time; the Repo is killed at any moment and started again. What was acknowledged must be there.
#[test]
fn kill_in_mid_write() {
    let folder = temp_dir();
    let mut acknowledged: BTreeMap<String, u64> = BTreeMap::new();
    let (mut kills, mut writes, mut next) = (0, 0, 1_u64);
    let end = Instant::now() + KILLING;
    while Instant::now() < end {
        let repo = Arc::new(Repo::on_disk(folder.path()));
        for (name, version) in &acknowledged {
            let found: u64 = repo.version(name).0.parse().unwrap();
            assert!(
                found >= *version,
                "{name}: {found} is older than what was acknowledged, {version}"
            );
            let content = repo.get(&format!("/repo{name}/x.js"));
            assert_eq!(content.text(), format!("{found} {}", "x".repeat(2000)), "{name}");
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let (repo, is_over) = (Arc::clone(&repo), Arc::clone(&is_over));
                let name = format!("/w{writer}");
                std::thread::spawn(move || write_until(&repo, &is_over, &name, next))
            })
            .collect();
        // Killed a little later each time, so that it hits all phases.
        let alive = Duration::from_millis(20 + (kills * 37) % 300);
        let start = Instant::now();
        wait_for(DEADLINE, "the moment to kill", || start.elapsed() >= alive);
        repo.process.signal(Signal::SIGKILL).unwrap();
        is_over.store(true, Ordering::Relaxed);
        for writer in writers {
            let (name, last, done) = writer.join().unwrap();
            writes += done;
            if let Some(last) = last {
                acknowledged.insert(name, last);
                next = next.max(last + 2);
            }
        }
        kills += 1;
    }
    println!("{kills} kills, {writes} acknowledged writes");
    assert!(
        kills >= 10 && writes >= 100,
        "{kills} kills, {writes} acknowledged writes: too few to mean anything"
    );
}

fn write_until(repo: &Repo, is_over: &AtomicBool, name: &str, first: u64) -> (String, Option<u64>, u64) {
    let send = |request: &str, body: &str| {
        let answer = repo.request(request, &[], body).send();
        answer.is_ok_and(|answer| (200..300).contains(&answer.status))
    };
    send(&format!("POST /api/v1/repo{name}"), "");
    let (mut last, mut done) = (None, 0);
    for version in first.. {
        let content = format!("{version} {}", "x".repeat(2000));
        let is_done = send(&format!("POST /api/v1/repo-files{name}/x.js"), &content)
            && send(
                &format!("PATCH /api/v1/repo{name}"),
                &format!(r#"{{"version":"{version}"}}"#),
            );
        if !is_done {
            break;
        }
        (last, done) = (Some(version), done + 2);
        if is_over.load(Ordering::Relaxed) {
            break;
        }
    }
    (name.to_owned(), last, done)
}

#[test]
fn killed_at_its_first_start() {
    for delay_ms in 0..25 {
        let folder = temp_dir();
        let mut command = Command::new(bin("ballast-repo"));
        command
            .args(["--dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path().join("data"));
        let process = Process::spawn("ballast-repo", &mut command).unwrap();
        let start = Instant::now();
        wait_for(DEADLINE, "the moment to kill", || {
            start.elapsed() >= Duration::from_millis(delay_ms)
        });
        process.signal(Signal::SIGKILL).unwrap();
        drop(process);
        let repo = Repo::on_disk(&folder.path().join("data"));
        assert_eq!(repo.get("/repo/base/").status, 200, "killed after {delay_ms} ms");
    }
}

#[test]
fn a_full_disk_refuses_writes_and_serves_reads() {
    let folder = temp_dir();
    let machine = Netns::machine(&format!("mount -t tmpfs -o size=6m none {}", folder.path().display())).unwrap();
    // A base from a folder of its own: the private mount hides everything below the data folder.
    let scripts = temp_dir();
    std::fs::write(scripts.path().join("main.js"), "base").unwrap();
    let mut command_line = machine.command(bin("ballast-repo").to_str().unwrap());
    command_line
        .args(["--dev", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .arg("--base")
        .arg(scripts.path());
    let mut process = Process::spawn("ballast-repo", &mut command_line).unwrap();
    process.wait_output(DEADLINE, "listening on http://");
    let url = process
        .output()
        .lines()
        .find_map(|line| Some(line.strip_prefix("listening on ")?.to_owned()))
        .unwrap();
    let send = |method: &str, path: &str, body: String| {
        let request = ballast_tests::http::Request::new(method, &format!("{url}{path}")).body(body);
        machine.run(|| request.send().unwrap())
    };
    assert_eq!(send("POST", "/api/v1/repo/a", String::new()).status, 201);
    let mut acknowledged = 0;
    let refused = (0..100).find_map(|n| {
        let answer = send("POST", &format!("/api/v1/repo-files/a/f{n}"), "x".repeat(200_000));
        if answer.status == 201 {
            acknowledged = n + 1;
            return None;
        }
        Some(answer)
    });
    let refused = refused.expect("6 MiB do not hold 20");
    assert_eq!(refused.status, 507, "{}", refused.text());
    assert!(refused.text().contains("free space"), "{}", refused.text());
    assert!(acknowledged > 0);
    for _ in 0..3 {
        assert_eq!(send("GET", "/repo/base/main.js", String::new()).text(), "base");
        for n in 0..acknowledged {
            let answer = send("GET", &format!("/api/v1/repo-files/a/f{n}"), String::new());
            assert_eq!((answer.status, answer.body.len()), (200, 200_000), "file {n}");
        }
        assert_eq!(
            send("POST", "/api/v1/repo-files/a/more", "x".repeat(3_000_000)).status,
            507
        );
    }
    assert_eq!(
        send("GET", "/api/v1/repo-files/a/more", String::new()).status,
        404,
        "a refused write left nothing"
    );
}
