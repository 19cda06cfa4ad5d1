//! Random chains of filters under random events: nothing panics, a StreamEnd leaves at most once and last, no turn goes on
//! for ever, and nothing stays behind, neither a pipeline nor the scripts. `BALLAST_CHAINS=100000` runs longer; a failure
//! names its seed, and `BALLAST_CHAIN=seed` runs that one.

use super::compliance::{Bench, ROWS, check_end, name_of};
use crate::event::{Event, HeadKind, MessageEnd, MessageStart, Reason, StreamError};
use ballast_codec::http1::{RequestHead, ResponseHead};
use std::rc::Rc;
use std::time::Duration;

/// Chains of one run of the tests.
const CHAINS: u64 = 250;
/// Chains that run at the same time.
const TOGETHER: usize = 32;
/// No chain takes so long, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks at what is left.
const LOOK: Duration = Duration::from_millis(20);
/// Filters that act on the machine, and not on events alone.
const OUTSIDE: &[&str] = &["connect", "depositMessage", "exec", "print", "read", "tee"];

/// A chain of one to five filters; joint ones may get a chain of their own.
fn chain(random: &mut fastrand::Rng, depth: usize) -> String {
    let mut text = String::new();
    for _ in 0..random.usize(1..=5) {
        let (call, throwing, _) = ROWS[random.usize(..ROWS.len())];
        if OUTSIDE.contains(&name_of(call)) {
            continue;
        }
        let call = match throwing {
            Some(throwing) if random.u8(..8) == 0 => throwing,
            _ => call,
        };
        if !text.is_empty() {
            text.push('.');
        }
        match call.strip_suffix(".to('s')") {
            Some(joint) if depth < 3 => text.push_str(&format!("{joint}.to($ => $.{})", chain(random, depth + 1))),
            _ => text.push_str(call),
        }
    }
    if text.is_empty() { "dummy()".to_owned() } else { text }
}

/// Bytes that mean something to some filter, or to none.
fn bytes(random: &mut fastrand::Rng) -> Vec<u8> {
    const SAMPLES: &[&[u8]] = &[
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
        b"POST /x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"CONNECT a:1 HTTP/1.1\r\n\r\ntunnelled",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        b"\x05\x01\x00\x05\x01\x00\x03\x01a\x00\x50",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\nrest",
        b"\x81\x85\x01\x02\x03\x04\x69\x67\x6f\x68\x6e",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00",
        b"line one\nline two\n",
    ];
    let mut bytes = match random.u8(..4) {
        0 => (0..random.usize(..40)).map(|_| random.u8(..)).collect(),
        _ => SAMPLES[random.usize(..SAMPLES.len())].to_vec(),
    };
    if random.bool() && !bytes.is_empty() {
        let cut = random.usize(..=bytes.len());
        bytes = if random.bool() {
            bytes.split_off(cut)
        } else {
            bytes[..cut].to_vec()
        };
    }
    if random.u8(..4) == 0 && !bytes.is_empty() {
        let at = random.usize(..bytes.len());
        bytes[at] ^= 1 << random.u8(..8);
    }
    bytes
}

fn event(random: &mut fastrand::Rng) -> Event {
    match random.u8(..16) {
        0 => Event::MessageStart(MessageStart::default()),
        1 => Event::MessageStart(MessageStart::new(HeadKind::Request(RequestHead::default()))),
        2 => Event::MessageStart(MessageStart::new(HeadKind::Response(ResponseHead::default()))),
        3 | 4 => Event::MessageEnd(MessageEnd::default()),
        5 => Event::flush(),
        6 => Event::end(),
        7 => Event::StreamEnd(Reason::Named(StreamError::ALL[random.usize(..StreamError::ALL.len())])),
        _ => Event::Data(bytes(random).into()),
    }
}

async fn run(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let text = chain(&mut random, 0);
    let name = format!("seed {seed}: {text}");
    let bench = Bench::new(&text);
    // The second pipeline takes the filters of the first one out of the pool.
    for _ in 0..2 {
        let turns = random.usize(1..6);
        let turns = (0..turns)
            .map(|_| (0..random.usize(1..6)).map(|_| event(&mut random)).collect())
            .collect();
        let events = tokio::time::timeout(PATIENCE, bench.run(turns)).await;
        check_end(&name, &events.unwrap_or_else(|_| panic!("{name}: it goes on for ever")));
    }
    // As a reload does: sessions that wait for a next request end too, when they are looked at.
    bench.realm.supersede();
    bench.realm.retire();
    let (realm, counters) = (Rc::downgrade(&bench.realm), bench.realm.counters.clone());
    drop(bench);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while realm.strong_count() > 0 && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
    }
    assert_eq!(realm.strong_count(), 0, "{name}: the scripts stay");
    assert_eq!(counters.pipelines.get(), 0, "{name}: pipelines stay");
}

#[tokio::test(flavor = "current_thread")]
async fn random_chains_keep_the_rules() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match (number("BALLAST_CHAIN"), number("BALLAST_CHAINS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(CHAINS),
    };
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            // Together, because some wait for a second until their sessions are looked at.
            let mut running = tokio::task::JoinSet::new();
            for seed in seeds {
                running.spawn_local(run(seed));
                if running.len() >= TOGETHER
                    && let Some(Err(error)) = running.join_next().await
                {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
            while let Some(ended) = running.join_next().await {
                ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            }
        })
        .await;
}
