//! The examples of RFC 7541 appendix C, both ways, and what must hold beyond them.
use super::encode::{Keep, hash, string};
use super::table::{DYNAMIC, STATIC, static_name};
use super::{Decoder, Encoder, integer};
use crate::http2::Config;
use crate::http2::field::Fields;
use bytes::BytesMut;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// The list as text: pseudo headers first, in a fixed order, then the headers.
fn listed(fields: &mut Fields) -> Vec<String> {
    let mut lines = Vec::new();
    let is_request = fields.seen.method.is_some();
    let is_response = fields.seen.status.is_some();
    let headers = if is_request {
        let (head, _) = fields.take_request().expect("a request");
        let method = head.method.as_str();
        lines.push(format!(":method: {method}"));
        lines.push(format!(":scheme: {}", String::from_utf8_lossy(head.scheme.as_bytes())));
        lines.push(format!(":path: {}", String::from_utf8_lossy(&head.target)));
        head.headers
    } else if is_response {
        let (head, _) = fields.take_response().expect("a response");
        lines.push(format!(":status: {}", head.status));
        head.headers
    } else {
        fields.take_trailers().expect("headers")
    };
    for (name, value) in headers.iter() {
        lines.push(format!(
            "{}: {}",
            String::from_utf8_lossy(name),
            String::from_utf8_lossy(value)
        ));
    }
    lines
}

#[track_caller]
fn check(decoder: &mut Decoder, block: &str, expected: &[&str]) {
    let mut fields = Fields::new(&Config::default());
    fields.start();
    decoder.decode(&octets(block), &mut fields).expect("decodes");
    assert_eq!(listed(&mut fields), expected);
}

#[test]
fn c_1_integers() {
    for (value, bits, hex) in [(10, 5, "0a"), (1337, 5, "1f9a0a"), (42, 8, "2a")] {
        let mut out = BytesMut::new();
        integer::put(&mut out, 0, bits, value);
        assert_eq!(out, octets(hex));
        let (first, mut rest) = out.split_first().expect("not empty");
        assert_eq!(integer::read(*first, bits, &mut rest), Some(value));
        assert!(rest.is_empty());
    }
}

#[test]
fn integers_that_do_not_end_are_refused() {
    for hex in ["", "80", "8080808000", "ffffffff7f"] {
        assert_eq!(integer::read(0x1f, 5, &mut &octets(hex)[..]), None, "{hex}");
    }
}

#[test]
fn c_2_representations() {
    let literal = "400a637573746f6d2d6b65790d637573746f6d2d686561646572";
    let decoder = &mut Decoder::new();
    check(decoder, literal, &["custom-key: custom-header"]);
    check(decoder, "be", &["custom-key: custom-header"]);
    let path = "82 86 040c2f73616d706c652f70617468";
    check(decoder, path, &[":method: GET", ":scheme: http", ":path: /sample/path"]);
    check(decoder, "100870617373776f726406736563726574", &["password: secret"]);
    // Neither of the two was kept.
    check(decoder, "be", &["custom-key: custom-header"]);
    check(decoder, "82 86 84", &[":method: GET", ":scheme: http", ":path: /"]);

    let encoder = &mut Encoder::new();
    let mut out = BytesMut::new();
    // Without Huffman, the examples are those of literals; the two forms of strings are below.
    encoder.literal(0, b"custom-key", b"custom-header", Keep::Yes, &mut out);
    assert_eq!(out, octets("40 88 25a849e95ba97d7f 89 25a849e95a728e42d9"));
    out.clear();
    encoder.put(b"Custom-Key", b"custom-header", &mut out);
    assert_eq!(out, octets("be"));
    out.clear();
    encoder.put(b"authorization", b"Basic eA==", &mut out);
    assert_eq!(out[..2], octets("1f08"), "never indexed");
}

const FIRST: [&str; 4] = [":method: GET", ":scheme: http", ":path: /", "host: www.example.com"];
const SECOND: [&str; 5] = [FIRST[0], FIRST[1], FIRST[2], FIRST[3], "cache-control: no-cache"];
const THIRD: [&str; 5] = [
    FIRST[0],
    ":scheme: https",
    ":path: /index.html",
    FIRST[3],
    "custom-key: custom-value",
];

#[test]
fn c_3_requests() {
    let decoder = &mut Decoder::new();
    check(decoder, "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", &FIRST);
    check(decoder, "8286 84be 5808 6e6f 2d63 6163 6865", &SECOND);
    let third = "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65";
    check(decoder, third, &THIRD);
}

const C_4: [&str; 3] = [
    "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
    "8286 84be 5886 a8eb 1064 9cbf",
    "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
];

#[test]
fn c_4_requests_with_huffman() {
    let decoder = &mut Decoder::new();
    check(decoder, C_4[0], &FIRST);
    check(decoder, C_4[1], &SECOND);
    check(decoder, C_4[2], &THIRD);
    let encoder = &mut Encoder::new();
    for (block, lines) in C_4.iter().zip([&FIRST[..], &SECOND, &THIRD]) {
        assert_eq!(encoded(encoder, lines), octets(block));
    }
}

