//! TLS options beside OpenSSL's `s_client` and `s_server`, resumption, and bounds. Expectations: pipyjs/filters.md
//! section 7, RFC 8446, RFC 5246; what OpenSSL says of a connection is in its own words.

use super::tls_tests::{KEYS, Running, prelude};
use crate::worker::testing::{DEADLINE, codebase, eventually, exchange, free_port, serve};
use crate::worker::{Engine, Options};
use std::io::Write;
use std::process::{Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What `s_client` prints of a connection on which it says hello.
async fn s_client(port: u16, args: &str) -> String {
    let args = args.to_owned();
    let client = tokio::task::spawn_blocking(move || {
        let mut client = Command::new("openssl")
            .args(["s_client", "-ign_eof", "-connect", &format!("127.0.0.1:{port}")])
            .args(args.split_whitespace())
            .current_dir(KEYS.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("openssl is installed");
        // A server that refuses closes first.
        client.stdin.take().expect("piped").write_all(b"hello").ok();
        let done = client.wait_with_output().expect("ends");
        format!(
            "{}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        )
    });
    tokio::time::timeout(DEADLINE, client)
        .await
        .expect("in time")
        .expect("no panic")
}

/// A server that answers the first bytes and closes.
fn answering(options: &str) -> String {
    format!(
        "((() => {{ {} const log = []; return pipy()
             .listen(PORT).acceptTLS({options}).to('answer')
             .pipeline('answer').replaceData(d => d.size > 0 ? [new Data('got ' + d + '.'), new StreamEnd] : null) }})())",
        prelude()
    )
}

