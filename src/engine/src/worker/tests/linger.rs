//! An HTTP server after its last response: it reads on, for the client must not lose that response, but not for ever.
//! Expectations: RFC 9112 section 9.6; bounds in limits.rs.

use crate::limits;
use crate::worker::testing::{DEADLINE, eventually, serve};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SERVER: &str =
    "pipy().listen(PORT, { idleTimeout: 0 }).demuxHTTP().to($ => $.replaceMessage(new Message('bye')))";
const LAST: &[u8] = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n";

/// A connection whose last response was read, to its end.
async fn answered(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    stream.write_all(LAST).await.expect("write");
    let mut got = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut got))
        .await
        .expect("in time")
        .expect("read");
    assert!(got.ends_with(b"bye"), "{}", String::from_utf8_lossy(&got));
    stream
}

#[tokio::test(flavor = "current_thread")]
async fn a_client_that_goes_on_sending_is_cut_off_by_bytes() {
    let served = serve(SERVER).await;
    let mut stream = answered(served.port).await;
    let (block, mut sent) = (vec![b'x'; 1 << 20], 0);
    let began = Instant::now();
    while let Ok(Ok(())) = timeout(DEADLINE, stream.write_all(&block)).await {
        sent += block.len() as u64;
        assert!(sent < 2 * limits::HTTP_LINGER_BYTES, "it takes everything");
    }
    assert!(
        sent > limits::HTTP_LINGER_BYTES / 2,
        "cut off after {sent} bytes, {:?}",
        began.elapsed()
    );
    eventually("no connection is left", || {
        served
            .engine
            .counters()
            .iter()
            .all(|counters| counters.inbound.get() == 0)
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_client_that_drips_is_cut_off_by_time() {
    let served = serve(SERVER).await;
    let mut stream = answered(served.port).await;
    let began = Instant::now();
    let most = limits::HTTP_LINGER * 2;
    while stream.write_all(b"x").await.is_ok() {
        assert!(began.elapsed() < most, "it still reads after {:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        began.elapsed() + Duration::from_secs(1) > limits::HTTP_LINGER,
        "after {:?}",
        began.elapsed()
    );
}

/// The bound is for what nobody wants: a download that is slow, but moves, is not cut off by it.
#[tokio::test(flavor = "current_thread")]
async fn a_large_last_response_is_sent_whole() {
    let script = SERVER.replace("'bye'", "new Data('A'.repeat(9 << 20)).push('bye')");
    let served = serve(&script).await;
    let mut stream = TcpStream::connect(("127.0.0.1", served.port))
        .await
        .expect("it listens");
    stream.write_all(LAST).await.expect("write");
    stream.write_all(&[b'x'; 1000]).await.expect("write");
    let mut got = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut got))
        .await
        .expect("in time")
        .expect("read");
    assert!(
        got.len() > 9 << 20 && got.ends_with(b"bye\r\n0\r\n\r\n"),
        "{} bytes",
        got.len()
    );
}
