//! `http.Agent` and `http.File`: pipyjs/globals.md section 8.

use crate::worker::testing::{check, exchange, free_port, serve, try_serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn answer(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: keep-alive\r\n\r\n{body}")
}

/// Answers every read with what it read, as a body; the number of connections comes first.
async fn mirror() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let port = listener.local_addr().expect("has an address").port();
    tokio::spawn(async move {
        let mut count = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            count += 1;
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(size @ 1..) = stream.read(&mut buffer).await {
                    let body = format!("{count} {}", String::from_utf8_lossy(&buffer[..size]));
                    let head = format!("HTTP/1.1 404 Gone Fishing\r\ncontent-length: {}\r\n\r\n", body.len());
                    stream
                        .write_all([head, body].concat().as_bytes())
                        .await
                        .expect("writes");
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "current_thread")]
async fn agents_ask() {
    let port = mirror().await;
    let free = free_port();
    let get = "GET / HTTP/1.1\r\n\r\n";
    let serving = |agent: &str, call: &str| {
        format!(
            "((agent) => pipy().listen('127.0.0.1:PORT').serveHTTP(() => agent.{call}.then(
                res => new Message(res.head.status + res.head.statusText + ' ' + res.body),
                err => new Message('rejected ' + err.head.status + err.head.statusText))))(new http.Agent({agent}))"
        )
    };
    let rows = [
        (
            "get",
            "request('GET', '/a?b')",
            "GET /a?b HTTP/1.1\r\nhost: HOST\r\nconnection: keep-alive\r\n\r\n",
        ),
        (
            "post",
            "request('POST', '/', { 'X-A': 1 }, 'body')",
            "POST / HTTP/1.1\r\nX-A: 1\r\nhost: HOST\r\ncontent-length: 4\r\nconnection: keep-alive\r\n\r\nbody",
        ),
        (
            "data",
            "request('PUT', '/', null, new Data('abc'))",
            "PUT / HTTP/1.1\r\nhost: HOST\r\ncontent-length: 3\r\nconnection: keep-alive\r\n\r\nabc",
        ),
        (
            "message",
            "request(new Message({ path: '/m', headers: { host: 'other' } }))",
            "GET /m HTTP/1.1\r\nhost: other\r\nconnection: keep-alive\r\n\r\n",
        ),
    ];
    let mut count = 0;
    for (name, call, seen) in rows {
        count += 1;
        let host = format!("127.0.0.1:{port}");
        let served = serve(&serving(&format!("'{host}'"), call)).await;
        let got = exchange(served.port, get.repeat(2).as_bytes()).await;
        // Both requests are under way at the same time: two sessions.
        let seen = seen.replace("HOST", &host);
        let expected = [0, 1].map(|more| answer(&format!("404Gone Fishing {} {seen}", count + more)));
        assert_eq!(String::from_utf8_lossy(&got), expected.concat(), "{name}");
        count += 1;
        // One after the other, one session serves both.
        let before = count;
        for _ in 0..2 {
            let got = exchange(served.port, get.as_bytes()).await;
            let got = String::from_utf8_lossy(&got);
            assert!(
                got.contains(&format!("Fishing {before} ")) || got.contains(&format!("Fishing {} ", before - 1)),
                "{name}: {got}"
            );
        }
    }
    for (name, agent, expected) in [
        (
            "refused",
            format!("'127.0.0.1:{free}'"),
            "rejected 502Connection Refused",
        ),
        (
            "options",
            format!("'127.0.0.1:{free}', {{ connectTimeout: 1, maxIdle: 5 }}"),
            "rejected 502Connection Refused",
        ),
    ] {
        let served = serve(&serving(&agent, "request('GET', '/')")).await;
        let got = exchange(served.port, get.as_bytes()).await;
        assert_eq!(String::from_utf8_lossy(&got), answer(expected), "{name}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn files_are_served() {
    let script = "pipy().listen('127.0.0.1:PORT').serveHTTP(req =>
        http.File.from(req.head.path)?.toMessage(req.head.headers['accept-encoding']) || new Message({ status: 404 }))";
    let files = [
        ("/main.js", script),
        ("/www/index.html", "<p>"),
        ("/www/a.css", "plain"),
        ("/www/a.css.gz", "zipped"),
        ("/www/b.txt.br", "brotli"),
    ];
    let head = |more: &str, body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\n{more}content-length: {}\r\nconnection: keep-alive\r\n\r\n{body}",
            body.len()
        )
    };
    let rows = [
        ("index", "/www/", "", head("content-type: text/html\r\n", "<p>")),
        ("plain", "/www/a.css", "", head("content-type: text/css\r\n", "plain")),
        (
            "gzip",
            "/www/a.css",
            "deflate, gzip",
            head("content-type: text/css\r\ncontent-encoding: gzip\r\n", "zipped"),
        ),
        (
            "refused",
            "/www/a.css",
            "gzip;q=0",
            head("content-type: text/css\r\n", "plain"),
        ),
        (
            "brotli",
            "/www/b.txt",
            "br",
            head("content-type: text/plain\r\ncontent-encoding: br\r\n", "brotli"),
        ),
        (
            "missing",
            "/www/c",
            "",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n".into(),
        ),
    ];
    for (name, path, accepts, output) in rows {
        let accepts = if accepts.is_empty() {
            String::new()
        } else {
            format!("accept-encoding: {accepts}\r\n")
        };
        check(name, &files, &format!("GET {path} HTTP/1.1\r\n{accepts}\r\n"), &output).await;
    }
    let missing = "pipy().listen('127.0.0.1:PORT').serveHTTP(new http.File('/none').toMessage())";
    assert!(
        try_serve(&[("/main.js", missing)]).await.is_err(),
        "a missing file throws"
    );
}
