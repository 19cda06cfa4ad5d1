//! `decodeHTTP*`, `encodeHTTP*`, `decompressHTTP`: pipyjs/filters.md section 8, http.md sections 2 and 3.

use crate::worker::testing::{DEADLINE, check, exchange, serve};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use std::io::Write;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "current_thread")]
async fn codecs() {
    let get = "GET /p HTTP/1.1\r\nHost: h\r\n\r\n";
    let kept = |head: &str, body: &str| format!("HTTP/1.1 {head}\r\nconnection: keep-alive\r\n\r\n{body}");
    let rows = [
        (
            "requests in, responses out",
            "decodeHTTPRequest().replaceMessageStart(m => new Message(m.head.path)).encodeHTTPResponse()",
            get.repeat(2),
            kept("200 OK\r\ncontent-length: 2", "/p").repeat(2),
        ),
        (
            "old spelling",
            "decodeHttpRequest().replaceMessageStart(m => new Message(m.head.path)).encodeHttpResponse()",
            get.to_owned(),
            kept("200 OK\r\ncontent-length: 2", "/p"),
        ),
        (
            "to head",
            "decodeHTTPRequest().replaceMessageStart(m => new Message('abc')).encodeHTTPResponse(() => ({ method: 'HEAD' }))",
            get.to_owned(),
            kept("200 OK\r\ncontent-length: 3", ""),
        ),
        (
            "a final response ends the stream",
            "decodeHTTPRequest().replaceMessageStart(m => new Message({ headers: { connection: 'close' } })).encodeHTTPResponse()",
            get.repeat(2),
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
        ),
        (
            "request again",
            "decodeHTTPRequest().encodeHTTPRequest()",
            "POST /x HTTP/1.1\r\nX-A: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n".to_owned(),
            "POST /x HTTP/1.1\r\nX-A: 1\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nab".to_owned(),
        ),
        (
            "bufferSize",
            "decodeHTTPRequest().encodeHTTPRequest({ bufferSize: 1 })",
            "POST /x HTTP/1.1\r\ncontent-length: 2\r\n\r\nab".to_owned(),
            "POST /x HTTP/1.1\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n2\r\nab\r\n0\r\n\r\n"
                .to_owned(),
        ),
        (
            "response again",
            "decodeHTTPResponse().encodeHTTPResponse()",
            "HTTP/1.0 200 Fine\r\n\r\nabc".to_owned(),
            "HTTP/1.0 200 Fine\r\ncontent-length: 3\r\nconnection: keep-alive\r\n\r\nabc".to_owned(),
        ),
        (
            "response to head",
            "decodeHTTPResponse(() => ({ method: 'HEAD' })).encodeHTTPResponse(() => ({ method: 'HEAD' }))",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".repeat(2),
            kept("200 OK\r\ncontent-length: 9", "").repeat(2),
        ),
        (
            "an error becomes a response",
            "replaceData(() => new StreamEnd('ConnectionRefused')).decodeHTTPResponse().encodeHTTPResponse()",
            "x".to_owned(),
            kept("502 Connection Refused\r\ncontent-length: 0", ""),
        ),
        (
            "no request",
            "decodeHTTPRequest().encodeHTTPRequest()",
            "FOO\r\n".to_owned(),
            String::new(),
        ),
        (
            "no response",
            "decodeHTTPResponse().encodeHTTPResponse()",
            "FOO\r\n".to_owned(),
            String::new(),
        ),
    ];
    for (name, filters, input, output) in rows {
        let script = format!("pipy().listen('127.0.0.1:PORT').{filters}");
        check(name, &[("/main.js", &script)], &input, &output).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn bodies_are_decompressed() {
    let text = "plain text, ".repeat(500);
    let gzip = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).expect("writes into memory");
        encoder.finish().expect("writes into memory")
    };
    let zlib = {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).expect("writes into memory");
        encoder.finish().expect("writes into memory")
    };
    let raw = {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).expect("writes into memory");
        encoder.finish().expect("writes into memory")
    };
    // Made with the encoder of Node.js: brotliCompressSync of the same text.
    let brotli = unhex("1b6f17f88d946edeaaa46301a932bc1ae4b65a001bd53c1e00e800");
    let short = gzip[..gzip.len() - 9].to_vec();
    let plain = text.clone().into_bytes();
    // (name, argument, coding, sent, coding that is left, received; None: closed)
    type Row<'a> = (&'a str, &'a str, &'a str, &'a [u8], &'a str, Option<&'a [u8]>);
    let rows: &[Row<'_>] = &[
        ("gzip", "", "gzip", &gzip, "none", Some(&plain)),
        ("deflate", "", "deflate", &zlib, "none", Some(&plain)),
        ("deflate without header", "", "Deflate", &raw, "none", Some(&plain)),
        ("brotli", "", "br", &brotli, "none", Some(&plain)),
        ("short brotli", "", "br", &brotli[..brotli.len() - 2], "none", None),
        ("corrupt brotli", "", "br", b"\xff\xff\xff\xff", "none", None),
        ("other", "", "zstd", b"abc", "zstd", Some(b"abc")),
        ("none", "", "identity", b"abc", "identity", Some(b"abc")),
        ("no body", "", "gzip", b"", "none", Some(b"")),
        ("not wanted", "() => false", "gzip", &gzip, "gzip", Some(&gzip)),
        (
            "wanted",
            "m => m.head.method === 'POST'",
            "gzip",
            &gzip,
            "none",
            Some(&plain),
        ),
        ("short", "", "gzip", &short, "none", None),
        ("corrupt", "", "gzip", b"no gzip at all", "none", None),
    ];
    for (name, argument, coding, sent, left, received) in rows {
        let served = serve(&format!(
            "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $.decompressHTTP({argument}).replaceMessageStart(m =>
                new MessageStart({{ headers: {{ x: m.head.headers['content-encoding'] || 'none' }} }})))"
        ))
        .await;
        let head = format!(
            "POST / HTTP/1.1\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n",
            sent.len()
        );
        let got = exchange(served.port, &[head.as_bytes(), sent].concat()).await;
        let expected = received.map_or(Vec::new(), |body| {
            let length = body.len();
            let head =
                format!("HTTP/1.1 200 OK\r\nx: {left}\r\ncontent-length: {length}\r\nconnection: keep-alive\r\n\r\n");
            [head.as_bytes(), body].concat()
        });
        assert_eq!(got, expected, "{name}");
    }
}

