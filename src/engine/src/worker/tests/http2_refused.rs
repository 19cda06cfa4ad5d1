//! `muxHTTP` with HTTP/2 before servers that say goodbye or refuse requests. Source: pipyjs/http.md section 5; RFC 9113 6.8, 8.7.

use super::http2::{Client, get};
use crate::limits;
use crate::worker::testing::{eventually, serve};
use ballast_codec::Chunks;
use ballast_codec::http1::ResponseHead;
use ballast_codec::http2::{Config, Connection, ErrorCode, Event, Role};
use bytes::Bytes;
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An HTTP/2 server of our codec. It answers each connection's first `taken` requests with their path and body, and treats the others as
/// `refusal` says. Gives the number of connections that were made.
async fn refusing_server(taken: usize, refusal: Refusal) -> (u16, Rc<Cell<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let connections = Rc::new(Cell::new(0));
    let count = connections.clone();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.set(count.get() + 1);
            tokio::task::spawn_local(refuse(stream, taken, refusal));
        }
    });
    (port, connections)
}

#[derive(Clone, Copy, PartialEq)]
enum Refusal {
    /// GOAWAY with the last stream that was taken.
    Goodbye,
    /// RST_STREAM.
    Reset(ErrorCode),
    /// RST_STREAM with REFUSED_STREAM for so many requests of each connection, at their heads; all others are taken.
    Few(usize),
}

async fn refuse(mut stream: TcpStream, taken: usize, refusal: Refusal) {
    let mut connection = Connection::new(Role::Server, Config::default());
    let (mut input, mut open, mut last) = (Chunks::new(), HashMap::new(), 0);
    let (mut seen, mut is_gone) = (0, false);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let Ok(count @ 1..) = stream.read(&mut buffer).await else {
            return;
        };
        input.push(Bytes::copy_from_slice(&buffer[..count]));
        let mut said: Vec<u8> = Vec::new();
        while let Some(event) = connection.decode(&mut input).expect("follows the rules") {
            let (stream, is_whole) = match event {
                Event::Request { stream, head, end } => {
                    let is_taken = match refusal {
                        Refusal::Few(count) => seen >= count,
                        _ => seen < taken,
                    };
                    seen += 1;
                    if is_taken {
                        last = stream;
                        open.insert(stream, head.target.to_vec());
                    } else if matches!(refusal, Refusal::Few(_)) {
                        connection.reset(stream, ErrorCode::REFUSED_STREAM);
                        continue;
                    }
                    (stream, end)
                }
                Event::Data { stream, bytes, end } => {
                    connection.release(stream, bytes.len());
                    if let Some(text) = open.get_mut(&stream) {
                        text.extend_from_slice(&bytes);
                    }
                    (stream, end)
                }
                _ => continue,
            };
            if !is_whole {
                continue;
            }
            match (open.remove(&stream), refusal) {
                (Some(text), _) => {
                    let head = ResponseHead {
                        status: 200,
                        ..ResponseHead::default()
                    };
                    connection.send_response(stream, &head, false).expect("can be sent");
                    connection.send_data(stream, text.into(), true).expect("can be sent");
                }
                (None, Refusal::Reset(code)) => connection.reset(stream, code),
                // RFC 9113 6.8: the last stream, and the code NO_ERROR.
                (None, Refusal::Goodbye) if !is_gone => {
                    is_gone = true;
                    said = [
                        &[0, 0, 8, 7, 0, 0, 0, 0, 0][..],
                        &u32::to_be_bytes(last)[..],
                        &[0; 4][..],
                    ]
                    .concat();
                }
                (None, Refusal::Goodbye | Refusal::Few(_)) => {}
            }
        }
        let mut output = Chunks::new();
        connection.take_output(usize::MAX, &mut output);
        let mut bytes: Vec<u8> = output.iter().flat_map(|chunk| chunk.to_vec()).collect();
        bytes.append(&mut said);
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// RFC 9113 6.8 and 8.7: what a server has not looked at is sent again; what it may have, or what is too long to be kept, is not.
#[tokio::test(flavor = "current_thread")]
async fn refused_requests_are_sent_again() {
    let reset = Refusal::Reset(ErrorCode::REFUSED_STREAM);
    let (long, few) = (limits::HTTP2_AGAIN_BYTES + 1, limits::HTTP2_REFUSALS - 1);
    for (name, taken, refusal, body, asked, failed, connections) in [
        ("goodbye after each", 1, Refusal::Goodbye, 0, 6, 0, 6),
        ("goodbye, with a body", 2, Refusal::Goodbye, 3000, 6, 0, 3),
        (
            "goodbye at once",
            0,
            Refusal::Goodbye,
            0,
            1,
            1,
            1 + limits::HTTP2_UNSERVED_AGAIN,
        ),
        ("a body that is too long", 1, Refusal::Goodbye, long, 2, 1, 1),
        ("refused", 1, reset, 10, 2, 0, 2),
        ("one refused of a session", 0, Refusal::Few(1), 0, 4, 0, 1),
        ("a few refused, with bodies", 0, Refusal::Few(few), 3000, 4, 0, 1),
        (
            "always refused",
            0,
            reset,
            0,
            1,
            1,
            (1 + limits::HTTP2_REFUSED_AGAIN).div_ceil(limits::HTTP2_REFUSALS),
        ),
        (
            "reset for another reason",
            1,
            Refusal::Reset(ErrorCode::INTERNAL_ERROR),
            0,
            2,
            1,
            1,
        ),
    ] {
        let work = async {
            let (server, made) = refusing_server(taken, refusal).await;
            let served = serve(&format!(
                "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $
                    .muxHTTP(() => 'k', {{ version: 2, maxQueue: 100 }}).to($ => $.connect('127.0.0.1:{server}')))"
            ))
            .await;
            let mut client = Client::connect(served.port).await;
            let mut streams = Vec::new();
            for index in 0..asked {
                let head = get(&format!("/{index}"));
                let stream = client.connection.send_request(&head, body == 0).expect("can be sent");
                if body > 0 {
                    let data = Bytes::from(vec![b'x'; body]);
                    client.connection.send_data(stream, data, true).expect("can be sent");
                }
                streams.push(stream);
            }
            let mut lost = 0;
            for (index, stream) in streams.into_iter().enumerate() {
                let answer = client.answer(stream).await;
                match answer.as_str() {
                    "502 " => lost += 1,
                    _ => assert_eq!(answer, format!("200 /{index}{}", "x".repeat(body)), "{name}"),
                }
            }
            assert_eq!((lost, made.get()), (failed, connections), "{name}: failed, connections");
        };
        tokio::task::LocalSet::new().run_until(work).await;
    }
}

