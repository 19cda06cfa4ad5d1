//! Sections 2 and 1.2: what workers read, HEAD, lists, tar, `_etags`, aliases, status reports.

use ballast_tests::repo::{Repo, row};
use serde_json::json;

#[test]
fn what_workers_read() {
    let repo = Repo::dev();
    repo.done(&[
        ("POST /api/v1/repo/a/x", r#"{"base":"/base","version":"4"}"#),
        ("POST /api/v1/repo/a/y", ""),
        ("POST /api/v1/repo-files/a/x/own.js", "own"),
    ]);
    repo.check(&[
        row("before the first commit", "GET /repo/a/x/", "", 404, "*"),
        row("its files", "GET /repo/a/x/own.js", "", 404, "*"),
        row("what it inherits", "GET /repo/a/x/lib.js", "", 404, "*"),
        row("commit", "PATCH /api/v1/repo/a/x", r#"{"version":"9"}"#, 201, ""),
        row(
            "list, main first, all with a slash",
            "GET /repo/a/x/",
            "",
            200,
            "/base/main.js\n/lib.js\n/own.js\n",
        ),
        row("own file", "GET /repo/a/x/own.js", "", 200, "own"),
        row(
            "inherited file",
            "GET /repo/a/x/base/main.js",
            "",
            200,
            "// main of base\n",
        ),
        row("no such file", "GET /repo/a/x/none.js", "", 404, "*"),
        row("a path that climbs", "GET /repo/a/x/../../etc/passwd", "", 404, "*"),
        row(
            "the same, escaped",
            "GET /repo/a/x/%2e%2e/%2e%2e/etc/passwd",
            "",
            404,
            "*",
        ),
        row("no UTF-8", "GET /repo/a/x/%ff", "", 404, "*"),
        row("names below a prefix", "GET /repo/a", "", 200, "/a/x/\n/a/y/\n"),
        row("with a slash", "GET /repo/a/", "", 200, "/a/x/\n/a/y/\n"),
        row("below nothing", "GET /repo/b/", "", 404, "*"),
        row("below a part of a name", "GET /repo/ba", "", 404, "*"),
        row("all names", "GET /repo/", "", 200, "/a/x/\n/a/y/\n/base/\n"),
        row("another method", "DELETE /repo/a/x/", "", 405, "*"),
        row("another path", "GET /nothing", "", 404, "*"),
    ]);
    let list = repo.get("/repo/a/x/");
    assert_eq!(
        (list.header("etag"), list.header("content-type")),
        (Some("9"), Some("text/plain"))
    );
    assert_eq!(list.header("last-modified"), None);
    let file = repo.get("/repo/a/x/own.js");
    assert!(file.header("etag").is_some_and(|etag| !etag.is_empty()) && file.header("last-modified").is_none());
    for path in ["/repo/a/x/", "/repo/a/x/own.js"] {
        let (get, head) = (repo.get(path), repo.send(&format!("HEAD {path}"), &[], ""));
        let header = |name: &str| {
            (
                get.header(name).map(str::to_owned),
                head.header(name).map(str::to_owned),
            )
        };
        assert_eq!((head.status, head.body.len()), (200, 0));
        for name in ["etag", "content-type", "content-length", "ballast-revision"] {
            assert_eq!(header(name).0, header(name).1, "{path} {name}");
        }
    }
    assert_eq!(repo.send("HEAD /repo/none/", &[], "").status, 404);
}

#[test]
fn all_files_in_one_tar() {
    let repo = Repo::dev();
    repo.done(&[
        ("POST /api/v1/repo/a", r#"{"base":"/base"}"#),
        ("POST /api/v1/repo-files/a/config/pod.json", "{}"),
        ("PATCH /api/v1/repo/a", r#"{"version":"9"}"#),
    ]);
    let answer = repo.send("GET /repo/a/", &[("accept", "application/x-tar, text/plain;q=0.5")], "");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("application/x-tar"))
    );
    assert_eq!(
        (
            answer.header("etag").unwrap().to_owned(),
            answer.header("ballast-revision").unwrap().parse().unwrap()
        ),
        repo.version("/a")
    );
    let folder = ballast_tests::temp_dir();
    let file = folder.path().join("a.tar");
    std::fs::write(&file, &answer.body).unwrap();
    let mut list = std::process::Command::new("tar");
    let (status, names) =
        ballast_tests::process::run("tar", list.arg("tf").arg(&file), std::time::Duration::from_secs(10)).unwrap();
    assert!(status.success());
    assert_eq!(names, "base/main.js\nconfig/pod.json\nlib.js\n", "main first");
    repo.done(&[("PATCH /api/v1/repo/a", r#"{"version":"10","main":"/none.js"}"#)]);
    let answer = repo.send("GET /repo/a/", &[("accept", "application/x-tar")], "");
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain"),
        "without its main there is only the list"
    );
    assert!(answer.text().starts_with("/none.js\n/base/main.js\n"));
}

#[test]
fn versions_of_files() {
    let repo = Repo::dev();
    repo.done(&[
        ("POST /api/v1/repo/a", r#"{"base":"/base"}"#),
        ("POST /api/v1/repo-files/a/d/one.js", "1"),
        ("POST /api/v1/repo-files/a/d/two.js", "2"),
        ("PATCH /api/v1/repo/a", r#"{"version":"1"}"#),
    ]);
    let etag = |path: &str| repo.get(path).header("etag").unwrap().to_owned();
    let (one, two) = (etag("/repo/a/d/one.js"), etag("/repo/a/d/two.js"));
    let lines = format!("/d/one.js#{one}\n/d/two.js#{two}\n");
    repo.check(&[row("of a folder", "GET /repo/a/d/_etags", "", 200, &lines)]);
    let all = repo.get("/repo/a/_etags").text();
    assert!(all.contains(&lines) && all.contains("/lib.js#"), "{all}");
    let before = repo.version("/a");
    repo.done(&[
        ("POST /api/v1/repo-files/a/d/one.js", "new"),
        ("PATCH /api/v1/repo/a", "{}"),
    ]);
    let after = repo.version("/a");
    assert!(
        before.0 == after.0 && before.1 < after.1,
        "in place: the etag stays, the revision grows"
    );
    assert_ne!(etag("/repo/a/d/one.js"), one);
    assert_eq!(etag("/repo/a/d/two.js"), two);
    let same = repo.send("GET /repo/a/d/two.js", &[("if-none-match", &two)], "");
    assert_eq!(same.status, 304);
    repo.check(&[row("of no folder", "GET /repo/a/none/_etags", "", 404, "*")]);
}

#[test]
fn pods_have_an_alias_and_a_uid() {
    let repo = Repo::dev();
    let pod = |uid: &str| format!(r#"{{"metadata":{{"uid":"{uid}"}}}}"#);
    repo.done(&[
        ("POST /api/v1/repo/pod/shop/web-0", r#"{"base":"/base"}"#),
        ("POST /api/v1/repo-files/pod/shop/web-0/config/pod.json", &pod("u-1")),
        ("PATCH /api/v1/repo/pod/shop/web-0", r#"{"version":"1"}"#),
    ]);
    let status = |path: &str, uid: &str| {
        repo.send(
            &format!("HEAD {path}"),
            &[("ballast-pod-uid", uid), ("if-none-match", "x")],
            "",
        )
        .status
    };
    repo.check(&[
        row(
            "alias",
            "GET /repo/uid/u-1/",
            "",
            200,
            "/base/main.js\n/config/pod.json\n/lib.js\n",
        ),
        row(
            "a file by alias",
            "GET /repo/uid/u-1/config/pod.json",
            "",
            200,
            &pod("u-1"),
        ),
        row("unknown alias", "GET /repo/uid/u-2/", "", 404, "*"),
    ]);
    assert_eq!(status("/repo/pod/shop/web-0/", "u-1"), 200);
    assert_eq!(status("/repo/pod/shop/web-0/", "u-2"), 409);
    assert_eq!(status("/repo/pod/shop/web-0/config/pod.json", "u-2"), 409);
    assert_eq!(status("/repo/base/", "u-2"), 200, "no Pod's codebase");
    // The Pod is replaced by another of its name, in place.
    repo.done(&[
        ("POST /api/v1/repo-files/pod/shop/web-0/config/pod.json", &pod("u-2")),
        ("PATCH /api/v1/repo/pod/shop/web-0", ""),
    ]);
    assert_eq!(status("/repo/pod/shop/web-0/", "u-1"), 409);
    assert_eq!(status("/repo/pod/shop/web-0/", "u-2"), 200);
    repo.check(&[
        row("old alias", "GET /repo/uid/u-1/", "", 410, "*"),
        row("new alias", "HEAD /repo/uid/u-2/", "", 200, ""),
        row("delete", "DELETE /api/v1/repo/pod/shop/web-0", "", 204, ""),
        row("alias of what was deleted", "GET /repo/uid/u-2/", "", 410, "*"),
        row("a file of it", "GET /repo/uid/u-2/config/pod.json", "", 410, "*"),
    ]);
}

#[test]
fn status_reports() {
    let repo = Repo::dev();
    repo.done(&[
        ("POST /api/v1/repo/a", ""),
        ("PATCH /api/v1/repo/a", r#"{"version":"1"}"#),
    ]);
    let status = |uuid: &str, metrics: &str| {
        format!(r#"{{"timestamp":5,"uuid":"{uuid}","name":"n","ip":"10.0.0.9","version":"1"{metrics}}}"#)
    };
    let metrics = r#","metrics":{"version":1,"roots":[]}"#;
    repo.check(&[
        row("without metrics", "POST /repo/a/", &status("u", ""), 201, ""),
        row("with metrics", "POST /repo/a/", &status("v", metrics), 206, ""),
        row("again", "POST /repo/a/", &status("u", ""), 201, ""),
        row("no JSON", "POST /repo/a/", "{", 400, "Invalid JSON"),
        row("nothing", "POST /repo/a/", "", 400, "Invalid JSON"),
        row("to a file", "POST /repo/a/main.js", "{}", 405, "*"),
        row("to no codebase", "POST /repo/none/", &status("u", ""), 404, "*"),
    ]);
    let instances = repo.info("/a")["instances"].clone();
    assert_eq!(
        instances.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["1", "2"],
        "numbered from 1 by uuid"
    );
    let first = json!({ "timestamp": 5, "uuid": "u", "name": "n", "ip": "10.0.0.9", "version": "1" });
    assert_eq!(
        instances["1"],
        json!({ "ip": "10.0.0.9", "timestamp": 5, "status": first })
    );
}
