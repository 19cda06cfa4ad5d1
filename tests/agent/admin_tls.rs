//! TLS of the admin port and towards the Repo, with curl and openssl as peers. Source: pipyjs/cli.md section 2.

use std::path::Path;
use std::process::Command;

use ballast_tests::{Process, free_port, process, temp_dir};

use crate::support::{DEADLINE, ballast, ends, start};

/// A certificate for localhost, signed by a CA of its own: NAME.crt and NAME.key, NAME-ca.crt in `folder`.
fn identity(folder: &Path, name: &str) {
    let config = "[req]\ndistinguished_name=dn\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE\n\
                  [leaf]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:localhost\n";
    std::fs::write(folder.join("openssl.conf"), config).expect("a folder to write to");
    let ca = format!("{name}-ca");
    let signer = ["-CA", &format!("{ca}.crt"), "-CAkey", &format!("{ca}.key")].map(str::to_owned);
    for (subject, file, section, signer) in [
        ("CA", &ca, "ca", &[][..]),
        ("localhost", &name.to_owned(), "leaf", &signer[..]),
    ] {
        let mut openssl = Command::new("openssl");
        openssl
            .args(["req", "-x509", "-config", "openssl.conf", "-extensions", section])
            .args([
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ])
            .args(["-subj", &format!("/CN={subject}")])
            .args(["-keyout", &format!("{file}.key"), "-out", &format!("{file}.crt")])
            .args(signer)
            .current_dir(folder);
        let (status, output) = process::run("openssl", &mut openssl, DEADLINE).expect("openssl runs");
        assert!(status.success(), "{output}");
    }
}

#[test]
fn the_admin_port_speaks_tls_and_asks_for_certificates() {
    let folder = temp_dir();
    for name in ["server", "client", "stranger"] {
        identity(folder.path(), name);
    }
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (trusted, client, answers) in [
        (None, None, true),
        (Some("client-ca.crt"), Some("client"), true),
        (Some("client-ca.crt"), Some("stranger"), false),
        (Some("client-ca.crt"), None, false),
    ] {
        let port = free_port();
        let mut command = ballast(&["run", "pipy().task('1h').onStart(() => new StreamEnd)"]);
        command
            .arg(format!("--admin-port=127.0.0.1:{port}"))
            .arg(format!("--admin-tls-cert={}", file("server.crt")))
            .arg(format!("--admin-tls-key={}", file("server.key")));
        if let Some(trusted) = trusted {
            command.arg(format!("--admin-tls-trusted={}", file(trusted)));
        }
        let mut process = Process::spawn("ballast run", &mut command).unwrap();
        process.wait_output(DEADLINE, "admin port is");
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "10", "--cacert", &file("server-ca.crt")])
            .arg(format!("https://localhost:{port}/healthz"));
        if let Some(client) = client {
            curl.args(["--cert", &file(&format!("{client}.crt"))])
                .args(["--key", &file(&format!("{client}.key"))]);
        }
        let (status, output) = process::run("curl", &mut curl, DEADLINE).unwrap();
        assert_eq!(status.success(), answers, "{trusted:?} {client:?}: {output}");
        assert_eq!(output.trim() == "ok", answers, "{trusted:?} {client:?}: {output}");
    }
}

#[test]
fn a_repo_with_tls_is_asked_with_our_certificate() {
    let folder = temp_dir();
    for name in ["server", "client"] {
        identity(folder.path(), name);
    }
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (port, app) = (free_port(), free_port());
    // A Repo of one script (repo.md section 1, step 2), which only talks to those whose certificate it trusts.
    let script = format!("pipy().listen({app}).replaceData(() => new Data('from the Repo'))");
    let repo = format!(
        "pipy().listen('127.0.0.1:{port}').acceptTLS({{ \
           certificate: {{ cert: new crypto.Certificate(pipy.load('server.crt')), key: new crypto.PrivateKey(pipy.load('server.key')) }}, \
           trusted: [new crypto.Certificate(pipy.load('client-ca.crt'))] \
         }}).to($ => $.serveHTTP(ask => \
           ask.head.path === '/code/' ? new Message(\"{script}\") : new Message({{ status: 404 }})))"
    );
    std::fs::write(folder.path().join("repo.js"), repo).unwrap();
    let mut server = start(&["run", &file("repo.js")]);
    server.wait_output(DEADLINE, "listening on");
    let mut command = ballast(&["run", "--no-reload", "--no-status"]);
    command
        .arg(format!("https://localhost:{port}/code/"))
        .arg(format!("--tls-trusted={}", file("server-ca.crt")))
        .arg(format!("--tls-cert={}", file("client.crt")))
        .arg(format!("--tls-key={}", file("client.key")));
    let process = Process::spawn("ballast run", &mut command).unwrap();
    crate::support::wait_answer(&process, app, "from the Repo");
    drop(server);
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = temp_dir();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    for (args, part) in [
        (
            vec![
                format!("--admin-tls-cert={empty}"),
                format!("--admin-tls-key={empty}"),
                "1".to_owned(),
            ],
            "empty.pem",
        ),
        (
            vec![
                "--tls-trusted=/nowhere.pem".to_owned(),
                "https://localhost:1/a/".to_owned(),
            ],
            "/nowhere.pem",
        ),
    ] {
        let mut all = vec!["run"];
        all.extend(args.iter().map(String::as_str));
        let (code, output) = ends(&all);
        assert_eq!(code, Some(255), "{output}");
        assert!(output.contains(part), "{output}");
    }
}
