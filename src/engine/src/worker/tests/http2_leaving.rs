//! The end of HTTP/2 connections: a newer version, the end of the worker, clients that do not go. Source: RFC 9113 6.8; repo.md 1.1.

use super::http2::{Client, get};
use crate::limits;
use crate::worker::testing::{DEADLINE, Served, codebase, eventually, serve};
use ballast_codec::http2::ErrorCode;
use bytes::Bytes;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Answers a request with its number of bytes once it is complete; `idleTimeout` does not help.
const SCRIPT: &str = "pipy().listen('127.0.0.1:PORT', { idleTimeout: 0 }).demuxHTTP().to($ => $
    .replaceMessage(req => new Message('old ' + req.body.size)))";

async fn reload(served: &mut Served) {
    let script = SCRIPT.replace("PORT", &served.port.to_string()).replace("old", "new");
    let next = codebase("2", &[("/main.js", &script)]);
    served.engine.reload(next).await.expect("reloads");
}

fn open_connections(served: &Served) -> i64 {
    served
        .engine
        .counters()
        .iter()
        .map(|counters| counters.inbound.get())
        .sum()
}

/// DEVIATES: upstream says goodbye when no stream is open only. Here a client hears of it at once, and loses nothing: not the stream
/// that runs, not the one that was on its way.
#[tokio::test(flavor = "current_thread")]
async fn deviates_a_reload_says_goodbye_at_once() {
    let mut served = serve(SCRIPT).await;
    let mut client = Client::connect(served.port).await;
    let running = client.connection.send_request(&get("/"), false).expect("can be sent");
    // Once this is answered, the one before it has arrived.
    assert_eq!(client.ask(&get("/"), None).await, "200 old 0");
    reload(&mut served).await;
    // The client has not read yet, so it does not know.
    let late = client.connection.send_request(&get("/"), true).expect("can be sent");
    while client.goaway.is_none() {
        client.step().await;
    }
    assert!(!client.connection.can_open());
    assert_eq!(client.answer(late).await, "200 old 0");
    let body = Bytes::from_static(b"12345");
    client.connection.send_data(running, body, true).expect("can be sent");
    assert_eq!(client.answer(running).await, "200 old 5");
    client.ends().await;
    assert_eq!(client.goaway, Some(ErrorCode::NO_ERROR));
    let mut next = Client::connect(served.port).await;
    assert_eq!(next.ask(&get("/"), None).await, "200 new 0");
}

#[tokio::test(flavor = "current_thread")]
async fn an_idle_connection_ends_at_a_reload() {
    let mut served = serve(SCRIPT).await;
    let mut client = Client::connect(served.port).await;
    assert_eq!(client.ask(&get("/"), None).await, "200 old 0");
    reload(&mut served).await;
    client.ends().await;
    assert_eq!(client.goaway, Some(ErrorCode::NO_ERROR));
}

#[tokio::test(flavor = "current_thread")]
async fn the_end_of_the_worker() {
    let served = serve(SCRIPT).await;
    let (mut idle, mut busy) = (Client::connect(served.port).await, Client::connect(served.port).await);
    assert_eq!(idle.ask(&get("/"), None).await, "200 old 0");
    let running = busy.connection.send_request(&get("/"), false).expect("can be sent");
    assert_eq!(busy.ask(&get("/"), None).await, "200 old 0");
    let port = served.port;
    let clients = async {
        idle.ends().await;
        while busy.goaway.is_none() {
            busy.step().await;
        }
        eventually("nobody listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_err()
        })
        .await;
        let body = Bytes::from_static(b"12345");
        busy.connection.send_data(running, body, true).expect("can be sent");
        assert_eq!(busy.answer(running).await, "200 old 5");
        busy.ends().await;
    };
    let (drained, ()) = tokio::join!(timeout(DEADLINE, served.engine.drain()), clients);
    drained.expect("it ends");
    assert_eq!(
        (idle.goaway, busy.goaway),
        (Some(ErrorCode::NO_ERROR), Some(ErrorCode::NO_ERROR))
    );
}

/// Who does not answer the PING of our leaving is not waited for, nor one who stays when all was said.
#[tokio::test(flavor = "current_thread")]
async fn a_client_that_ignores_it() {
    let mut served = serve(SCRIPT).await;
    let mut client = Client::connect(served.port).await;
    assert_eq!(client.ask(&get("/"), None).await, "200 old 0");
    // The wait begins while it reloads.
    let (began, mut rest) = (Instant::now(), Vec::new());
    reload(&mut served).await;
    timeout(limits::HTTP2_GOODBYE * 5, client.stream.read_to_end(&mut rest))
        .await
        .expect("it says its last")
        .expect("reads");
    let goaways = rest
        .windows(9)
        .filter(|head| head[..2] == [0, 0] && head[3..] == [7, 0, 0, 0, 0, 0])
        .count();
    assert_eq!(goaways, 2, "{rest:x?}");
    assert!(began.elapsed() >= limits::HTTP2_GOODBYE, "after {:?}", began.elapsed());
    // It goes on with PINGs, which nobody answers any more.
    let ping = [&[0, 0, 8, 6, 0, 0, 0, 0, 0][..], &[0; 8]].concat();
    let most = limits::HTTP_LINGER * 2;
    let mut beats = tokio::time::interval(std::time::Duration::from_millis(100));
    let until_closed = async {
        while client.stream.write_all(&ping).await.is_ok() {
            beats.tick().await;
        }
    };
    timeout(most.saturating_sub(began.elapsed()), until_closed)
        .await
        .expect("it reads no more");
    eventually("no connection is left", || open_connections(&served) == 0).await;
}

/// A connection that failed is read until the client has had our GOAWAY, but not for ever.
#[tokio::test(flavor = "current_thread")]
async fn a_client_that_goes_on_after_an_error() {
    let served = serve(SCRIPT).await;
    let mut client = Client::connect(served.port).await;
    assert_eq!(client.ask(&get("/"), None).await, "200 old 0");
    // DATA on stream 0.
    client.stream.write_all(&[0; 9]).await.expect("writes");
    let mut rest = Vec::new();
    timeout(DEADLINE, client.stream.read_to_end(&mut rest))
        .await
        .expect("it ends")
        .expect("reads");
    let (block, mut sent) = (vec![0; 1 << 20], 0);
    while let Ok(Ok(())) = timeout(DEADLINE, client.stream.write_all(&block)).await {
        sent += block.len() as u64;
        assert!(sent < 2 * limits::HTTP_LINGER_BYTES, "it takes everything");
    }
    eventually("no connection is left", || open_connections(&served) == 0).await;
}