const DATE: &str = "date: Mon, 21 Oct 2013 20:13:21 GMT";
const PLACE: &str = "location: https://www.example.com";
const RESPONSES: [&[&str]; 3] = [
    &[":status: 302", "cache-control: private", DATE, PLACE],
    &[":status: 307", "cache-control: private", DATE, PLACE],
    &[
        ":status: 200",
        "cache-control: private",
        "date: Mon, 21 Oct 2013 20:13:22 GMT",
        PLACE,
        "content-encoding: gzip",
        "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    ],
];

/// A size update to 256, which the examples take for agreed.
const TO_256: &str = "3fe101";

#[test]
fn c_5_responses_with_eviction() {
    let decoder = &mut Decoder::new();
    check(
        decoder,
        &format!(
            "{TO_256} 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32
             3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d"
        ),
        RESPONSES[0],
    );
    check(decoder, "4803 3330 37c1 c0bf", RESPONSES[1]);
    check(
        decoder,
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f
         6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b
         2076 6572 7369 6f6e 3d31",
        RESPONSES[2],
    );
    // What is left in the table: set-cookie, content-encoding, date. Nothing is behind them.
    check(
        decoder,
        "88 be bf c0",
        &[RESPONSES[2][0], RESPONSES[2][5], RESPONSES[2][4], RESPONSES[2][2]],
    );
    assert_eq!(decoder.decode(&[0xc1], &mut Fields::new(&Config::default())), None);
}

const C_6: [&str; 3] = [
    "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b
     97c8 e9ae 82ae 43d3",
    "4883 640e ffc1 c0bf",
    "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf
     cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
];

#[test]
fn c_6_responses_with_eviction_and_huffman() {
    let decoder = &mut Decoder::new();
    check(decoder, TO_256, &[]);
    let encoder = &mut Encoder::new();
    encoder.allow(256);
    let mut update = BytesMut::new();
    encoder.start(&mut update);
    assert_eq!(update, octets(TO_256));
    for (block, lines) in C_6.iter().zip(RESPONSES) {
        check(decoder, block, lines);
        assert_eq!(encoded(encoder, lines), octets(block));
    }
}

/// Encodes as the examples do: whatever is in a table is referred to, everything else is put into it.
fn encoded(encoder: &mut Encoder, lines: &[&str]) -> BytesMut {
    let mut out = BytesMut::new();
    for line in lines {
        let (name, value) = line.split_at(line[1..].find(": ").expect("a colon") + 1);
        let name = if name == "host" { ":authority" } else { name };
        let (name, value) = (name.as_bytes(), &value.as_bytes()[2..]);
        let whole = STATIC.iter().position(|entry| *entry == (name, value));
        let named = STATIC.iter().position(|entry| entry.0 == name);
        match (whole, encoder.find(hash(name, value), name, value)) {
            (Some(index), _) => encoder.put_static(index + 1, &mut out),
            (None, Some(age)) => integer::put(&mut out, 0x80, 7, DYNAMIC + age),
            (None, None) => {
                encoder.literal(named.map_or(0, |index| index + 1), name, value, Keep::Yes, &mut out);
            }
        }
    }
    out
}

#[test]
fn names_of_the_static_table_are_found() {
    for (index, (name, _)) in STATIC.iter().enumerate().filter(|(_, (name, _))| name[0] != b':') {
        assert_eq!(static_name(name), index + 1);
    }
    assert_eq!(static_name(b"x-other"), 0);
}

#[test]
fn blocks_that_cannot_be_decoded() {
    for (what, hex) in [
        ("index 0", "80"),
        ("index that is not there", "be"),
        ("name that is not there", "7f0001 61"),
        ("string beyond the block", "400561"),
        ("integer beyond the block", "ff"),
        ("table larger than allowed", "3fe21f"),
        ("size update after a header", "82 20"),
        ("literal without a value", "0161"),
        ("huffman with the end of string", "0184ffffffff"),
        ("huffman with bad padding", "018100"),
    ] {
        let result = Decoder::new().decode(&octets(hex), &mut Fields::new(&Config::default()));
        assert_eq!(result, None, "{what}");
    }
}

#[test]
fn both_forms_of_strings() {
    let mut out = BytesMut::new();
    string(b"~~~~", &mut out);
    assert_eq!(out, &b"\x04~~~~"[..], "in letters where that is shorter");
    out.clear();
    string(b"", &mut out);
    assert_eq!(out[..], octets("80"));
}

/// What the encoder writes, the decoder reads, while the table overflows, shrinks and grows.
#[test]
fn round_trip_with_all_sizes_of_the_table() {
    let mut rng = fastrand::Rng::with_seed(7541);
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let mut fields = Fields::new(&Config::default());
    let mut indexed = 0;
    for round in 0..3000 {
        if rng.u8(..) < 20 {
            for _ in 0..rng.usize(1..3) {
                encoder.allow(rng.usize(0..6000));
            }
        }
        let lines: Vec<(String, String)> = (0..rng.usize(0..8))
            .map(|_| {
                let name = rng
                    .choice(["x-a", "server", "date", "content-type", "x-longer-name-of-a-header"])
                    .expect("some");
                let value = "v".repeat(*rng.choice(&[0, 20, 300]).expect("some")) + &rng.u8(0..5).to_string();
                (name.to_owned(), value)
            })
            .collect();
        let mut block = BytesMut::new();
        encoder.start(&mut block);
        for (name, value) in &lines {
            let before = block.len();
            encoder.put(name.as_bytes(), value.as_bytes(), &mut block);
            indexed += usize::from(block.len() - before == 1);
        }
        fields.start();
        assert_eq!(decoder.decode(&block, &mut fields), Some(()), "round {round}");
        let expected: Vec<String> = lines.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(listed(&mut fields), expected, "round {round}");
    }
    assert!(indexed > 1000, "{indexed} headers cost a byte");
}

/// A head that is sent again costs a byte for each header.
#[test]
fn repeated_heads_are_tiny() {
    let mut encoder = Encoder::new();
    let mut last = 0;
    for _ in 0..3 {
        let mut out = BytesMut::new();
        encoder.put_static(8, &mut out);
        encoder.put(b"Content-Type", b"text/plain", &mut out);
        encoder.put(b"Server", b"ballast", &mut out);
        encoder.put(b"content-length", b"12", &mut out);
        last = out.len();
    }
    assert_eq!(last, 4);
}