#[tokio::test(flavor = "current_thread")]
async fn server_options() {
    let own = "certificate: server";
    for (options, args, expected) in [
        (own.to_owned(), "", "New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384"),
        (own.to_owned(), "", "got hello."),
        (
            format!("{own}, maxVersion: 'TLS1.2'"),
            "",
            "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384",
        ),
        (
            format!("{own}, minVersion: 'TLS1.3'"),
            "-tls1_2",
            "alert protocol version",
        ),
        (
            format!("{own}, minVersion: 'TLS1'"),
            "-tls1 -cipher ALL:@SECLEVEL=0",
            "alert handshake failure",
        ),
        (
            format!("{own}, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256'"),
            "-tls1_2",
            "Cipher is ECDHE-ECDSA-AES128-GCM-SHA256",
        ),
        (
            format!("{own}, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256'"),
            "-tls1_2",
            "alert handshake failure",
        ),
        (
            format!("{own}, ciphers: 'TLS_CHACHA20_POLY1305_SHA256'"),
            "",
            "Cipher is TLS_CHACHA20_POLY1305_SHA256",
        ),
        (
            format!("{own}, alpn: ['http/1.1', 'h2']"),
            "-alpn h2,http/1.1",
            "ALPN protocol: http/1.1",
        ),
        (
            format!("{own}, alpn: names => names.indexOf('b')"),
            "-alpn a,b",
            "ALPN protocol: b",
        ),
        (format!("{own}, alpn: ['x']"), "-alpn a,b", "No ALPN negotiated"),
        (
            "certificate: name => name == 'one.test' ? server : null".to_owned(),
            "-servername one.test",
            "got hello.",
        ),
        (
            "certificate: name => name == 'one.test' ? server : null".to_owned(),
            "-servername other.test",
            "no peer certificate available",
        ),
        (
            format!("{own}, trusted: [ca.cert]"),
            "-cert client.crt -key client.key",
            "got hello.",
        ),
        (format!("{own}, trusted: [ca.cert]"), "", "alert certificate required"),
        (
            format!("{own}, trusted: [ca.cert]"),
            "-cert other.crt -key other.key",
            "SSL alert number",
        ),
        (
            format!("{own}, trusted: [other.cert], verify: (ok, cert) => !ok && cert.subject.CN == 'client'"),
            "-cert client.crt -key client.key",
            "got hello.",
        ),
        (
            format!("{own}, trusted: [ca.cert], onVerify: ok => !ok"),
            "-tls1_2 -cert client.crt -key client.key",
            "alert access denied",
        ),
    ] {
        let served = serve(&answering(&format!("{{ {options} }}"))).await;
        let got = s_client(served.port, args).await;
        assert!(
            got.contains(expected),
            "{{ {options} }} with {args}: no {expected} in\n{got}"
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_chain_is_sent_whole() {
    let chain = "new crypto.CertificateChain(server.cert.toPEM().toString() + ca.cert.toPEM())";
    let served = serve(&answering(&format!(
        "{{ certificate: {{ cert: {chain}, key: server.key }} }}"
    )))
    .await;
    let got = s_client(served.port, "-showcerts").await;
    assert_eq!(got.matches("BEGIN CERTIFICATE").count(), 2, "{got}");
}

/// Connections of `s_client` that resume the session of a first one; gives how often that was accepted.
async fn resumed(port: u16, args: &str, times: usize) -> usize {
    let session = format!("{}-{port}.session", args.len());
    let first = s_client(port, &format!("{args} -sess_out {session}")).await;
    assert!(first.contains("New, "), "{first}");
    let mut count = 0;
    if !KEYS.path().join(&session).exists() {
        // The server gave no session.
        return 0;
    }
    for _ in 0..times {
        let got = s_client(port, &format!("{args} -sess_in {session}")).await;
        assert!(got.contains("got hello."), "{got}");
        count += usize::from(got.contains("Reused, "));
    }
    count
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_resumes_sessions() {
    let client = "-cert client.crt -key client.key";
    for (options, args, expected) in [
        ("{ certificate: server }", "-tls1_2".to_owned(), 1),
        ("{ certificate: server }", "-tls1_3".to_owned(), 1),
        ("{ certificate: () => server }", "-servername one.test".to_owned(), 1),
        ("{ certificate: server, trusted: [ca.cert] }", client.to_owned(), 1),
        // Each connection is judged by the script.
        (
            "{ certificate: server, trusted: [ca.cert], verify: ok => ok }",
            client.to_owned(),
            0,
        ),
        (
            "{ certificate: server, trusted: [ca.cert], verify: ok => ok }",
            format!("{client} -tls1_2"),
            0,
        ),
    ] {
        let served = serve(&answering(options)).await;
        assert_eq!(resumed(served.port, &args, 1).await, expected, "{options} with {args}");
    }
}

/// Whichever worker gets the connection (SO_REUSEPORT): with two of them, eight tries reach both but once in 128 runs,
/// and none may fail.
#[tokio::test(flavor = "current_thread")]
async fn workers_resume_sessions_of_each_other() {
    for args in ["-tls1_2", "-tls1_3"] {
        let port = free_port();
        let script = answering("{ certificate: server }").replace("PORT", &port.to_string());
        let options = Options {
            threads: 2,
            reuse_port: true,
            ..Options::default()
        };
        let _engine = Engine::start(codebase("1", &[("/main.js", &script)]), options)
            .await
            .expect("it loads");
        assert_eq!(resumed(port, args, 8).await, 8, "{args}");
    }
}

/// A session with one server must not open another one, which trusts other clients.
#[tokio::test(flavor = "current_thread")]
async fn a_session_is_not_taken_elsewhere() {
    let (one, two) = (
        serve(&answering("{ certificate: server, trusted: [ca.cert] }")).await,
        serve(&answering("{ certificate: server, trusted: [other.cert] }")).await,
    );
    let args = "-tls1_2 -cert client.crt -key client.key";
    let session = format!("{}-elsewhere.session", one.port);
    let first = s_client(one.port, &format!("{args} -sess_out {session}")).await;
    assert!(first.contains("got hello."), "{first}");
    let second = s_client(two.port, &format!("-tls1_2 -sess_in {session}")).await;
    assert!(!second.contains("got hello."), "{second}");
}

/// Starts `s_server` that answers with a page about the connection.
async fn s_server(args: &str) -> (u16, Running) {
    let port = free_port();
    let server = Command::new("openssl")
        .args(["s_server", "-www", "-accept", &format!("127.0.0.1:{port}")])
        .args(["-cert", "server.crt", "-key", "server.key"])
        .args(args.split_whitespace())
        .current_dir(KEYS.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    let server = Running(server);
    let table = || std::fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
    let local = format!(":{port:04X} 00000000:0000 0A");
    eventually("openssl listens", || table().contains(&local)).await;
    (port, server)
}

#[tokio::test(flavor = "current_thread")]
async fn client_options() {
    for (options, args, expected) in [
        ("{}", "", "New, TLSv1.3"),
        (
            "{ maxVersion: 'TLS1.2' }",
            "",
            "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384",
        ),
        ("{ minVersion: 'TLS1.3' }", "-tls1_2", ""),
        (
            "{ ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLS1.2' }",
            "",
            "Cipher is ECDHE-ECDSA-AES128-GCM-SHA256",
        ),
        (
            "{ sni: 'two.test' }",
            "-servername two.test -servername_fatal -cert2 server.crt -key2 server.key",
            "New",
        ),
        (
            "{ sni: () => 'x.test' }",
            "-servername two.test -servername_fatal -cert2 server.crt -key2 server.key",
            "",
        ),
        (
            "{ certificate: client }",
            "-Verify 1 -CAfile ca.crt -verify_return_error",
            "New",
        ),
        (
            "{ certificate: () => client }",
            "-Verify 1 -CAfile ca.crt -verify_return_error",
            "Subject: CN=client",
        ),
        (
            "{ certificate: other }",
            "-Verify 1 -CAfile ca.crt -verify_return_error",
            "",
        ),
        ("{}", "-Verify 1 -CAfile ca.crt -verify_return_error", ""),
        ("{ trusted: [ca.cert] }", "", "New"),
        ("{ trusted: [other.cert] }", "", ""),
        ("{ alpn: ['h2', 'http/1.1'] }", "-alpn http/1.1", "New"),
    ] {
        let (port, _server) = s_server(args).await;
        let script = format!(
            "((() => {{ {} return pipy().listen(PORT).connectTLS({options}).to('dial')
               .pipeline('dial').connect('127.0.0.1:{port}') }})())",
            prelude()
        );
        let served = serve(&script).await;
        let got = exchange(served.port, b"GET / HTTP/1.0\r\n\r\n").await;
        let got = String::from_utf8_lossy(&got);
        let right = if expected.is_empty() {
            got.is_empty()
        } else {
            got.contains(expected)
        };
        assert!(right, "{options} with {args}: no {expected:?} in\n{got}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_client_resumes_sessions() {
    for (options, args, expected) in [
        ("{ sni: 'one.test' }", "-tls1_2", "Reused, TLSv1.2"),
        ("{ sni: 'one.test' }", "-tls1_3", "Reused, TLSv1.3"),
        ("{ trusted: [ca.cert] }", "-tls1_3", "Reused, TLSv1.3"),
        ("{ trusted: [ca.cert], verify: ok => ok }", "-tls1_3", "New, TLSv1.3"),
        ("{ certificate: () => client }", "-tls1_3", "New, TLSv1.3"),
        // Each name has sessions of its own.
        ("{ sni: () => 'n' + count++ + '.test' }", "-tls1_3", "New, TLSv1.3"),
    ] {
        let (port, _server) = s_server(args).await;
        let script = format!(
            "((() => {{ {} let count = 0; return pipy().listen(PORT).connectTLS({options}).to('dial')
               .pipeline('dial').connect('127.0.0.1:{port}') }})())",
            prelude()
        );
        let served = serve(&script).await;
        let mut got = Vec::new();
        for _ in 0..2 {
            got = exchange(served.port, b"GET / HTTP/1.0\r\n\r\n").await;
        }
        let got = String::from_utf8_lossy(&got);
        assert!(got.contains(expected), "{options} with {args}: no {expected} in\n{got}");
    }
}

