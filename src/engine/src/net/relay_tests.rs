//! What is relayed as it is goes through a pipe of the kernel's, and nobody can tell: each test runs with a filter between,
//! which makes every byte come by here, and without. Expectations: pipyjs/http.md sections 6 and 7, tcp(7).

use super::tests::{local, server};
use crate::limits;
use crate::metrics::Counters;
use crate::worker::testing::{DEADLINE, Served, eventually, serve};
use nix::sys::socket::{MsgFlags, recv, send};
use std::future::Future;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What stands before `connect`.
const BETWEEN: [&str; 2] = ["", ".handleData(() => undefined)"];
/// A prime, so that the pattern repeats at no border of a page or a block.
const PERIOD: usize = 65_521;

type Talk = Pin<Box<dyn Future<Output = ()>>>;

/// A block of the pattern, which begins as byte number `from` of the stream does.
fn pattern(from: usize, len: usize) -> Vec<u8> {
    let byte = |n: usize| ((n % PERIOD * 31) >> 3) as u8;
    (from..from + len).map(byte).collect()
}

async fn send_pattern(stream: &mut TcpStream, total: usize) -> std::io::Result<()> {
    let whole = pattern(0, PERIOD * 8);
    let mut sent = 0;
    while sent < total {
        let from = sent % PERIOD;
        let most = (whole.len() - from).min(total - sent);
        stream.write_all(&whole[from..from + most]).await?;
        sent += most;
    }
    Ok(())
}

/// Reads until `total` bytes or the end, and compares each.
async fn expect_pattern(stream: &mut TcpStream, total: usize) -> usize {
    let whole = pattern(0, PERIOD * 8);
    let (mut got, mut block) = (0, vec![0; PERIOD * 4]);
    while got < total {
        let most = block.len().min(total - got);
        let n = timeout(DEADLINE, stream.read(&mut block[..most]))
            .await
            .expect("in time")
            .unwrap_or(0);
        if n == 0 {
            break;
        }
        let from = got % PERIOD;
        assert!(
            block[..n] == whole[from..from + n],
            "other bytes within {n} from {got} on"
        );
        got += n;
    }
    got
}

async fn relay(between: &str, upstream: u16, options: &str) -> (Served, TcpStream) {
    let served = serve(&format!(
        "pipy().listen(PORT){between}.connect('127.0.0.1:{upstream}', {options})"
    ))
    .await;
    let stream = TcpStream::connect(("127.0.0.1", served.port)).await.expect("connect");
    (served, stream)
}

fn sum<N: std::iter::Sum<N>>(served: &Served, of: fn(&Counters) -> N) -> N {
    served.engine.counters().iter().map(|counters| of(counters)).sum()
}

async fn nothing_is_left(served: &Served, what: &str) {
    eventually(what, || {
        sum(served, |all| {
            all.inbound.get() + all.outbound.get() + all.pipelines.get()
        }) == 0
    })
    .await;
}

fn conduits(served: &Served) -> i64 {
    sum(served, |all| all.conduits.get())
}

