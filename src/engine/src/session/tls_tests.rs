//! TLS on loopback, between our two filters and with OpenSSL's. Expectations: pipyjs/filters.md section 7.

use crate::worker::testing::{DEADLINE, check_refused, exchange, free_port, serve};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use tempfile::TempDir;
use tokio::net::TcpStream;

/// Keys made by OpenSSL: an authority, a server and a client it has signed, another authority.
pub(super) static KEYS: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sign = |name: &str, subject: &str, names: &str| {
        openssl(
            dir.path(),
            &format!(
                "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.csr -subj {subject}"
            ),
        );
        std::fs::write(dir.path().join("ext"), names).expect("write");
        openssl(
            dir.path(),
            &format!(
                "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out {name}.crt"
            ),
        );
    };
    for name in ["ca", "other"] {
        openssl(
            dir.path(),
            &format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.crt -days 30 -subj /O=Test/CN={name}"
            ),
        );
    }
    sign(
        "server",
        "/O=Test/CN=server",
        "subjectAltName=DNS:one.test,DNS:two.test,IP:127.0.0.1",
    );
    sign("client", "/CN=client", "subjectAltName=DNS:client.test");
    dir
});

pub(super) fn openssl(dir: &Path, args: &str) {
    let done = Command::new("openssl")
        .args(args.split(' '))
        .current_dir(dir)
        .output()
        .expect("openssl is installed");
    assert!(
        done.status.success(),
        "openssl {args}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// A file made by [`KEYS`] as a script's string.
pub(super) fn file(name: &str) -> String {
    let text = std::fs::read_to_string(KEYS.path().join(name)).expect(name);
    format!("`{text}`")
}

/// Objects that the scripts below use.
pub(super) fn prelude() -> String {
    let mut script = String::new();
    for name in ["ca", "other", "server", "client"] {
        script.push_str(&format!(
            "const {name} = {{ cert: new crypto.Certificate({}), key: new crypto.PrivateKey({}) }}\n",
            file(&format!("{name}.crt")),
            file(&format!("{name}.key"))
        ));
    }
    script
}

/// What a client gets through `connectTLS(client)` from `acceptTLS(server)` around an echo; `[...]` is how it ended.
async fn talk(server: &str, client: &str) -> String {
    let inner = free_port();
    let script = format!(
        "((() => {{ {prelude}
           const trace = []
           return pipy({{ _t: '' }})
             .listen('127.0.0.1:{inner}').acceptTLS({server}).to('echo')
             .listen(PORT).connectTLS({client}).to('dial').replaceStreamEnd(e => [new Data('[' + trace.join(' ') + (e.error ?? '') + ']'), new StreamEnd])
             .pipeline('dial').connect('127.0.0.1:{inner}')
             .pipeline('echo').replaceData(d => new Data(d.toString().toUpperCase()))
        }})())",
        prelude = prelude()
    );
    let served = serve(&script).await;
    String::from_utf8(exchange(served.port, b"hello").await).expect("text")
}

