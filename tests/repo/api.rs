//! Section 3: the editing API, current form and old form.

use ballast_tests::repo::{Repo, row};
use serde_json::json;

#[test]
fn a_codebase_with_its_files_in_one_request() {
    let repo = Repo::dev();
    let whole =
        r#"{"base":"/base","version":"1","files":{"/config/pod.json":"{\"metadata\":{\"uid\":\"u-1\"}}","x.js":"1"}}"#;
    repo.check(&[
        row("whole", "PUT /api/v1/repo/pod/a/b", whole, 201, ""),
        row(
            "again",
            "PUT /api/v1/repo/pod/a/b",
            whole,
            400,
            "Codebase already exists",
        ),
        row("served at once", "GET /repo/pod/a/b/x.js", "", 200, "1"),
        row("by its UID", "GET /repo/uid/u-1/x.js", "", 200, "1"),
        row("no version", "PUT /api/v1/repo/c", r#"{"files":{"/x":"1"}}"#, 400, "*"),
        row("no files", "PUT /api/v1/repo/c", r#"{"version":"1"}"#, 400, "*"),
        row(
            "a file that is no text",
            "PUT /api/v1/repo/c",
            r#"{"version":"1","files":{"/x":1}}"#,
            400,
            "*",
        ),
        row(
            "a file without a name",
            "PUT /api/v1/repo/c",
            r#"{"version":"1","files":{"/..":"1"}}"#,
            400,
            "*",
        ),
        row(
            "no base",
            "PUT /api/v1/repo/c",
            r#"{"base":"/none","version":"1","files":{}}"#,
            400,
            "*",
        ),
        row("none of it is there", "GET /api/v1/repo/c", "", 404, "*"),
    ]);
    assert_eq!(repo.version("/pod/a/b").0, "1");
    let info = repo.info("/pod/a/b");
    assert_eq!(info["editFiles"], json!([]));
    assert_eq!(info["files"], json!(["/config/pod.json", "/x.js"]));
}

#[test]
fn create() {
    let repo = Repo::dev();
    repo.check(&[
        row("empty body", "POST /api/v1/repo/a", "", 201, ""),
        row("again", "POST /api/v1/repo/a", "", 400, "Codebase already exists"),
        row(
            "again with a base",
            "POST /api/v1/repo/a",
            r#"{"base":"/base"}"#,
            400,
            "Codebase already exists",
        ),
        row(
            "with slashes in its name",
            "POST /api/v1/repo/sidecar/default.bookbuyer",
            "{}",
            201,
            "",
        ),
        row("version as number", "POST /api/v1/repo/n", r#"{"version":7}"#, 201, ""),
        row(
            "version as string, main",
            "POST /api/v1/repo/s",
            r#"{"version":"8","main":"/x.js"}"#,
            201,
            "",
        ),
        row(
            "base with a slash",
            "POST /api/v1/repo/d1",
            r#"{"base":"/base"}"#,
            201,
            "",
        ),
        row("base without", "POST /api/v1/repo/d2", r#"{"base":"base"}"#, 201, ""),
        row(
            "no such base",
            "POST /api/v1/repo/d3",
            r#"{"base":"/none"}"#,
            400,
            "Base codebase not found",
        ),
        row(
            "no base at all",
            "POST /api/v1/repo/d3",
            r#"{"base":3}"#,
            400,
            "Invalid base codebase",
        ),
        row(
            "a base that climbs",
            "POST /api/v1/repo/d3",
            r#"{"base":"/../x"}"#,
            400,
            "Invalid base codebase",
        ),
        row(
            "itself as base",
            "POST /api/v1/repo/d3",
            r#"{"base":"/d3"}"#,
            400,
            "Base codebase not found",
        ),
        row(
            "bad version",
            "POST /api/v1/repo/v",
            r#"{"version":[]}"#,
            400,
            "Invalid version",
        ),
        row(
            "version that is no header",
            "POST /api/v1/repo/v",
            r#"{"version":"a\nb"}"#,
            400,
            "Invalid version",
        ),
        row("no JSON", "POST /api/v1/repo/v", "{", 400, "Invalid JSON"),
        row(
            "name that climbs",
            "POST /api/v1/repo/a/../../b",
            "",
            400,
            "Invalid codebase name",
        ),
        row(
            "the same, escaped",
            "POST /api/v1/repo/%2e%2e/b",
            "",
            400,
            "Invalid codebase name",
        ),
        row(
            "name of an alias",
            "POST /api/v1/repo/uid/x",
            "",
            400,
            "Invalid codebase name",
        ),
        row("no name", "POST /api/v1/repo/", "", 400, "Invalid codebase name"),
        row(
            "list",
            "GET /api/v1/repo",
            "",
            200,
            "/a\n/base\n/d1\n/d2\n/n\n/s\n/sidecar/default.bookbuyer\n",
        ),
        row("list, with slash", "GET /api/v1/repo/", "", 200, "*"),
    ]);
    assert_eq!(repo.info("/n")["version"], "7", "a version is told as a string");
    assert_eq!(repo.info("/a")["version"], "0");
    assert_eq!(repo.info("/s")["main"], "/x.js");
}

#[test]
fn describe() {
    let repo = Repo::dev();
    repo.done(&[
        ("POST /api/v1/repo/a", r#"{"base":"/base"}"#),
        ("POST /api/v1/repo/a/b", r#"{"base":"a"}"#),
        ("POST /api/v1/repo-files/a/one.js", "1"),
        ("POST /api/v1/repo-files/a/two.js", "2"),
        ("PATCH /api/v1/repo/a", r#"{"version":"5"}"#),
        ("DELETE /api/v1/repo-files/a/one.js", ""),
        ("POST /api/v1/repo-files/a/three.js", "3"),
    ]);
    assert_eq!(
        repo.info("/a"),
        json!({
            "version": "5", "path": "/a", "main": "/base/main.js", "files": ["/one.js", "/two.js"],
            "editFiles": ["/three.js"], "erasedFiles": ["/one.js"], "baseFiles": ["/base/main.js", "/lib.js"],
            "derived": ["/a/b"], "base": "/base", "instances": {},
        })
    );
    assert_eq!(
        repo.info("/a/b")["baseFiles"],
        json!(["/base/main.js", "/lib.js", "/one.js", "/two.js"])
    );
    repo.done(&[("POST /api/v1/repo/new", "")]);
    let new = repo.info("/new");
    assert_eq!(
        (&new["editFiles"], &new["main"]),
        (&json!(["/main.js"]), &json!("/main.js")),
        "a demo to begin with"
    );
    assert_eq!(new.get("base"), None);
    repo.check(&[row("unknown", "GET /api/v1/repo/none", "", 404, "*")]);
}

#[test]
fn files() {
    let repo = Repo::dev();
    repo.done(&[("POST /api/v1/repo/a", r#"{"base":"/base"}"#)]);
    repo.check(&[
        row("upload", "POST /api/v1/repo-files/a/dir/x.js", "1", 201, ""),
        row("read the edit", "GET /api/v1/repo-files/a/dir/x.js", "", 200, "1"),
        row("read it here too", "GET /api/v1/repo/a/dir/x.js", "", 200, "1"),
        row(
            "read what is inherited",
            "GET /api/v1/repo-files/a/lib.js",
            "",
            200,
            "// lib of base\n",
        ),
        row(
            "read what is not there",
            "GET /api/v1/repo-files/a/none.js",
            "",
            404,
            "*",
        ),
        row(
            "no such codebase",
            "POST /api/v1/repo-files/none/x.js",
            "1",
            404,
            "Codebase not found",
        ),
        row(
            "no file name",
            "POST /api/v1/repo-files/a/",
            "1",
            400,
            "Invalid filename",
        ),
        row(
            "no file name, no slash",
            "POST /api/v1/repo-files/a",
            "1",
            400,
            "Invalid filename",
        ),
        row(
            "a name that climbs",
            "POST /api/v1/repo-files/a/../../x",
            "1",
            400,
            "Invalid filename",
        ),
        row(
            "the same, escaped",
            "POST /api/v1/repo-files/a/%2E%2E/x",
            "1",
            400,
            "Invalid filename",
        ),
        row(
            "a name that is taken",
            "POST /api/v1/repo-files/a/_etags",
            "1",
            400,
            "Invalid filename",
        ),
        row("commit", "PATCH /api/v1/repo/a", r#"{"version":"1"}"#, 201, ""),
        row("PATCH stores", "PATCH /api/v1/repo-files/a/dir/x.js", "2", 201, ""),
        row("and is read", "GET /api/v1/repo-files/a/dir/x.js", "", 200, "2"),
        row("workers still see", "GET /repo/a/dir/x.js", "", 200, "1"),
        row(
            "empty PATCH drops the edit",
            "PATCH /api/v1/repo-files/a/dir/x.js",
            "",
            201,
            "",
        ),
        row("back to committed", "GET /api/v1/repo-files/a/dir/x.js", "", 200, "1"),
        row("edit again", "POST /api/v1/repo-files/a/dir/x.js", "3", 201, ""),
        row(
            "DELETE drops the edit first",
            "DELETE /api/v1/repo-files/a/dir/x.js",
            "",
            204,
            "",
        ),
        row("back to committed", "GET /api/v1/repo-files/a/dir/x.js", "", 200, "1"),
        row(
            "DELETE of a committed file",
            "DELETE /api/v1/repo-files/a/dir/x.js",
            "",
            204,
            "",
        ),
        row(
            "is erased for editors",
            "GET /api/v1/repo-files/a/dir/x.js",
            "",
            404,
            "*",
        ),
        row("workers still see", "GET /repo/a/dir/x.js", "", 200, "1"),
        row(
            "DELETE of an inherited file: no effect",
            "DELETE /api/v1/repo-files/a/lib.js",
            "",
            204,
            "",
        ),
        row("commit", "PATCH /api/v1/repo/a", r#"{"version":"2"}"#, 201, ""),
        row("gone for workers", "GET /repo/a/dir/x.js", "", 404, "*"),
        row("inherited is there", "GET /repo/a/lib.js", "", 200, "// lib of base\n"),
        row("DELETE of nothing", "DELETE /api/v1/repo-files/a/none.js", "", 204, ""),
        row(
            "names may be escaped",
            "POST /api/v1/repo-files/a/a%20%C3%BC.js",
            "u",
            201,
            "",
        ),
        row(
            "and are read so",
            "GET /api/v1/repo-files/a/a%20%c3%bc.js",
            "",
            200,
            "u",
        ),
        row("another method", "PUT /api/v1/repo-files/a/x.js", "1", 405, "*"),
    ]);
}

#[test]
fn commit_and_delete() {
    let repo = Repo::dev();
    repo.done(&[
        ("POST /api/v1/repo/a", ""),
        ("POST /api/v1/repo/d", r#"{"base":"/a"}"#),
        ("POST /api/v1/repo/d/e", r#"{"base":"/d"}"#),
    ]);
    repo.check(&[
        row("nothing to see before", "GET /repo/a/", "", 404, "*"),
        row("commit, number", "PATCH /api/v1/repo/a", r#"{"version":1}"#, 201, ""),
        row("the same again", "PATCH /api/v1/repo/a", r#"{"version":"1"}"#, 201, ""),
        row(
            "large decimal string",
            "PATCH /api/v1/repo/a",
            r#"{"version":"14480297519387712551"}"#,
            201,
            "",
        ),
        row(
            "main",
            "PATCH /api/v1/repo/a",
            r#"{"version":"3","main":"other.js"}"#,
            201,
            "",
        ),
        row(
            "main leads the list, there or not",
            "GET /repo/a/",
            "",
            200,
            "/other.js\n/main.js\n",
        ),
        row(
            "bad version",
            "PATCH /api/v1/repo/a",
            r#"{"version":{}}"#,
            400,
            "Invalid version",
        ),
        row("no JSON", "PATCH /api/v1/repo/a", "version=1", 400, "Invalid JSON"),
        row(
            "unknown",
            "PATCH /api/v1/repo/none",
            r#"{"version":"1"}"#,
            404,
            "Codebase not found",
        ),
        row("another method", "OPTIONS /api/v1/repo/a", "", 405, "*"),
        row(
            "delete takes what derives with it",
            "DELETE /api/v1/repo/a",
            "",
            204,
            "",
        ),
        row("so nothing is left", "GET /api/v1/repo", "", 200, "/base\n"),
        row("again", "DELETE /api/v1/repo/a", "", 404, "Codebase not found"),
        row("gone", "GET /repo/a/", "", 410, "*"),
        row("gone, derived at two levels", "GET /repo/d/e/", "", 410, "*"),
        row("its files too", "GET /repo/d/e/main.js", "", 410, "*"),
        row("made again", "POST /api/v1/repo/a", "", 201, ""),
        row("is unknown, not gone", "GET /repo/a/", "", 404, "*"),
    ]);
}

#[test]
fn old_form() {
    let repo = Repo::dev();
    repo.check(&[
        row("create", "POST /api/v1/repo/a", r#"{"version":1}"#, 201, ""),
        row("upload", "POST /api/v1/repo/a/x.js", "pipy()", 201, ""),
        row(
            "upload of JSON with other keys",
            "POST /api/v1/repo/a/c.json",
            r#"{"version":1,"x":2}"#,
            201,
            "",
        ),
        row("upload of a JSON list", "POST /api/v1/repo/a/l.json", "[]", 201, ""),
        row("PATCH of a file", "PATCH /api/v1/repo/a/x.js", "pipy({})", 201, ""),
        row("commit", "POST /api/v1/repo/a", r#"{"version":2}"#, 201, ""),
        row(
            "is served",
            "GET /repo/a/",
            "",
            200,
            "/main.js\n/c.json\n/l.json\n/x.js\n",
        ),
        row("with contents", "GET /repo/a/x.js", "", 200, "pipy({})"),
        row("edit", "POST /api/v1/repo/a/x.js", "new", 201, ""),
        row(
            "the current version does not commit",
            "POST /api/v1/repo/a",
            r#"{"version":2}"#,
            201,
            "",
        ),
        row("so workers see", "GET /repo/a/x.js", "", 200, "pipy({})"),
        row(
            "commit with main",
            "POST /api/v1/repo/a",
            r#"{"version":3,"main":"/x.js"}"#,
            201,
            "",
        ),
        row(
            "is served",
            "GET /repo/a/",
            "",
            200,
            "/x.js\n/c.json\n/l.json\n/main.js\n",
        ),
        row(
            "below, with an empty body: a codebase",
            "POST /api/v1/repo/a/b",
            "",
            201,
            "",
        ),
        row(
            "below, described: a codebase",
            "POST /api/v1/repo/a/c",
            r#"{"base":"/a","version":"1"}"#,
            201,
            "",
        ),
        row("all of them", "GET /api/v1/repo", "", 200, "/a\n/a/b\n/a/c\n/base\n"),
        row(
            "a base in a circle",
            "POST /api/v1/repo/a",
            r#"{"version":4,"base":"/a/c"}"#,
            400,
            "Invalid base codebase",
        ),
    ]);
    assert_eq!(repo.version("/a").0, "3");
}
