//! What holds for any bytes, good or bad: shared by the tests beside it and the fuzz targets in tests/fuzz.
//!
//! No panic, no end that is not reached; cuts change nothing; what is understood can be written and read again.
use ballast_codec::client_hello::{Progress, Reader};
use ballast_codec::detect::Detector;
use ballast_codec::dns::Message;
use ballast_codec::proxy_protocol::{Decoder, Version as ProxyVersion};
use ballast_codec::socks::{Client, Host, Server, Version};
use ballast_codec::{Chunks, dns};
use bytes::Bytes;
use std::fmt::Debug;

/// The sample in up to 8 pieces that `seed` chooses.
fn pieces(sample: &[u8], seed: u64) -> Vec<Bytes> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut cuts: Vec<usize> = (0..rng.usize(0..8)).map(|_| rng.usize(0..=sample.len())).collect();
    cuts.extend([0, sample.len()]);
    cuts.sort_unstable();
    let all = Bytes::copy_from_slice(sample);
    cuts.windows(2).map(|pair| all.slice(pair[0]..pair[1])).collect()
}

#[track_caller]
fn same<T: PartialEq + Debug>(sample: &[u8], seed: u64, run: impl Fn(&[Bytes]) -> T) -> T {
    let whole = run(&[Bytes::copy_from_slice(sample)]);
    assert_eq!(run(&pieces(sample, seed)), whole, "cut by {seed}: {sample:?}");
    whole
}

/// SOCKS, both sides.
pub(crate) fn check_socks(sample: &[u8], seed: u64) {
    let (request, _, _) = same(sample, seed, |pieces| {
        let (mut server, mut sent, mut result) = (Server::new(), Vec::new(), Ok(None));
        let mut input = Chunks::new();
        for piece in pieces {
            input.push(piece.clone());
            if matches!(result, Ok(None)) {
                result = server.decode(&mut input, &mut sent);
            }
        }
        (result, sent, input.len())
    });
    if let Ok(Some(request)) = request {
        let again = Client::start(request.version, &request.host, request.port, "", &mut Vec::new());
        assert!(again.is_ok() || request.version != Version::V5, "{request:?}");
    }
    for version in [Version::V4, Version::V5] {
        let answered = same(sample, seed, |pieces| {
            let host = Host::Ip([192, 0, 2, 1].into());
            let mut sent = Vec::new();
            let mut client = Client::start(version, &host, 1, "", &mut sent).expect("it can be named");
            let (mut input, mut result) = (Chunks::new(), Ok(false));
            for piece in pieces {
                input.push(piece.clone());
                if result == Ok(false) {
                    result = client.decode(&mut input, &mut sent);
                }
            }
            (result, sent, input.len())
        });
        assert!(answered.2 <= sample.len());
    }
}

/// The PROXY protocol.
pub(crate) fn check_proxy_protocol(sample: &[u8], seed: u64) {
    let decode = |pieces: &[Bytes]| {
        let (mut decoder, mut input, mut result) = (Decoder::new(), Chunks::new(), Ok(None));
        for piece in pieces {
            input.push(piece.clone());
            if result == Ok(None) {
                result = decoder.decode(&mut input);
            }
        }
        (result, input.len())
    };
    if let (Ok(Some(header)), _) = same(sample, seed, decode) {
        let mut bytes = Vec::new();
        match header.encode(&mut bytes) {
            Ok(()) => assert_eq!(decode(&[bytes.into()]), (Ok(Some(header)), 0)),
            // A name of a UNIX socket that was no UTF-8 has become longer.
            Err(_) => assert_eq!(header.version, ProxyVersion::V2),
        }
    }
}

/// The ClientHello.
pub(crate) fn check_client_hello(sample: &[u8], seed: u64) {
    same(sample, seed, |pieces| {
        let mut reader = Reader::new();
        let mut all = pieces.iter().map(|piece| reader.push(piece));
        all.find(|progress| *progress != Progress::More)
    });
}

/// Detection.
pub(crate) fn check_detect(sample: &[u8], seed: u64) {
    same(sample, seed, |pieces| {
        let mut detector = Detector::new();
        pieces.iter().find_map(|piece| detector.push(piece))
    });
}

/// DNS messages.
pub(crate) fn check_dns(sample: &[u8]) {
    let Ok(message) = Message::decode(sample) else { return };
    match message.encode() {
        Ok(bytes) => assert_eq!(Message::decode(&bytes), Ok(message)),
        // A clever sender may have compressed more than we do.
        Err(error) => assert_eq!(error, dns::Error::Long),
    }
}

/// All of them.
#[allow(dead_code, reason = "each fuzz target takes one of the checks")]
pub(crate) fn check_all(sample: &[u8], seed: u64) {
    check_socks(sample, seed);
    check_proxy_protocol(sample, seed);
    check_client_hello(sample, seed);
    check_detect(sample, seed);
    check_dns(sample);
}
