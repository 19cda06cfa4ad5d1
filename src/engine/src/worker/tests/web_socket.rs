//! `decodeWebSocket` and `encodeWebSocket`: pipyjs/filters.md section 8, RFC 6455 section 5.

use crate::limits;
use crate::worker::testing::{exchange, serve};

/// What one message becomes: `events` are those that enter the encoder.
async fn encoded(events: &str) -> Vec<u8> {
    let script = format!(
        "pipy().listen('127.0.0.1:PORT').replaceStreamStart(() => [{events}, new StreamEnd]).encodeWebSocket()"
    );
    exchange(serve(&script).await.port, b"x").await
}

#[tokio::test(flavor = "current_thread")]
async fn messages_become_frames() {
    let size = limits::WEBSOCKET_FRAME_BYTES;
    let body = |len: usize| vec![b'a'; len];
    let rows: [(&str, String, Vec<u8>); 6] = [
        ("default", "new Message('ab')".into(), b"\x82\x02ab".to_vec()),
        ("empty", "new Message({ opcode: 1 })".into(), b"\x81\x00".to_vec()),
        (
            "a frame of 16 KB",
            format!("new Message('a'.repeat({size}))"),
            [&b"\x82\x7e\x40\x00"[..], &body(size)].concat(),
        ),
        (
            "one byte more",
            format!("new Message({{ opcode: 1 }}, 'a'.repeat({size} + 1))"),
            [&b"\x01\x7e\x40\x00"[..], &body(size), b"\x80\x01a"].concat(),
        ),
        (
            "Data as they come",
            "new MessageStart, new Data('a'), new Data('b'), new MessageEnd, new Data('outside')".into(),
            b"\x82\x02ab".to_vec(),
        ),
        (
            "a control frame",
            "new Message({ opcode: 8 }, 'a'.repeat(125))".into(),
            [&b"\x88\x7d"[..], &body(125)].concat(),
        ),
    ];
    for (name, events, output) in rows {
        assert_eq!(encoded(&events).await, output, "{name}");
    }
    for (name, events) in [
        ("an opcode that is none", "new Message({ opcode: 3 }, 'a')"),
        (
            "a control frame too long",
            "new Message({ opcode: 9 }, 'a'.repeat(126))",
        ),
    ] {
        assert_eq!(encoded(events).await, b"", "{name}: an error, and no frame");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_mask_is_another_each_time() {
    let got = encoded("new Message({ masked: true }, 'Hello'), new Message({ masked: true }, 'Hello')").await;
    let (first, second) = got.split_at(11);
    for frame in [first, second] {
        assert_eq!(frame[..2], [0x82, 0x85]);
        let plain: Vec<u8> = frame[6..]
            .iter()
            .zip(frame[2..6].iter().cycle())
            .map(|(a, b)| a ^ b)
            .collect();
        assert_eq!(plain, b"Hello");
    }
    assert_ne!(first[2..6], second[2..6]);
}

/// How a stream of frames ends, after what it said.
#[tokio::test(flavor = "current_thread")]
async fn what_is_no_websocket_ends_the_stream() {
    let served = serve(
        "pipy().listen('127.0.0.1:PORT').decodeWebSocket()
            .replaceMessage(msg => new Data(msg.body + '.'))
            .replaceStreamEnd(end => [new Data(end.error || 'clean'), new StreamEnd])",
    )
    .await;
    let rows: [(&str, &[u8], &str); 4] = [
        ("good", b"\x81\x02ab", "ab.clean"),
        ("a reserved bit", b"\x81\x02ab\xc1\x00", "ab.ProtocolError"),
        ("cut short", b"\x81\x01a\x01\x02ab", "a.ProtocolError"),
        ("a ping too long", b"\x89\x7e\x00\x7e", "ProtocolError"),
    ];
    for (name, input, output) in rows {
        let got = exchange(served.port, input).await;
        assert_eq!(String::from_utf8_lossy(&got), output, "{name}");
    }
}