#[tokio::test(flavor = "current_thread")]
async fn our_client_and_our_server() {
    let plain = "{ certificate: server }";
    for (name, server, client, expected) in [
        ("nobody is verified", plain, "{}", "HELLO[]"),
        ("no options", plain, "", "HELLO[]"),
        ("trusted", plain, "{ trusted: [ca.cert] }", "HELLO[]"),
        (
            "trusted, with the right name",
            plain,
            "{ trusted: [ca.cert], sni: 'two.test' }",
            "HELLO[]",
        ),
        (
            "trusted, with a wrong name",
            plain,
            "{ trusted: [ca.cert], sni: 'three.test' }",
            "[]",
        ),
        ("not trusted", plain, "{ trusted: [other.cert] }", "[]"),
        (
            "the certificate itself is trusted",
            plain,
            "{ trusted: [server.cert] }",
            "HELLO[]",
        ),
        (
            "verify overrules",
            plain,
            "{ trusted: [other.cert], verify: (ok, cert) => ok === false && cert.subject.CN == 'server' }",
            "HELLO[]",
        ),
        (
            "verify agrees",
            plain,
            "{ trusted: [ca.cert], onVerify: ok => ok }",
            "HELLO[]",
        ),
        (
            "verify refuses",
            plain,
            "{ trusted: [ca.cert], verify: () => false }",
            "[]",
        ),
        (
            "TLS 1.2",
            "{ certificate: server, maxVersion: 'TLS1.2' }",
            "{}",
            "HELLO[]",
        ),
        (
            "no common version",
            "{ certificate: server, maxVersion: 'TLS1.2' }",
            "{ minVersion: 'TLS1.3' }",
            "[]",
        ),
        (
            "certificate by name",
            "{ certificate: name => name == 'one.test' ? server : null }",
            "{ sni: 'one.test' }",
            "HELLO[]",
        ),
        (
            "certificate for no name",
            "{ certificate: name => name ? null : server }",
            "{}",
            "HELLO[]",
        ),
        (
            "no certificate",
            "{ certificate: () => null }",
            "{ sni: 'one.test' }",
            "[]",
        ),
        (
            "ALPN",
            "{ certificate: server, alpn: ['h2', 'http/1.1'] }",
            "{ alpn: ['http/1.1', 'h2'], handshake: i => trace.push(i.alpn) }",
            "HELLO[h2]",
        ),
        (
            "ALPN by function",
            "{ certificate: server, alpn: names => names.indexOf('b') }",
            "{ alpn: ['a', 'b'], handshake: i => trace.push(i.alpn) }",
            "HELLO[b]",
        ),
        (
            "ALPN without match",
            "{ certificate: server, alpn: ['x'] }",
            "{ alpn: 'y', handshake: i => trace.push('<' + i.alpn + '>') }",
            "HELLO[<>]",
        ),
        (
            "client certificate",
            "{ certificate: server, trusted: [ca.cert] }",
            "{ certificate: client }",
            "HELLO[]",
        ),
        (
            "client certificate by function, verified by script",
            "{ certificate: server, trusted: [other.cert], verify: (ok, cert) => !ok && cert.subjectAltNames[0] == 'client.test' }",
            "{ certificate: () => client }",
            "HELLO[]",
        ),
        (
            "ALPN as a string, on both sides",
            "{ certificate: server, alpn: 'h2' }",
            "{ alpn: 'h2', handshake: i => trace.push(i.alpn) }",
            "HELLO[h2]",
        ),
        (
            "ALPN by function, none",
            "{ certificate: server, alpn: () => -1 }",
            "{ alpn: ['a'], handshake: i => trace.push('<' + i.alpn + '>') }",
            "HELLO[<>]",
        ),
        (
            "an exception in verify",
            plain,
            "{ trusted: [ca.cert], verify: () => { throw new Error('x') } }",
            "[Error: x]",
        ),
        (
            "refused by the server's verify",
            "{ certificate: server, trusted: [ca.cert], verify: () => false, maxVersion: 'TLS1.2' }",
            "{ certificate: client, onState: s => trace.push(s.state + ':' + (s.error ?? '')) }",
            "[handshake: closed:received fatal alert: AccessDenied]",
        ),
        (
            "the authority is asked about first",
            "{ certificate: { cert: new crypto.CertificateChain(server.cert.toPEM().toString() + ca.cert.toPEM()), key: server.key } }",
            "{ trusted: [ca.cert], verify: (ok, cert) => (trace.push(cert.subject.CN), ok) }",
            "HELLO[ca server]",
        ),
        (
            "dhparam and an older minVersion are accepted",
            "{ certificate: server, dhparam: 'auto', minVersion: 'TLS1' }",
            "{ dhparam: new Data('x'), minVersion: 'TLS1.1' }",
            "HELLO[]",
        ),
        (
            "states",
            plain,
            "{ sni: () => 'one.test', onState: s => trace.push(s.state + ':' + s.hostname + ':' + (s.peer?.issuer?.CN ?? '')) }",
            "HELLO[handshake:one.test: connected:one.test:ca closed:one.test:ca]",
        ),
    ] {
        assert_eq!(talk(server, client).await, expected, "{name}");
    }
}

