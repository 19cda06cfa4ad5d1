//! Who may write, and how the binary is started.

use std::process::Command;
use std::time::Duration;

use ballast_tests::repo::Repo;
use ballast_tests::{Process, bin, process, temp_dir};
use nix::sys::signal::Signal;

const DEADLINE: Duration = Duration::from_secs(15);
const WRITES: [&str; 6] = [
    "POST /api/v1/repo/a",
    "PATCH /api/v1/repo/a",
    "DELETE /api/v1/repo/a",
    "POST /api/v1/repo-files/a/x.js",
    "PATCH /api/v1/repo-files/a/x.js",
    "DELETE /api/v1/repo-files/a/x.js",
];

#[test]
fn matrix() {
    let file = temp_dir();
    let file = file.path().join("token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let by_file = ["--token-file", file.to_str().unwrap()];
    let none: &[(&str, &str)] = &[];
    type Headers<'a> = &'a [(&'a str, &'a str)];
    let with_token = Repo::start(&[], &[("BALLAST_REPO_TOKEN", "s3cret")]);
    let with_file = Repo::start(&by_file, none);
    let nobody = Repo::start(&[], none);
    let dev = Repo::dev();
    let rows: [(&str, &Repo, Headers<'_>, Option<u16>); 12] = [
        ("no token", &with_token, &[], Some(401)),
        (
            "wrong token",
            &with_token,
            &[("authorization", "Bearer wrong")],
            Some(401),
        ),
        (
            "longer token",
            &with_token,
            &[("authorization", "Bearer s3cretx")],
            Some(401),
        ),
        (
            "basic auth",
            &with_token,
            &[("authorization", "Basic s3cret")],
            Some(401),
        ),
        ("the token", &with_token, &[("authorization", "Bearer s3cret")], None),
        (
            "scheme in lower case",
            &with_token,
            &[("authorization", "bearer s3cret")],
            None,
        ),
        ("no token (file)", &with_file, &[], Some(401)),
        (
            "the token (file)",
            &with_file,
            &[("authorization", "Bearer s3cret")],
            None,
        ),
        ("nobody may", &nobody, &[("authorization", "Bearer s3cret")], Some(403)),
        ("dev", &dev, &[], None),
        ("dev, any token", &dev, &[("authorization", "Bearer x")], None),
        (
            "dev, a page in a browser",
            &dev,
            &[("origin", "http://evil")],
            Some(403),
        ),
    ];
    for (row, repo, headers, refused) in rows {
        for write in WRITES {
            let status = repo.send(write, headers, "{}").status;
            match refused {
                Some(wanted) => assert_eq!(status, wanted, "{row}: {write}"),
                None => assert!(status != 401 && status != 403, "{row}: {write}: {status}"),
            }
        }
        assert_eq!(repo.get("/repo/base/").status, 200, "{row}: anybody reads");
        assert_eq!(
            repo.send("POST /repo/base/", &[], r#"{"uuid":"u"}"#).status,
            201,
            "{row}: workers report"
        );
    }
    assert!(!with_token.process.output().contains("s3cret") && !with_file.process.output().contains("s3cret"));
}

#[test]
fn command_line() {
    let rows: [(&[&str], i32, &str); 8] = [
        (&["--help"], 0, "examples:"),
        (&["publish-pod", "--help"], 0, "publish-pod POD.yaml"),
        (&["--version"], 0, "ballast-repo "),
        (&["--nonsense"], 64, "nonsense"),
        (&["--dev", "--listen", "0.0.0.0:0"], 64, "loopback"),
        (&["publish-pod"], 64, "manifest"),
        (&["--dev", "--data", "/proc/none"], 1, "data folder"),
        (&["publish-pod", "/does/not/exist"], 1, "/does/not/exist"),
    ];
    for (args, code, wanted) in rows {
        let (status, output) =
            process::run("ballast-repo", Command::new(bin("ballast-repo")).args(args), DEADLINE).unwrap();
        assert_eq!(status.code(), Some(code), "{args:?}: {output}");
        assert!(output.contains(wanted), "{args:?}: {output}");
    }
}

#[test]
fn a_port_in_use_is_a_clear_failure() {
    let repo = Repo::dev();
    let address = repo.url.strip_prefix("http://").unwrap();
    let mut second = Command::new(bin("ballast-repo"));
    let (status, output) = process::run("ballast-repo", second.args(["--dev", "--listen", address]), DEADLINE).unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(output.contains(&format!("listen on {address}")), "{output}");
}

#[test]
fn signals_end_it_with_0() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut repo = Repo::dev();
        repo.process.signal(signal).unwrap();
        let process: &mut Process = &mut repo.process;
        assert_eq!(
            process.wait(DEADLINE).and_then(|status| status.code()),
            Some(0),
            "{signal}"
        );
    }
}
