//! Packets of the figures in section 3 of both standards, both ways, at every cut; and what is malformed.
use super::*;
use crate::split::{feed, split_everywhere};
use bytes::BytesMut;

fn decode(bytes: &[u8]) -> (Vec<Packet>, Option<Error>) {
    split_everywhere(bytes, |pieces| {
        let mut decoder = Decoder::new(1000);
        let (mut packets, mut failed) = (Vec::new(), None);
        feed(pieces, |input| {
            while failed.is_none() {
                match decoder.decode(input) {
                    Ok(Some(packet)) => packets.push(packet),
                    Ok(None) => break,
                    Err(error) => failed = Some(error),
                }
            }
        });
        (packets, failed.or(decoder.finish().err()))
    })
}

/// The samples follow a CONNECT, for the version is that of the connection.
#[track_caller]
fn check(level: u8, bytes: &[u8], packet: Packet) {
    let packet = Packet { level, ..packet };
    let first = connect_bytes(level);
    let (packets, error) = decode(&[first, bytes].concat());
    assert_eq!(error, None, "{bytes:x?}");
    assert_eq!(packets.last(), Some(&packet), "{bytes:x?}");
    let mut out = BytesMut::new();
    encode(&packet, &mut out).expect("it can be sent");
    assert_eq!(out, bytes, "{packet:?}");
    for end in 1..bytes.len() {
        let (packets, error) = decode(&[first, &bytes[..end]].concat());
        assert_eq!(
            (packets.len(), error),
            (1, Some(Error::Truncated)),
            "{bytes:x?} cut at {end}"
        );
    }
}

fn connect_bytes(level: u8) -> &'static [u8] {
    match level {
        V5 => b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x00",
        _ => b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00",
    }
}

fn of(kind: Kind, packet_identifier: u16, payload: Payload) -> Packet {
    Packet {
        kind,
        packet_identifier,
        payload,
        ..Packet::default()
    }
}

fn subscription(filter: &str, qos: u8) -> Subscription {
    Subscription {
        filter: filter.to_owned(),
        qos,
        ..Subscription::default()
    }
}