/// Scripts of two ports: TLS on the first, what its sessions said on the second.
async fn watched(second: u16) -> crate::worker::testing::Served {
    let script = format!(
        "((() => {{ {} const log = []; return pipy()
             .listen(PORT).acceptTLS({{ certificate: server, onState: s => s.error && log.push(s.error) }}).to('echo')
             .pipeline('echo').replaceData(d => d)
             .listen('127.0.0.1:{second}').replaceData(d => d.size > 0 ? [new Data(log.join()), new StreamEnd] : null) }})())",
        prelude()
    );
    serve(&script).await
}

async fn said(port: u16) -> String {
    String::from_utf8_lossy(&exchange(port, b"?").await).into_owned()
}

/// A client that says nothing, one that says nonsense and one that says too much lose their own connection only.
#[tokio::test(flavor = "current_thread")]
async fn a_handshake_is_bounded() {
    let second = free_port();
    let served = watched(second).await;
    let mut silent = TcpStream::connect(("127.0.0.1", served.port)).await.expect("connect");
    silent.write_all(&[22]).await.expect("write");

    let got = exchange(served.port, b"GET / HTTP/1.1\r\n\r\n").await;
    // An alert record: RFC 8446 section 6.
    assert_eq!(got.first(), Some(&21), "{got:?}");

    // A ClientHello of 65280 bytes in records of one byte.
    let mut stream = TcpStream::connect(("127.0.0.1", served.port)).await.expect("connect");
    let mut sent: Vec<u8> = [1, 0, 0xff, 0]
        .iter()
        .flat_map(|byte| [22, 3, 1, 0, 1, *byte])
        .collect();
    sent.extend([22, 3, 1, 0, 1, 0].repeat(65_000));
    // It may be closed before all is sent.
    stream.write_all(&sent).await.ok();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut rest)).await;
    ended.expect("closed in time").ok();

    let mut rest = Vec::new();
    let ended = tokio::time::timeout(DEADLINE, silent.read_to_end(&mut rest)).await;
    ended.expect("closed in time").ok();
    let said = said(second).await;
    for expected in [
        "received corrupt message",
        "message buffer full",
        "not done within 5 seconds",
    ] {
        assert!(said.contains(expected), "no {expected} in {said}");
    }
}