/// A session that takes no more requests goes when nothing is left to wait for, also when the client did not wait for it.
#[tokio::test(flavor = "current_thread")]
async fn a_session_that_leaves_ends_with_its_last_call() {
    for (name, says_goodbye, options) in [
        ("the server said goodbye", true, ""),
        ("no more requests are wanted", false, ", maxMessages: 1"),
        ("none is kept", false, ", maxIdle: 0"),
    ] {
        let work = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let server = listener.local_addr().expect("it is bound").port();
            let (has_asked, is_over) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
            let (asked, over) = (has_asked.clone(), is_over.clone());
            tokio::task::spawn_local(async move {
                let (first, _) = listener.accept().await.expect("a connection");
                tokio::task::spawn_local(async move {
                    never_answer(first, says_goodbye, &asked).await;
                    over.set(true);
                });
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::task::spawn_local(refuse(stream, usize::MAX, Refusal::Goodbye));
                }
            });
            let served = serve(&format!(
                "pipy().listen('127.0.0.1:PORT').demuxHTTP().to($ => $
                    .muxHTTP(() => 'k', {{ version: 2, maxQueue: 100{options} }})
                    .to($ => $.connect('127.0.0.1:{server}')))"
            ))
            .await;
            let mut client = Client::connect(served.port).await;
            let waiting = client.connection.send_request(&get("/1"), true).expect("can be sent");
            let request = client.output();
            client.stream.write_all(&request).await.expect("writes");
            eventually("the request is there", || has_asked.get()).await;
            if says_goodbye {
                // Once another connection has answered, the first one is known to leave.
                assert_eq!(client.ask(&get("/2"), None).await, "200 /2", "{name}");
            }
            assert!(!is_over.get(), "{name}: a call is left");
            client.connection.reset(waiting, ErrorCode::CANCEL);
            let reset = client.output();
            client.stream.write_all(&reset).await.expect("writes");
            eventually(&format!("the connection is closed: {name}"), || is_over.get()).await;
        };
        tokio::task::LocalSet::new().run_until(work).await;
    }
}

/// Takes the first request, says goodbye to all others if it is told so, answers nothing, and reads until the other side closes.
async fn never_answer(mut stream: TcpStream, says_goodbye: bool, has_asked: &Cell<bool>) {
    let mut connection = Connection::new(Role::Server, Config::default());
    let (mut input, mut buffer) = (Chunks::new(), vec![0; 64 << 10]);
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        input.push(Bytes::copy_from_slice(&buffer[..count]));
        let mut said = Vec::new();
        while let Some(event) = connection.decode(&mut input).expect("follows the rules") {
            if matches!(event, Event::Request { .. }) && !has_asked.replace(true) && says_goodbye {
                said = [&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 4][..]].concat();
            }
        }
        let mut output = Chunks::new();
        connection.take_output(usize::MAX, &mut output);
        let mut bytes: Vec<u8> = output.iter().flat_map(|chunk| chunk.to_vec()).collect();
        bytes.append(&mut said);
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
