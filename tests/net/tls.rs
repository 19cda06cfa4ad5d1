//! ClientHellos of OpenSSL and curl: shown, and passed on untouched; option `tls` of `listen`.

use super::support::{DEADLINE, run, script, server};
use ballast_tests::{Process, free_port, poll, temp_dir};
use std::process::Command;

/// A certificate and its key, made by OpenSSL.
fn keys() -> (ballast_tests::TempDir, String, String) {
    let folder = temp_dir();
    let (key, cert) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
    let (key, cert) = (key.to_string_lossy().into_owned(), cert.to_string_lossy().into_owned());
    let args = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=one.test -addext subjectAltName=DNS:one.test";
    let mut words: Vec<&str> = args.split(' ').collect();
    words.extend(["-keyout", &key, "-out", &cert]);
    let (done, said) = run("openssl", &words);
    assert!(done, "{said}");
    (folder, cert, key)
}

#[test]
fn hellos_are_shown_and_the_handshake_goes_on() {
    let (_folder, cert, key) = keys();
    let (port, backend) = (free_port(), free_port());
    let _backend = server(
        "openssl",
        &format!("s_server -www -accept 127.0.0.1:{backend} -cert {cert} -key {key} -alpn http/1.1"),
        "",
        backend,
    );
    let text = format!(
        "pipy().listen('127.0.0.1:{port}')
         .handleTLSClientHello(h => println('hello', h.serverNames.join(), h.protocolNames.join()))
         .detectProtocol(p => println('it is', p))
         .connect('127.0.0.1:{backend}')"
    );
    let process = script(&text, port);
    for (version, names) in [("--tlsv1.2", "http/1.1"), ("--tlsv1.3", "http/1.1")] {
        let address = format!("one.test:{port}:127.0.0.1");
        let url = format!("https://one.test:{port}/");
        let args = [
            "-sS",
            "--max-time",
            "20",
            "--http1.1",
            version,
            "--cacert",
            &cert,
            "--resolve",
            &address,
            &url,
        ];
        let (done, said) = run("curl", &args);
        assert!(done && said.contains("Ciphers"), "{version}: {said}");
        wait_said(&process, &format!("hello one.test {names}"));
    }
    wait_said(&process, "it is TLS");
    let (_, said) = run(
        "openssl",
        &[
            "s_client",
            "-connect",
            &format!("127.0.0.1:{port}"),
            "-servername",
            "two.test",
            "-alpn",
            "h2,foo",
        ],
    );
    assert!(said.contains("CONNECTED"), "{said}");
    wait_said(&process, "hello two.test h2,foo");
}

#[track_caller]
fn wait_said(process: &Process, text: &str) {
    let seen = poll(DEADLINE, || process.output().contains(text).then_some(()));
    assert!(seen.is_some(), "no {text:?} in\n{}", process.output());
}

#[test]
fn listeners_with_tls_serve_curl() {
    let (_folder, cert, key) = keys();
    let port = free_port();
    let text = format!(
        "pipy().listen('127.0.0.1:{port}', {{ tls: {{ cert: os.readFile('{cert}'), key: os.readFile('{key}') }} }})
         .demuxHTTP().to($ => $.replaceMessage(m => new Message('secret ' + m.head.path)))"
    );
    let _script = script(&text, port);
    let address = format!("one.test:{port}:127.0.0.1");
    let url = format!("https://one.test:{port}/x");
    let mut command = Command::new("curl");
    command.args([
        "-sS",
        "--max-time",
        "20",
        "--cacert",
        &cert,
        "--resolve",
        &address,
        &url,
    ]);
    let (status, said) = ballast_tests::process::run("curl", &mut command, DEADLINE).expect("it ends");
    assert!(status.success(), "{said}");
    assert_eq!(said, "secret /x");
}