#[test]
fn packets_of_both_versions() {
    let filters = || vec!["a/b".to_owned(), "c/d".to_owned()];
    // Figures 3.9 (PUBLISH), 3.23 (SUBSCRIBE), 3.26 (SUBACK), 3.30 (UNSUBSCRIBE) of 3.1.1.
    let publish = Packet {
        qos: 1,
        topic_name: "a/b".to_owned(),
        ..of(Kind::Publish, 10, Payload::Publish(Bytes::from_static(b"hi")))
    };
    check(V4, b"\x32\x09\x00\x03a/b\x00\x0ahi", publish.clone());
    let subscriptions = || vec![subscription("a/b", 1), subscription("c/d", 2)];
    check(
        V4,
        b"\x82\x0e\x00\x0a\x00\x03a/b\x01\x00\x03c/d\x02",
        of(Kind::Subscribe, 10, Payload::Subscribe(subscriptions())),
    );
    check(
        V4,
        b"\x90\x05\x00\x0a\x00\x02\x80",
        of(Kind::SubAck, 10, Payload::Codes(vec![0, 2, 0x80])),
    );
    check(
        V4,
        b"\xa2\x0c\x00\x0a\x00\x03a/b\x00\x03c/d",
        of(Kind::Unsubscribe, 10, Payload::Unsubscribe(filters())),
    );
    check(V4, b"\xb0\x02\x00\x0a", of(Kind::UnsubAck, 10, Payload::None));
    for (bytes, kind) in [
        (b"\x40\x02\x00\x0a", Kind::PubAck),
        (b"\x50\x02\x00\x0a", Kind::PubRec),
        (b"\x62\x02\x00\x0a", Kind::PubRel),
        (b"\x70\x02\x00\x0a", Kind::PubComp),
    ] {
        check(V4, bytes, of(kind, 10, Payload::None));
        check(V5, bytes, of(kind, 10, Payload::None));
    }
    for (bytes, kind) in [
        (b"\xc0\x00", Kind::PingReq),
        (b"\xd0\x00", Kind::PingResp),
        (b"\xe0\x00", Kind::Disconnect),
    ] {
        check(V4, bytes, of(kind, 0, Payload::None));
    }
    check(
        V4,
        b"\x20\x02\x01\x00",
        Packet {
            session_present: true,
            ..of(Kind::ConnAck, 0, Payload::None)
        },
    );
    check(
        V5,
        b"\x20\x06\x00\x87\x03\x21\x00\x0a",
        Packet {
            reason_code: 0x87,
            properties: vec![Property::Number(33, 10)],
            ..of(Kind::ConnAck, 0, Payload::None)
        },
    );
    check(
        V5,
        b"\x3b\x1a\x00\x01t\x00\x0a\x13\x02\x00\x00\x00\x3c\x0b\x80\x01\x26\x00\x01k\x00\x01v\x09\x00\x01xy",
        Packet {
            dup: true,
            retain: true,
            qos: 1,
            topic_name: "t".to_owned(),
            properties: vec![
                Property::Number(2, 60),
                Property::Number(11, 128),
                Property::Pair(38, "k".to_owned(), "v".to_owned()),
                Property::Binary(9, Bytes::from_static(b"x")),
            ],
            ..of(Kind::Publish, 10, Payload::Publish(Bytes::from_static(b"y")))
        },
    );
    check(
        V5,
        b"\x82\x09\x00\x0a\x00\x00\x03a/b\x2e",
        of(
            Kind::Subscribe,
            10,
            Payload::Subscribe(vec![Subscription {
                no_local: true,
                retain_as_published: true,
                retain_handling: 2,
                ..subscription("a/b", 2)
            }]),
        ),
    );
    check(
        V5,
        b"\xb0\x05\x00\x0a\x00\x00\x11",
        of(Kind::UnsubAck, 10, Payload::Codes(vec![0, 0x11])),
    );
    check(
        V5,
        b"\xe0\x08\x8e\x06\x1f\x00\x03bye",
        Packet {
            reason_code: 0x8e,
            properties: vec![Property::Text(31, "bye".to_owned())],
            ..of(Kind::Disconnect, 0, Payload::None)
        },
    );
    check(
        V5,
        b"\xf0\x01\x18",
        Packet {
            reason_code: 0x18,
            ..of(Kind::Auth, 0, Payload::None)
        },
    );
}

/// Figure 3.6 of 3.1.1: user name, password, will at QoS 1, clean session, keep alive 10.
#[test]
fn connect() {
    let connect = |properties: Vec<Property>| Connect {
        client_id: "id".to_owned(),
        clean_start: true,
        username: Some("u".to_owned()),
        password: Some(Bytes::from_static(b"\xff")),
        will: Some(Will {
            qos: 1,
            retain: false,
            properties,
            topic: "w".to_owned(),
            payload: Bytes::from_static(b"gone"),
        }),
    };
    let of = |properties: Vec<Property>, will: Vec<Property>| Packet {
        keep_alive: 10,
        properties,
        ..of(Kind::Connect, 0, Payload::Connect(Box::new(connect(will))))
    };
    check(
        V4,
        b"\x10\x1d\x00\x04MQTT\x04\xce\x00\x0a\x00\x02id\x00\x01w\x00\x04gone\x00\x01u\x00\x01\xff",
        of(vec![], vec![]),
    );
    check(
        V5,
        b"\x10\x29\x00\x04MQTT\x05\xce\x00\x0a\x05\x11\x00\x00\x00\x01\x00\x02id\x05\x18\x00\x00\x00\x02\x00\x01w\x00\x04gone\x00\x01u\x00\x01\xff",
        of(vec![Property::Number(17, 1)], vec![Property::Number(24, 2)]),
    );
}

