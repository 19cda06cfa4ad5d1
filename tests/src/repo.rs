//! A Repo under test: starts `ballast-repo`, talks to it row by row. Not for: what a Repo must answer (tests/repo/).

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::http::{Request, Response};
use crate::{Process, TempDir, bin, temp_dir};

/// Time for it to start, and to stop.
const DEADLINE: Duration = Duration::from_secs(15);

/// A running `ballast-repo`, killed on drop.
pub struct Repo {
    /// Its process.
    pub process: Process,
    /// `http://127.0.0.1:port`, without a slash at the end.
    pub url: String,
    _scripts: TempDir,
}

/// One exchange and what must come of it.
pub struct Row<'a> {
    /// What it shows.
    pub name: &'a str,
    /// Method and path.
    pub request: &'a str,
    /// Body of the request.
    pub body: &'a str,
    /// Status wanted.
    pub status: u16,
    /// Whole body wanted; `None`: any.
    pub text: Option<&'a str>,
}

/// A row; `text` is the whole body wanted, `*` any.
pub fn row<'a>(name: &'a str, request: &'a str, body: &'a str, status: u16, text: &'a str) -> Row<'a> {
    let text = (text != "*").then_some(text);
    Row {
        name,
        request,
        body,
        status,
        text,
    }
}

impl Repo {
    /// With anonymous writers, in memory, and `/base` of two small scripts.
    #[track_caller]
    pub fn dev() -> Self {
        Self::start(&["--dev"], &[])
    }

    /// With anonymous writers and its data in `folder`.
    #[track_caller]
    pub fn on_disk(folder: &Path) -> Self {
        Self::start(&["--dev", "--data", folder.to_str().expect("a UTF-8 path")], &[])
    }

    /// With `args` and `env` on top of an address and a `/base`.
    #[track_caller]
    pub fn start(args: &[&str], env: &[(&str, &str)]) -> Self {
        let scripts = temp_dir();
        std::fs::create_dir(scripts.path().join("base")).expect("a fresh folder");
        for (path, text) in [("base/main.js", "// main of base\n"), ("lib.js", "// lib of base\n")] {
            std::fs::write(scripts.path().join(path), text).expect("a fresh folder");
        }
        let mut command = Command::new(bin("ballast-repo"));
        command
            .args(["--listen", "127.0.0.1:0"])
            .args(args)
            .env_remove("BALLAST_REPO_TOKEN");
        if !args.contains(&"--base") {
            command.arg("--base").arg(scripts.path());
        }
        command.envs(env.iter().copied());
        let mut process = Process::spawn("ballast-repo", &mut command).expect("it starts");
        process.wait_output(DEADLINE, "listening on http://");
        let output = process.output();
        let url = output
            .lines()
            .find_map(|line| line.strip_prefix("listening on "))
            .expect("just seen");
        Self {
            url: url.to_owned(),
            process,
            _scripts: scripts,
        }
    }

    /// One request: method and path, headers, body.
    #[track_caller]
    pub fn send(&self, request: &str, headers: &[(&str, &str)], body: &str) -> Response {
        self.request(request, headers, body)
            .send()
            .unwrap_or_else(|e| panic!("{request}: {e}"))
    }

    /// The same, not yet sent.
    #[track_caller]
    pub fn request(&self, request: &str, headers: &[(&str, &str)], body: &str) -> Request {
        let (method, path) = request.split_once(' ').expect("method and path");
        let request = Request::new(method, &format!("{}{path}", self.url)).body(body);
        headers
            .iter()
            .fold(request, |request, (name, value)| request.header(name, value))
    }

    /// A request without headers and body.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.send(&format!("GET {path}"), &[], "")
    }

    /// Sends each row in turn and compares.
    #[track_caller]
    pub fn check(&self, rows: &[Row<'_>]) {
        for row in rows {
            let answer = self.send(row.request, &[], row.body);
            let seen = format!("{}: {} → {} {:?}", row.name, row.request, answer.status, answer.text());
            assert_eq!(answer.status, row.status, "{seen}");
            assert_eq!(answer.header("server"), Some("pipy-repo"), "{seen}");
            if let Some(text) = row.text {
                assert_eq!(answer.text(), text, "{seen}");
            }
        }
    }

    /// Sends each of `requests` (`METHOD path` and body), which must all be done (2xx).
    #[track_caller]
    pub fn done(&self, requests: &[(&str, &str)]) {
        for (request, body) in requests {
            let answer = self.send(request, &[], body);
            assert!(
                (200..300).contains(&answer.status),
                "{request}: {} {}",
                answer.status,
                answer.text()
            );
        }
    }

    /// What the Repo says about a codebase.
    #[track_caller]
    pub fn info(&self, name: &str) -> serde_json::Value {
        self.get(&format!("/api/v1/repo{name}")).json()
    }

    /// Version (etag) and revision of what a codebase serves.
    #[track_caller]
    pub fn version(&self, name: &str) -> (String, u64) {
        let answer = self.send(&format!("HEAD /repo{name}/"), &[], "");
        assert_eq!(answer.status, 200, "{name}");
        let header = |name| answer.header(name).unwrap_or_default().to_owned();
        (header("etag"), header("ballast-revision").parse().expect("a number"))
    }
}
