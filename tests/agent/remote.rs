//! `ballast run URL`: the worker of a Repo. Source: pipyjs/repo.md section 1 (table of situations) and 1.2.

use ballast_tests::repo::Repo;
use ballast_tests::{free_port, wait_for};

use crate::proxy::Proxy;
use crate::support::{DEADLINE, answering, ends, start, wait_answer};

fn publish(repo: &Repo, version: u32, main: &str) {
    repo.done(&[
        ("POST /api/v1/repo-files/app/main.js", main),
        ("PATCH /api/v1/repo/app", &format!("{{\"version\":\"{version}\"}}")),
    ]);
}

#[test]
fn follows_a_codebase_through_everything() {
    let (repo, port, proxy) = (Repo::dev(), free_port(), Proxy::new());
    repo.done(&[("POST /api/v1/repo/app", "")]);
    publish(&repo, 1, "pipy().broken()");
    let url = format!("{}/repo/app/", proxy.url);
    let mut process = start(&["run", "--instance-name=w", &url]);
    process.wait_output(DEADLINE, "the connection broke");
    proxy.to(&repo.url);
    // A script that does not load at the start is tried again until it does.
    process.wait_output(DEADLINE, "does not load");
    publish(&repo, 2, &answering(port, "two"));
    wait_answer(&process, port, "two");
    publish(&repo, 3, &answering(port, "three"));
    wait_answer(&process, port, "three");
    publish(&repo, 4, "pipy().broken()");
    process.wait_output(DEADLINE, "Failed reloading codebase");
    wait_answer(&process, port, "three");
    let mut status = serde_json::Value::Null;
    wait_for(DEADLINE, "a status report of version 3", || {
        status = repo.info("/app")["instances"]["1"]["status"].clone();
        status["version"] == "3" && status["error"].is_string()
    });
    assert_eq!(status["name"], "w", "{status}");
    proxy.down();
    wait_answer(&process, port, "three");
    proxy.to(&repo.url);
    publish(&repo, 5, &answering(port, "five"));
    wait_answer(&process, port, "five");
}

#[test]
fn without_reload_a_failure_ends_it() {
    let repo = Repo::dev();
    for url in [
        "http://127.0.0.1:1/repo/app/".to_owned(),
        format!("{}/repo/none/", repo.url),
    ] {
        let (code, output) = ends(&["run", "--no-reload", &url]);
        assert_eq!(code, Some(255), "{output}");
    }
}
