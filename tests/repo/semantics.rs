//! Section 4: derived codebases follow their bases; commits and publishes; folders made into codebases at the start.

use ballast_tests::repo::{Repo, row};

#[test]
fn derived_codebases_follow_their_bases() {
    let repo = Repo::dev();
    repo.done(&[
        ("POST /api/v1/repo/a", ""),
        ("PATCH /api/v1/repo/a", r#"{"version":"1"}"#),
        ("POST /api/v1/repo/b", r#"{"base":"/a"}"#),
        ("POST /api/v1/repo-files/b/b.js", "b"),
        ("PATCH /api/v1/repo/b", r#"{"version":"abc"}"#),
        ("POST /api/v1/repo/c", r#"{"base":"/b"}"#),
        ("PATCH /api/v1/repo/c", r#"{"version":"41"}"#),
        ("POST /api/v1/repo/late", r#"{"base":"/b"}"#),
    ]);
    let versions = || ["/a", "/b", "/c"].map(|name| repo.version(name).0);
    assert_eq!(versions(), ["1", "abc", "41"]);
    repo.check(&[row("derived, never committed", "GET /repo/late/", "", 404, "*")]);
    repo.done(&[
        ("POST /api/v1/repo-files/a/new.js", "new"),
        ("PATCH /api/v1/repo/a", r#"{"version":"2"}"#),
    ]);
    assert_eq!(
        versions(),
        ["2", "1", "42"],
        "plus one each; a version that is no number counts as 0"
    );
    repo.check(&[
        row("at any depth", "GET /repo/c/new.js", "", 200, "new"),
        row(
            "even where it never was committed",
            "GET /repo/late/",
            "",
            200,
            "/main.js\n/b.js\n/new.js\n",
        ),
        row(
            "own file hides the base's",
            "POST /api/v1/repo-files/b/new.js",
            "b's",
            201,
            "",
        ),
        row(
            "commit in the middle",
            "PATCH /api/v1/repo/b",
            r#"{"version":"7"}"#,
            201,
            "",
        ),
        row("what derives sees it", "GET /repo/c/new.js", "", 200, "b's"),
        row("the base does not", "GET /repo/a/new.js", "", 200, "new"),
    ]);
    assert_eq!(versions(), ["2", "7", "43"]);
    repo.done(&[
        ("DELETE /api/v1/repo-files/b/new.js", ""),
        ("PATCH /api/v1/repo/b", r#"{"version":"8"}"#),
    ]);
    repo.check(&[row("erased: the base's is back", "GET /repo/c/new.js", "", 200, "new")]);
    assert_eq!(repo.info("/c")["version"], "44", "the API tells the same version");
    repo.done(&[
        ("PATCH /api/v1/repo/c", r#"{"version":"100"}"#),
        ("PATCH /api/v1/repo/a", r#"{"version":"3"}"#),
    ]);
    assert_eq!(versions(), ["3", "9", "101"]);
}

#[test]
fn a_commit_of_the_same_version() {
    let repo = Repo::dev();
    repo.done(&[
        ("POST /api/v1/repo/a", ""),
        ("PATCH /api/v1/repo/a", r#"{"version":"1"}"#),
        ("POST /api/v1/repo/b", r#"{"base":"/a"}"#),
        ("PATCH /api/v1/repo/b", r#"{"version":"1"}"#),
    ]);
    let before = (repo.version("/a"), repo.version("/b"));
    repo.done(&[("PATCH /api/v1/repo/a", r#"{"version":"1"}"#)]);
    assert_eq!(
        (repo.version("/a"), repo.version("/b")),
        before,
        "without edits: nothing happens"
    );
    repo.done(&[
        ("POST /api/v1/repo-files/a/main.js", "new"),
        ("PATCH /api/v1/repo/a", r#"{"version":"1"}"#),
    ]);
    repo.check(&[row(
        "with edits: contents change",
        "GET /repo/a/main.js",
        "",
        200,
        "new",
    )]);
    assert_eq!(repo.version("/a").0, "1", "but the etag does not");
    assert!(repo.version("/a").1 > before.0.1, "the revision does");
}

#[test]
fn publish_in_place() {
    let repo = Repo::dev();
    repo.done(&[
        ("POST /api/v1/repo/a", ""),
        ("PATCH /api/v1/repo/a", r#"{"version":"1"}"#),
        ("POST /api/v1/repo/b", r#"{"base":"/a"}"#),
        ("PATCH /api/v1/repo/b", r#"{"version":"5"}"#),
        ("POST /api/v1/repo-files/a/main.js", "new"),
    ]);
    let before = (repo.version("/a"), repo.version("/b"));
    repo.done(&[("PATCH /api/v1/repo/a", "")]);
    let after = (repo.version("/a"), repo.version("/b"));
    repo.check(&[row("published", "GET /repo/b/main.js", "", 200, "new")]);
    assert_eq!(
        (&after.0.0, &after.1.0),
        (&before.0.0, &before.1.0),
        "no version changes"
    );
    assert!(
        after.0.1 > before.0.1 && after.1.1 > before.1.1,
        "the revisions do, of what derives too"
    );
    assert_eq!(repo.info("/a")["editFiles"], serde_json::json!([]));
    repo.done(&[
        ("POST /api/v1/repo-files/a/main.js", "new"),
        ("PATCH /api/v1/repo/a", "{}"),
    ]);
    assert_eq!(repo.version("/a"), after.0, "the same content again is no change");
}

#[test]
fn folders_become_codebases() {
    let folder = ballast_tests::temp_dir();
    for (path, text) in [
        ("one/main.js", "1"),
        ("one/lib/x.js", "x"),
        ("deep/er/two/main.js", "2"),
        ("top.js", "no codebase"),
        ("one/.hidden", ""),
    ] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let repo = Repo::start(&["--dev", "--init-repo", folder.path().to_str().unwrap()], &[]);
    repo.check(&[
        row("all", "GET /api/v1/repo", "", 200, "/base\n/deep/er/two\n/one\n"),
        row(
            "with their subfolders",
            "GET /repo/one/",
            "",
            200,
            "/main.js\n/lib/x.js\n",
        ),
        row("content", "GET /repo/deep/er/two/main.js", "", 200, "2"),
    ]);
    assert_eq!(repo.version("/one").0, "1");
}