/// Without a client certificate the server refuses, which a TLS 1.3 client learns after its own handshake.
#[tokio::test(flavor = "current_thread")]
async fn a_client_without_certificate_is_refused() {
    for (name, client, version) in [
        ("none", "{}", "TLS1.2"),
        ("none, TLS 1.3", "{}", "TLS1.3"),
        ("of another authority", "{ certificate: other }", "TLS1.3"),
    ] {
        let server = format!("{{ certificate: server, trusted: [ca.cert], maxVersion: '{version}' }}");
        let got = talk(&server, client).await;
        assert!(!got.contains("HELLO") && got.starts_with('['), "{name}: {got}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_refused_connection_keeps_its_reason() {
    let closed = free_port();
    let script = format!(
        "pipy().listen(PORT).connectTLS().to('dial').replaceStreamEnd(e => [new Data('' + e.error), new StreamEnd])
         .pipeline('dial').connect('127.0.0.1:{closed}')"
    );
    let served = serve(&script).await;
    assert_eq!(exchange(served.port, b"x").await, b"ConnectionRefused");
}

/// A megabyte each way in one stream.
#[tokio::test(flavor = "current_thread")]
async fn large_bodies_pass() {
    let inner = free_port();
    let script = format!(
        "((() => {{ {} return pipy()
             .listen('127.0.0.1:{inner}').acceptTLS({{ certificate: server }}).to('echo')
             .listen(PORT).connectTLS().to('dial')
             .pipeline('dial').connect('127.0.0.1:{inner}')
             .pipeline('echo').replaceData(d => d) }})())",
        prelude()
    );
    let served = serve(&script).await;
    let sent: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
    // Read while writing: the whole does not fit into the buffers between.
    let stream = TcpStream::connect(("127.0.0.1", served.port)).await.expect("connect");
    let (mut reader, mut writer) = stream.into_split();
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut got = Vec::new();
    let both = async {
        tokio::join!(
            async {
                writer.write_all(&sent).await.expect("write");
                writer.shutdown().await.expect("shutdown");
            },
            async { reader.read_to_end(&mut got).await.expect("read") }
        )
    };
    tokio::time::timeout(DEADLINE, both).await.expect("in time");
    assert!(got == sent, "{} of {} bytes", got.len(), sent.len());
}

/// A process that ends with the test.
pub(super) struct Running(pub(super) Child);
impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test(flavor = "current_thread")]
async fn our_client_and_openssl() {
    let port = free_port();
    let server = Command::new("openssl")
        .args([
            "s_server",
            "-accept",
            &format!("127.0.0.1:{port}"),
            "-cert",
            "server.crt",
            "-key",
            "server.key",
            "-rev",
            "-quiet",
        ])
        .current_dir(KEYS.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    let _server = Running(server);
    let listening = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, listening)
        .await
        .expect("openssl listens");
    let script = format!(
        "((() => {{ {} return pipy()
             .listen(PORT).connectTLS({{ trusted: [ca.cert], sni: 'one.test' }}).to('dial')
             .pipeline('dial').connect('127.0.0.1:{port}') }})())",
        prelude()
    );
    let served = serve(&script).await;
    assert_eq!(exchange(served.port, b"hello\n").await, b"olleh\n");
}

#[tokio::test(flavor = "current_thread")]
async fn openssl_and_our_server() {
    let script = format!(
        "((() => {{ {} return pipy()
             .listen(PORT).acceptTLS({{ certificate: server }}).to('answer')
             .pipeline('answer').replaceData(d => d.size > 0 ? [new Data('got ' + d), new StreamEnd] : null) }})())",
        prelude()
    );
    let served = serve(&script).await;
    let port = served.port;
    let client = tokio::task::spawn_blocking(move || {
        use std::io::Write;
        let mut client = Command::new("openssl")
            .args([
                "s_client",
                "-connect",
                &format!("127.0.0.1:{port}"),
                "-CAfile",
                "ca.crt",
                "-verify_return_error",
                "-quiet",
            ])
            .args(["-servername", "one.test", "-verify_hostname", "one.test"])
            .current_dir(KEYS.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        client
            .stdin
            .as_mut()
            .expect("piped")
            .write_all(b"hello")
            .expect("write");
        client.wait_with_output().expect("ends")
    });
    let done = tokio::time::timeout(DEADLINE, client)
        .await
        .expect("in time")
        .expect("no panic");
    assert_eq!(String::from_utf8_lossy(&done.stdout), "got hello");
}