/// While others fail, a connection goes on.
#[tokio::test(flavor = "current_thread")]
async fn a_failed_handshake_leaves_others_alone() {
    let second = free_port();
    let served = watched(second).await;
    let script = format!(
        "pipy().listen(PORT).connectTLS().to('dial').pipeline('dial').connect('127.0.0.1:{}')",
        served.port
    );
    let client = serve(&script).await;
    let mut stream = TcpStream::connect(("127.0.0.1", client.port)).await.expect("connect");
    for word in [b"one", b"two"] {
        stream.write_all(word).await.expect("write");
        let mut got = [0; 3];
        tokio::time::timeout(DEADLINE, stream.read_exact(&mut got))
            .await
            .expect("in time")
            .expect("an answer");
        assert_eq!(&got, word);
        exchange(served.port, b"nonsense that is no TLS").await;
    }
}

/// EOF without close_notify is an end like any other (filters.md section 7: "close_notify or EOF").
#[tokio::test(flavor = "current_thread")]
async fn an_end_without_close_notify_is_clean() {
    use rustls_pki_types::ServerName;
    use std::sync::Arc;
    let second = free_port();
    let script = format!(
        "((() => {{ {} let end = 'none'; return pipy()
             .listen(PORT).acceptTLS({{ certificate: server }}).to('in')
             .pipeline('in').handleStreamEnd(e => end = '<' + (e.error ?? '') + '>').dummy()
             .listen('127.0.0.1:{second}').replaceData(d => d.size > 0 ? [new Data(end), new StreamEnd] : null) }})())",
        prelude()
    );
    let served = serve(&script).await;
    let verifier = super::tls_tests::anybody();
    let config = rustls::ClientConfig::builder_with_provider(crate::net::tls_provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let name = ServerName::try_from("one.test").expect("a name");
    let port = served.port;
    tokio::task::spawn_blocking(move || {
        let mut tls = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("connect");
        rustls::Stream::new(&mut tls, &mut stream)
            .write_all(b"x")
            .expect("handshake and write");
        // What the server still sends is read: a socket closed over unread bytes would be a reset.
        stream.shutdown(std::net::Shutdown::Write).expect("shutdown");
        std::io::copy(&mut stream, &mut std::io::sink()).expect("read");
    })
    .await
    .expect("no panic");
    let mut end = String::new();
    for _ in 0..1000 {
        end = said(second).await;
        if end != "none" {
            break;
        }
    }
    assert_eq!(end, "<>");
}