#[tokio::test(flavor = "current_thread")]
async fn bytes_arrive_as_they_are_and_are_counted() {
    const TOTAL: usize = 100_000_000;
    local(async {
        let upstream = server(|mut stream| async move {
            assert_eq!(expect_pattern(&mut stream, TOTAL).await, TOTAL);
            send_pattern(&mut stream, TOTAL).await.expect("the relay reads");
        })
        .await;
        for between in BETWEEN {
            let (served, mut stream) = relay(between, upstream, "{}").await;
            send_pattern(&mut stream, TOTAL).await.expect("the relay reads");
            assert_eq!(expect_pattern(&mut stream, TOTAL).await, TOTAL, "{between}");
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.expect("a clean end");
            assert!(rest.is_empty());
            drop(stream);
            nothing_is_left(&served, "the connections are closed").await;
            assert_eq!(conduits(&served), 0);
            let counts = [
                sum(&served, |all| all.inbound_in.get()),
                sum(&served, |all| all.inbound_out.get()),
                sum(&served, |all| all.outbound_in.get()),
                sum(&served, |all| all.outbound_out.get()),
            ];
            assert_eq!(counts, [TOTAL as u64; 4], "{between}");
        }
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn each_side_may_end_first() {
    const TOTAL: usize = 20_000_000;
    local(async {
        let answers = server(|mut stream| async move {
            assert_eq!(expect_pattern(&mut stream, usize::MAX).await, TOTAL);
            send_pattern(&mut stream, TOTAL).await.expect("the relay reads");
        })
        .await;
        let speaks = server(|mut stream| async move {
            stream.read_u8().await.expect("the byte that opens");
            send_pattern(&mut stream, TOTAL).await.expect("the relay reads");
            stream.shutdown().await.expect("shutdown");
            assert_eq!(expect_pattern(&mut stream, usize::MAX).await, TOTAL);
            // What the client waits for: both sides have sent their end, so nothing but a reset can come after this.
            stream.set_zero_linger().expect("linger");
        })
        .await;
        for between in BETWEEN {
            let (served, mut stream) = relay(between, answers, "{}").await;
            send_pattern(&mut stream, TOTAL).await.expect("the relay reads");
            stream.shutdown().await.expect("shutdown");
            assert_eq!(expect_pattern(&mut stream, usize::MAX).await, TOTAL, "answers{between}");
            nothing_is_left(&served, "the client has ended first").await;

            let (served, mut stream) = relay(between, speaks, "{}").await;
            stream.write_u8(0).await.expect("the relay reads");
            assert_eq!(expect_pattern(&mut stream, usize::MAX).await, TOTAL, "speaks{between}");
            send_pattern(&mut stream, TOTAL).await.expect("the relay reads");
            stream.shutdown().await.expect("shutdown");
            nothing_is_left(&served, "the server has ended first").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_reset_ends_both_sides() {
    const PART: usize = 10_000_000;
    local(async {
        let server_resets = server(|mut stream| async move {
            assert!(expect_pattern(&mut stream, PART).await >= PART);
            stream.set_zero_linger().expect("linger");
        })
        .await;
        let client_resets = server(|mut stream| async move {
            let got = expect_pattern(&mut stream, usize::MAX).await;
            assert!(got < usize::MAX, "it ends");
        })
        .await;
        for between in BETWEEN {
            let (served, mut stream) = relay(between, server_resets, "{}").await;
            let sent = timeout(DEADLINE, send_pattern(&mut stream, 100 * PART))
                .await
                .expect("in time");
            assert!(sent.is_err(), "sends though the server is gone{between}");
            nothing_is_left(&served, "the server has reset").await;

            let (served, mut stream) = relay(between, client_resets, "{}").await;
            send_pattern(&mut stream, PART).await.expect("the relay reads");
            stream.set_zero_linger().expect("linger");
            drop(stream);
            nothing_is_left(&served, "the client has reset").await;
        }
    })
    .await;
}

/// http.md section 7: a slow reader pauses the writer, through any number of pipelines, in both directions.
#[tokio::test(flavor = "current_thread")]
async fn a_slow_reader_pauses_the_writer() {
    const TOTAL: usize = 64 << 20;
    local(async {
        let source = server(|mut stream| async move {
            stream.read_u8().await.expect("the byte that opens");
            send_pattern(&mut stream, TOTAL).await.ok();
        })
        .await;
        for between in BETWEEN {
            let (served, mut stream) = relay(between, source, "{}").await;
            stream.write_u8(0).await.expect("the relay reads");
            let read = || sum(&served, |all| all.outbound_in.get());
            let pending = || read().saturating_sub(sum(&served, |all| all.inbound_out.get()));
            // No more is read once the relay is congested.
            let mut last = (0, 0);
            eventually("the relay is congested", || {
                last = if read() == last.0 {
                    (last.0, last.1 + 1)
                } else {
                    (read(), 0)
                };
                last.1 >= 20 && pending() > 0
            })
            .await;
            assert!(read() < TOTAL as u64, "the relay takes everything");
            assert_eq!(conduits(&served) > 0, between.is_empty(), "{between}");
            let (mut most, mut got, mut block) = (0, 0, vec![0; 256 << 10]);
            while got < TOTAL {
                most = most.max(pending());
                let n = timeout(DEADLINE, stream.read(&mut block))
                    .await
                    .expect("in time")
                    .expect("read");
                assert!(n > 0, "ended after {got} bytes");
                got += n;
            }
            // The limit, what one read adds, and what is counted while two counters are read.
            assert!(
                most < (limits::CONGESTION_BYTES + (1 << 20)) as u64,
                "{most} bytes were pending"
            );
        }
    })
    .await;
}

/// A server that reads nothing, for longer than any test lasts.
fn deaf(stream: TcpStream) -> Talk {
    Box::pin(async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
}

/// What waits in a pipe waits to be sent: time-outs see it.
#[tokio::test(flavor = "current_thread")]
async fn a_server_that_never_reads_times_out() {
    local(async {
        let upstream = server(deaf).await;
        for between in BETWEEN {
            for options in ["{ writeTimeout: 1, idleTimeout: 0 }", "{ idleTimeout: 1 }"] {
                let (served, mut stream) = relay(between, upstream, options).await;
                let sent = timeout(DEADLINE, send_pattern(&mut stream, 100 << 20)).await;
                assert!(sent.is_ok_and(|sent| sent.is_err()), "{options}{between}");
                nothing_is_left(&served, options).await;
            }
        }
    })
    .await;
}

/// tcp(7): urgent data are not part of the stream, but splice(2) stops before them for good.
#[tokio::test(flavor = "current_thread")]
async fn a_byte_out_of_band_stops_nothing() {
    const PART: usize = PERIOD * 100;
    local(async {
        let upstream = server(|mut stream| async move {
            assert_eq!(expect_pattern(&mut stream, usize::MAX).await, 2 * PART);
            stream.write_all(b"ok").await.expect("the relay reads");
        })
        .await;
        for between in BETWEEN {
            let (_served, mut stream) = relay(between, upstream, "{}").await;
            send_pattern(&mut stream, PART).await.expect("the relay reads");
            let urgent = || send(stream.as_raw_fd(), b"!", MsgFlags::MSG_OOB).map_err(std::io::Error::from);
            stream
                .async_io(Interest::WRITABLE, urgent)
                .await
                .expect("the relay reads");
            send_pattern(&mut stream, PART).await.expect("the relay reads");
            stream.shutdown().await.expect("shutdown");
            let mut told = Vec::new();
            timeout(DEADLINE, stream.read_to_end(&mut told))
                .await
                .expect("in time")
                .expect("read");
            assert_eq!(told, b"ok", "{between}");
        }
    })
    .await;
}

/// There are pipes for some connections only; the others are read and written.
#[tokio::test(flavor = "current_thread")]
async fn more_connections_than_pipes() {
    const TOTAL: usize = 16 << 20;
    local(async {
        let (go, gone) = tokio::sync::watch::channel(false);
        let upstream = server(move |mut stream| {
            let mut gone = gone.clone();
            async move {
                gone.wait_for(|gone| *gone).await.expect("the test goes on");
                assert_eq!(expect_pattern(&mut stream, usize::MAX).await, TOTAL);
                stream.write_all(b"ok").await.expect("the relay reads");
            }
        })
        .await;
        let served = serve(&format!("pipy().listen(PORT).connect('127.0.0.1:{upstream}')")).await;
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..limits::CONDUITS + 6 {
            let mut stream = TcpStream::connect(("127.0.0.1", served.port)).await.expect("connect");
            clients.spawn_local(async move {
                send_pattern(&mut stream, TOTAL).await.expect("the relay reads");
                stream.shutdown().await.expect("shutdown");
                let mut told = Vec::new();
                stream.read_to_end(&mut told).await.expect("read");
                assert_eq!(told, b"ok");
            });
        }
        eventually("all pipes are in use", || conduits(&served) >= limits::CONDUITS).await;
        go.send(true).expect("servers wait");
        let all = async {
            while clients
                .join_next()
                .await
                .map(|ended| ended.expect("as it must be"))
                .is_some()
            {}
        };
        timeout(6 * DEADLINE, all).await.expect("in time");
        nothing_is_left(&served, "all have ended").await;
        eventually("no pipe is left", || conduits(&served) == 0).await;
    })
    .await;
}

/// A connection that has been idle since it sent much holds no pipe once it sends little.
#[tokio::test(flavor = "current_thread")]
async fn little_gives_the_pipe_back() {
    const TOTAL: usize = 32 << 20;
    local(async {
        let upstream = server(|mut stream| async move {
            assert_eq!(expect_pattern(&mut stream, TOTAL).await, TOTAL);
            let mut byte = [0];
            while stream.read(&mut byte).await.is_ok_and(|n| n > 0) {
                stream.write_all(&byte).await.expect("the relay reads");
            }
        })
        .await;
        let (served, mut stream) = relay("", upstream, "{}").await;
        send_pattern(&mut stream, TOTAL).await.expect("the relay reads");
        for byte in 0..3 {
            stream.write_u8(byte).await.expect("the relay reads");
            assert_eq!(
                timeout(DEADLINE, stream.read_u8())
                    .await
                    .expect("in time")
                    .expect("read"),
                byte
            );
        }
        eventually("the pipe is given back", || conduits(&served) == 0).await;
    })
    .await;
}

/// While bytes pass without end their thread never rests; what others are to get does not wait for that.
#[tokio::test(flavor = "current_thread")]
async fn others_are_answered_while_bytes_pass_without_end() {
    const RELAYS: i64 = 6;
    let sink = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let upstream = sink.local_addr().expect("has an address").port();
    let served = serve(&format!(
        "pipy().listen(PORT).connect('127.0.0.1:{upstream}').listen(OTHER_PORT).replaceData(() => new Data('hi'))"
    ))
    .await;
    // Both sides are quicker than the relay, and end with it.
    for _ in 0..RELAYS {
        let mut source = std::net::TcpStream::connect(("127.0.0.1", served.port)).expect("connects");
        std::thread::spawn(move || {
            let block = vec![7; 8 << 20];
            while source.write_all(&block).is_ok() {}
        });
    }
    std::thread::spawn(move || {
        for stream in sink.incoming().flatten() {
            // Nothing is copied.
            std::thread::spawn(move || {
                let mut block = vec![0; 4 << 20];
                while matches!(recv(stream.as_raw_fd(), &mut block, MsgFlags::MSG_TRUNC), Ok(1..)) {}
            });
        }
    });
    eventually("all pass on", || conduits(&served) == RELAYS).await;
    let mut stream = TcpStream::connect(("127.0.0.1", served.other)).await.expect("connect");
    let answers = async {
        for _ in 0..20 {
            stream.write_u8(b'?').await.expect("it reads");
            let mut answer = [0; 2];
            stream.read_exact(&mut answer).await.expect("it answers");
            assert_eq!(&answer, b"hi");
        }
    };
    timeout(DEADLINE, answers).await.expect("in time");
}