/// pipyjs/globals.md section 7; `days` and names as given to OpenSSL above.
#[tokio::test(flavor = "current_thread")]
async fn certificates_say_what_is_in_them() {
    let pem = file("server.crt").trim_matches('`').to_owned();
    for (name, value, expected) in [
        (
            "subject",
            "JSON.stringify(server.cert.subject)",
            r#"{"O":"Test","CN":"server"}"#.to_owned(),
        ),
        (
            "issuer",
            "JSON.stringify(server.cert.issuer)",
            r#"{"O":"Test","CN":"ca"}"#.to_owned(),
        ),
        (
            "names",
            "server.cert.subjectAltNames.join()",
            "one.test,two.test,127.0.0.1".to_owned(),
        ),
        (
            "validity",
            "(server.cert.notAfter - server.cert.notBefore) / 86400000",
            "30".to_owned(),
        ),
        (
            "from now",
            "Math.abs(server.cert.notBefore - Date.now()) < 3600000",
            "true".to_owned(),
        ),
        ("PEM and back", "server.cert.toPEM()", pem),
        (
            "chain",
            "typeof new crypto.CertificateChain(server.cert.toPEM())",
            "object".to_owned(),
        ),
        (
            "key",
            "new crypto.PrivateKey(server.key.toPEM()).toPEM().toString() == server.key.toPEM().toString()",
            "true".to_owned(),
        ),
        (
            "bad certificate",
            "failure(() => new crypto.Certificate('x'))",
            "cannot read certificate: no BEGIN CERTIFICATE in it".to_owned(),
        ),
        (
            "not a certificate",
            "failure(() => new crypto.Certificate(server.key.toPEM()))",
            "cannot read certificate: no BEGIN CERTIFICATE in it".to_owned(),
        ),
        (
            "not DER",
            "failure(() => new crypto.Certificate('-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n'))",
            "cannot read certificate: not valid DER".to_owned(),
        ),
        (
            "bad chain",
            "failure(() => new crypto.CertificateChain(''))",
            "cannot read certificate: no BEGIN CERTIFICATE in it".to_owned(),
        ),
        (
            "wrong type",
            "failure(() => new crypto.Certificate(1))",
            "argument 1 expects a string or a Data".to_owned(),
        ),
    ] {
        let script = format!(
            "((() => {{ {}
               const failure = f => {{ try {{ f(); return 'no exception' }} catch (e) {{ return e.message }} }}
               return pipy().listen(PORT).replaceData(() => new Data('' + ({value}))) }})())",
            prelude()
        );
        let served = serve(&script).await;
        assert_eq!(
            String::from_utf8_lossy(&exchange(served.port, b"x").await),
            expected,
            "{name}"
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn options_that_cannot_work_do_not_load() {
    for (options, expected) in [
        (
            "{ certificate: { cert: server.cert, key: client.key } }",
            "does not belong to the certificate",
        ),
        (
            "{ certificate: 1 }",
            "options.certificate expects { cert, key } or a function",
        ),
        (
            "{ trusted: ca.cert }",
            "options.trusted expects an array of certificates",
        ),
        (
            "{ maxVersion: 'TLS1.1' }",
            "options.maxVersion 'TLS1.1': the oldest version supported is TLS1.2",
        ),
        (
            "{ minVersion: 'TLS1.3', maxVersion: 'TLS1.2' }",
            "options.minVersion 'TLS1.3' is above",
        ),
        ("{ minVersion: 'SSL3' }", "options.minVersion 'SSL3' is unknown"),
        (
            "{ ciphers: 'RC4-MD5' }",
            "options.ciphers 'RC4-MD5' names no cipher that is supported",
        ),
        (
            "{ ciphers: 'TLS_AES_128_GCM_SHA256', maxVersion: 'TLS1.2' }",
            "options.ciphers, minVersion and maxVersion leave nothing to offer",
        ),
        ("{ alpn: [''] }", "a protocol's name has 1 to 255 bytes"),
        ("{ dhparam: 1 }", "options.dhparam expects a string or a Data"),
    ] {
        for filter in ["acceptTLS", "connectTLS"] {
            let script = format!(
                "((() => {{ {} return pipy().listen(PORT).{filter}({options}).to('x').pipeline('x').dummy() }})())",
                prelude()
            );
            check_refused(options, &[("/main.js", &script)], expected).await;
        }
    }
}

/// A verifier that lets every server pass.
pub(super) fn anybody() -> std::sync::Arc<crate::net::PeerVerifier> {
    let provider = crate::net::tls_provider();
    crate::net::PeerVerifier::new(&provider, Vec::new(), false, false).expect("no authorities, no error")
}