/// http.md section 7: few bytes that stand for many come out as fast as the client takes them, and are held nowhere.
#[tokio::test(flavor = "current_thread")]
async fn decompression_waits_for_a_slow_client() {
    // Made with the encoder of Node.js: brotliCompressSync of 100 MiB of zeros.
    let bomb = unhex(
        "cbffff3ff82700e2b14020f7fe8fffff7ff04f00c4611180eefd1fffffffe09f0088c30200ddfb3ffeffffc13f0110870500\
         baf77ffcffff837f02200e0b0074effff8ffff07ff04401c1600e8defff1ffff0ffe0980382c00d0bdffe3ffff1ffc130071\
         5800a07bffc7ffff3ff82700e2b00040f7fe8fffff7ff04f00c4610180eefd1fffffffe09f0088c30200ddfb3ffeffffc13f\
         0110870500baf77ff9ffff837f02200e0b0074ef7f00",
    );
    let served = serve(
        "((seen = { bytes: 0 }) => pipy().listen('127.0.0.1:PORT').branch(
            () => seen.bytes > 0, $ => $.replaceData(() => new Data(seen.bytes + ';')),
            $ => $.replaceStreamStart(e => [new MessageStart, e]).replaceStreamEnd(e => [new MessageEnd, e])
              .decompress('brotli').handleData(data => { seen.bytes += data.size }))
        )()",
    )
    .await;
    let mut slow = TcpStream::connect(("127.0.0.1", served.port))
        .await
        .expect("it listens");
    slow.write_all(&bomb).await.expect("it reads");
    slow.shutdown().await.expect("it reads");
    slow.read_u8().await.expect("it answers");
    // Until the same number comes often enough: it stands still.
    let (mut last, mut same) = (Vec::new(), 0);
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while same < 20 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "it does not wait for its client"
        );
        let got = exchange(served.port, b"?").await;
        same = if got == last { same + 1 } else { 0 };
        last = got;
    }
    let bytes: usize = String::from_utf8_lossy(&last)
        .trim_end_matches(';')
        .parse()
        .expect("a number");
    assert!(
        (1..32 << 20).contains(&bytes),
        "{bytes} bytes came out for a client that reads one"
    );
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).expect("a hexadecimal digit") as u8;
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}