#[test]
fn what_is_wrong() {
    let many = [b"\x82\xfa\x01\x00\x0a".as_slice(), &b"\x00\x00\x03".repeat(83)].concat();
    for (bytes, error) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], Error::Malformed("reserved flags")),
        (b"\x00\x00", Error::Malformed("packet type 0")),
        (
            b"\x30\xff\xff\xff\xff\x00",
            Error::Malformed("length of more than four bytes"),
        ),
        (b"\x30\xff\xff\xff\x7f", Error::TooLong(0x0fff_ffff)),
        (b"\x30\xe9\x07", Error::TooLong(1001)),
        (b"\x36\x05\x00\x01t\x00\x01", Error::Malformed("QoS 3")),
        (b"\x32\x05\x00\x01t\x00\x00", Error::Malformed("packet identifier 0")),
        (b"\x30\x03\x00\x01#", Error::Malformed("wildcard in a topic name")),
        (b"\x30\x03\x00\x01\xff", Error::Malformed("text is no UTF-8")),
        (b"\x30\x03\x00\x01\x00", Error::Malformed("text is no UTF-8")),
        (b"\x30\x02\x00\x01", SHORT),
        (b"\x80\x02\x00\x0a", Error::Malformed("reserved flags")),
        (b"\x82\x02\x00\x0a", SHORT),
        (b"\x82\x06\x00\x0a\x00\x01a\x03", Error::Malformed("QoS 3")),
        (
            b"\x82\x06\x00\x0a\x00\x01a\x04",
            Error::Malformed("options of a topic filter"),
        ),
        (b"\xc0\x01x", Error::Malformed("bytes after its end")),
        (b"\xf0\x00", Error::Malformed("AUTH before version 5")),
        (b"\x20\x02\x02\x00", Error::Malformed("reserved flags of CONNACK")),
        (b"\x20\x05\x00\x00\x02\x7f\x00", Error::Malformed("unknown property")),
        (
            b"\x20\x07\x00\x00\x04\x24\x01\x24\x01",
            Error::Malformed("a property stands there twice"),
        ),
        (b"\x20\x05\x00\x00\x09\x24\x01", SHORT),
        (b"\x10\x0c\x00\x04MQTT\x03\x02\x00\x0a\x00\x00", Error::Level(3)),
        (b"\x10\x0c\x00\x04MQTX\x04\x02\x00\x0a\x00\x00", Error::Level(4)),
        (
            b"\x10\x0c\x00\x04MQTT\x04\x03\x00\x0a\x00\x00",
            Error::Malformed("flags of CONNECT"),
        ),
        (
            b"\x10\x0c\x00\x04MQTT\x04\x42\x00\x0a\x00\x00",
            Error::Malformed("flags of CONNECT"),
        ),
        (b"\x30", Error::Truncated),
        (&many, Error::Malformed("QoS 3")),
    ] {
        assert_eq!(decode(bytes), (vec![], Some(error)), "{bytes:x?}");
    }
    // Entries of one byte each are bounded; so is what is no PUBLISH.
    let codes = [&[0x90, 0x83, 0x20, 0, 10][..], &[0; MAX_ENTRIES + 1]].concat();
    let mut input = crate::Chunks::from(Bytes::from(codes));
    assert_eq!(Decoder::new(1 << 30).decode(&mut input), Err(Error::TooMany));
    let mut input = crate::Chunks::from(Bytes::from_static(b"\x90\x81\x80\x40"));
    assert_eq!(
        Decoder::new(1 << 30).decode(&mut input),
        Err(Error::TooLong(MAX_CONTROL_BYTES + 1))
    );
    for packet in [
        of(Kind::SubAck, 0, Payload::None),
        of(Kind::Connect, 0, Payload::None),
        Packet {
            qos: 3,
            ..of(Kind::Publish, 1, Payload::None)
        },
        Packet {
            topic_name: "x".repeat(65_536),
            ..of(Kind::Publish, 1, Payload::None)
        },
    ] {
        assert!(encode(&packet, &mut BytesMut::new()).is_err(), "{:?}", packet.kind);
    }
}

const SHORT: Error = Error::Malformed("ends inside of a field");
