//! curl, nghttp and h2load: prior knowledge, upgrade, ALPN; through proxies between all versions.

use super::{Script, run};
use std::path::Path;

const ANSWER: &str =
    "replaceMessage(req => new Message({ status: 200 }, req.head.method + ' ' + req.head.path + ' ' + req.body.size))";

/// A key and a certificate for localhost, as key.pem and cert.pem.
fn certificate(folder: &Path) {
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (key, cert) = (path("key.pem"), path("cert.pem"));
    let (ok, said) = run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            &key,
            "-out",
            &cert,
        ],
    );
    assert!(ok, "{said}");
}

/// Server, HTTP/2 proxy, HTTP/1 proxy, TLS server, proxy by ALPN to that TLS server, TLS server without h2, proxy to that.
fn script() -> Script {
    Script::start(
        &format!(
            "((cert = {{ cert: new crypto.Certificate(pipy.load('cert.pem')), key: new crypto.PrivateKey(pipy.load('key.pem')) }}) =>
            pipy({{ _resolve: null }})
            .listen('127.0.0.1:PORT0').demuxHTTP().to($ => $.{ANSWER})
            .listen('127.0.0.1:PORT1').demuxHTTP().to($ => $
                .muxHTTP(() => 'h2', {{ version: 2, maxQueue: 100 }}).to($ => $.connect('127.0.0.1:PORT0')))
            .listen('127.0.0.1:PORT2').demuxHTTP().to($ => $.muxHTTP(() => 'h1').to($ => $.connect('127.0.0.1:PORT0')))
            .listen('127.0.0.1:PORT3').acceptTLS({{ certificate: cert, alpn: ['h2', 'http/1.1'] }}).to($ => $
                .demuxHTTP().to($ => $.{ANSWER}))
            .listen('127.0.0.1:PORT4').demuxHTTP().to('by_alpn')
            .listen('127.0.0.1:PORT5').acceptTLS({{ certificate: cert, alpn: ['http/1.1'] }}).to($ => $.demuxHTTP().to($ => $.{ANSWER}))
            .listen('127.0.0.1:PORT6').demuxHTTP().to('by_alpn_old')
            .pipeline('by_alpn').muxHTTP(() => 'alpn', {{ version: () => new Promise(resolve => _resolve = resolve), maxQueue: 100 }}).to($ => $
                .connectTLS({{ alpn: ['h2', 'http/1.1'], handshake: info => _resolve(info.alpn) }}).to($ => $.connect('127.0.0.1:PORT3')))
            .pipeline('by_alpn_old').muxHTTP(() => 'old', {{ version: () => new Promise(resolve => _resolve = resolve) }}).to($ => $
                .connectTLS({{ alpn: ['h2', 'http/1.1'], handshake: info => _resolve(info.alpn) }}).to($ => $.connect('127.0.0.1:PORT5')))
            )()"
        ),
        7,
        certificate,
    )
}

#[test]
fn curl_speaks_every_version() {
    let script = script();
    let upload = script.folder.path().join("upload");
    std::fs::write(&upload, vec![b'x'; 3_000_000]).expect("write what is uploaded");
    let upload = upload.to_string_lossy().into_owned();
    let http = |index: usize| format!("http://127.0.0.1:{}/p?q", script.ports[index]);
    let https = |index: usize| format!("https://127.0.0.1:{}/p?q", script.ports[index]);
    let mut rows = vec![
        ("ALPN", "--http2", https(3), "2"),
        ("ALPN without h2", "--http1.1", https(3), "1.1"),
    ];
    for index in [0, 1, 2, 4, 6] {
        rows.push(("HTTP/1.1", "--http1.1", http(index), "1.1"));
        rows.push(("prior knowledge", "--http2-prior-knowledge", http(index), "2"));
        rows.push(("upgrade", "--http2", http(index), "2"));
    }
    for (name, option, url, version) in rows {
        let common = [
            "--silent",
            "--show-error",
            "--insecure",
            "--max-time",
            "30",
            "--write-out",
            "|%{http_version}|%{http_code}",
            option,
        ];
        let (ok, said) = run("curl", &[&common[..], &[&url]].concat());
        assert!(
            ok && said == format!("GET /p?q 0|{version}|200"),
            "{name} {url}: {said}\n{}",
            script.process.output()
        );
        // An upgrade with a body stays HTTP/1.
        let version = if name == "upgrade" { "1.1" } else { version };
        let (ok, said) = run("curl", &[&common[..], &["--upload-file", &upload, &url]].concat());
        assert!(
            ok && said == format!("PUT /p?q 3000000|{version}|200"),
            "{name} {url}, upload: {said}"
        );
    }
}

#[test]
fn nghttp_and_h2load_agree() {
    let script = script();
    for index in [0, 1, 2, 4] {
        let url = format!("http://127.0.0.1:{}/", script.ports[index]);
        for options in [&["--no-dep"][..], &["--upgrade"]] {
            let (ok, said) = run("nghttp", &[options, &["--timeout=20", &url]].concat());
            assert!(ok && said == "GET / 0", "{options:?} {url}: {said}");
        }
        let (ok, said) = run("h2load", &["-c", "4", "-m", "32", "-n", "2000", &url]);
        assert!(ok && said.contains("2000 succeeded, 0 failed"), "{url}: {said}");
    }
}
