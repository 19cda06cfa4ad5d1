//! An agent for the tests of pause: does what `STUB` says and writes down its life in the snapshot memory that PID 1 gave
//! it, where the test reads it from outside. Not for: anything that the real agent does.
//!
//! Snapshot: 64-bit words, little endian: number of starts, then start and end of each life (ns of the clock, 0: none).
//!
//! | `STUB` | what it does |
//! | --- | --- |
//! | `serve` | waits; leaves at TERM |
//! | `slow MS` | as serve, but leaves MS after TERM |
//! | `hang` | waits; TERM stays unheard |
//! | `exit MS CODE` | ends MS after its start with CODE |
//! | `codes MS CODE` | the same; each start adds one to CODE |
//! | `heal MS N` | ends at once, but lives MS at its N-th start, and serves from the one after it |
//! | `storm N` | first start: leaves N zombies to PID 1; then serves |
//! | `eat` | first start: takes memory until it is killed; then serves |

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio, exit};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use nix::sys::signal::{SigSet, Signal};

fn main() {
    // USR2 is the mark by which the test sees that we run; TERM does not show while it is waited for.
    let blocked: SigSet = [Signal::SIGTERM, Signal::SIGUSR2].into_iter().collect();
    blocked.thread_block().expect("a mask of our own");
    let life = Life::begin();
    let order = std::env::var("STUB").unwrap_or_default();
    let words: Vec<&str> = order.split(' ').collect();
    let number = |at: usize| words[at].parse::<u64>().expect("STUB: a number");
    match words[0] {
        "slow" => {
            until_term();
            sleep(Duration::from_millis(number(1)));
        }
        "hang" => hang(),
        "exit" => life.end(number(1), number(2)),
        "codes" => life.end(number(1), number(2) + life.index),
        "heal" if life.index + 1 < number(2) => life.end(0, 1),
        "heal" if life.index + 1 == number(2) => life.end(number(1), 1),
        "storm" if life.index == 0 => storm(number(1)),
        "eat" if life.index == 0 => eat(),
        _ => until_term(),
    }
    life.end(0, 0);
}

fn until_term() {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.wait().expect("the signal is blocked");
}

fn hang() -> ! {
    loop {
        sleep(Duration::from_secs(3600));
    }
}

/// None is waited for: they stay zombies of ours, and all become PID 1's in the moment that we end.
fn storm(count: u64) {
    for _ in 0..count {
        let mut command = Command::new("/pause");
        drop(
            command
                .arg("-v")
                .stdout(Stdio::null())
                .spawn()
                .expect("/pause is there"),
        );
    }
}

fn eat() {
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    loop {
        eaten.push(vec![1; 1 << 20]);
    }
}

/// This life's entry in the snapshot; without a snapshot nothing is written.
struct Life {
    snapshot: Option<File>,
    index: u64,
}

impl Life {
    fn begin() -> Self {
        let snapshot = std::env::var("BALLAST_SNAPSHOT_FD").ok().map(|fd| {
            let path = format!("/proc/self/fd/{fd}");
            OpenOptions::new()
                .read(true)
                .write(true)
                .open(path)
                .expect("PID 1 left the snapshot open")
        });
        let mut starts = [0; 8];
        if let Some(file) = &snapshot {
            file.read_exact_at(&mut starts, 0).expect("the snapshot is long enough");
        }
        let life = Self {
            snapshot,
            index: u64::from_le_bytes(starts),
        };
        life.write(1 + 2 * life.index, now());
        life.write(0, life.index + 1);
        life
    }

    fn end(&self, after_ms: u64, code: u64) -> ! {
        sleep(Duration::from_millis(after_ms));
        self.write(2 + 2 * self.index, now());
        exit((code % 256) as i32)
    }

    fn write(&self, word: u64, value: u64) {
        if let Some(file) = &self.snapshot {
            file.write_all_at(&value.to_le_bytes(), 8 * word)
                .expect("the snapshot is long enough");
        }
    }
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |time| time.as_nanos() as u64)
}
