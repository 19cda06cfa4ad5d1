//! HTTP/2 by hand: frames, header blocks in letters, and what a server makes of them on one connection. Source: RFC 9113 3.4, 4.1, 6; RFC
//! 7541 6.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// END_STREAM, and ACK.
pub(crate) const END: u8 = 1;
/// END_HEADERS
pub(crate) const EH: u8 = 4;
pub(crate) const PADDED: u8 = 8;
pub(crate) const PRIO: u8 = 0x20;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The stream that shows whether a connection lives on; above all that inputs use.
const PROBE: u32 = 0x10_0001;
/// The fronts' own limits are 2 s; an answer that takes so much longer is none.
const SILENCE: Duration = Duration::from_secs(15);
/// How long the answer to an input may come after that to the probe behind it.
const AFTER_PROBE: Duration = Duration::from_millis(500);

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let header = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&header, payload].concat()
}

/// A header, as a literal that is not kept.
pub(crate) fn line(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    for text in [name, value] {
        if text.len() < 127 {
            out.push(text.len() as u8);
        } else {
            let mut rest = text.len() - 127;
            out.push(127);
            while rest >= 128 {
                out.push(rest as u8 | 128);
                rest >>= 7;
            }
            out.push(rest as u8);
        }
        out.extend_from_slice(text);
    }
    out
}

/// A header block of these lines.
pub(crate) fn block(lines: &[(&[u8], &[u8])]) -> Vec<u8> {
    lines.iter().flat_map(|(name, value)| line(name, value)).collect()
}

/// The block of a good request for this path.
pub(crate) fn request(method: &str, path: &str) -> Vec<u8> {
    block(&[
        (b":method", method.as_bytes()),
        (b":scheme", b"http"),
        (b":path", path.as_bytes()),
        (b":authority", b"a"),
    ])
}

/// What became of one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The request behind the input was taken up: the connection goes on.
    pub(crate) lives: bool,
    /// Neither that, nor an end.
    pub(crate) silent: bool,
    /// Code of GOAWAY.
    pub(crate) goaway: Option<u32>,
    /// Code of the first RST_STREAM for a stream of the input.
    pub(crate) reset: Option<u32>,
    /// A head was sent on a stream of the input, or in HTTP/1.
    pub(crate) answered: bool,
}

impl Outcome {
    /// In a word.
    pub(crate) fn show(&self) -> String {
        let codes = [
            "NO_ERROR",
            "PROTOCOL",
            "INTERNAL",
            "FLOW",
            "TIMEOUT",
            "CLOSED",
            "SIZE",
            "REFUSED",
            "CANCEL",
            "COMPRESSION",
            "CONNECT",
            "CALM",
        ];
        let name = |code: u32| codes.get(code as usize).copied().unwrap_or("?");
        match (self.silent, self.lives, self.goaway, self.reset, self.answered) {
            (true, ..) => "SILENT".to_owned(),
            (_, false, Some(code), ..) => format!("GOAWAY {}", name(code)),
            (_, false, None, ..) => "closed".to_owned(),
            (.., Some(code), _) => format!("RST {}", name(code)),
            (.., true) => "answered".to_owned(),
            _ => "goes on".to_owned(),
        }
    }

    fn take(&mut self, kind: u8, stream: u32, payload: &[u8]) {
        let code = |at: usize| {
            payload
                .get(at..at + 4)
                .and_then(|four| four.try_into().ok())
                .map(u32::from_be_bytes)
        };
        match (kind, stream) {
            (HEADERS | RST_STREAM, PROBE) => self.lives = true,
            (HEADERS, _) => self.answered = true,
            (RST_STREAM, _) => self.reset = self.reset.or(code(0)),
            // The last one counts; an orderly end is announced by one of its own.
            (GOAWAY, _) => self.goaway = code(4).or(self.goaway),
            _ => {}
        }
    }
}

/// Sends `bytes` on a connection of its own; with `probe` a good request behind them. `watched`: the answer to stream 1 is waited for.
pub(crate) fn exchange(port: u16, bytes: &[u8], probe: bool, watched: bool) -> Outcome {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_write_timeout(Some(SILENCE)).expect("a time");
    let reader = stream.try_clone().expect("a socket");
    let outcome = Mutex::new(Outcome::default());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let result = read(reader, watched);
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = result;
        });
        let probe = match probe {
            true => frame(HEADERS, END | EH, PROBE, &request("GET", "/probe")),
            false => Vec::new(),
        };
        // The front may close while it is still being sent to.
        stream.write_all(&[bytes, &probe].concat()).ok();
    });
    outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Reads frames until the probe and, if it is watched, stream 1 were taken up, or the server closes.
fn read(mut stream: TcpStream, watched: bool) -> Outcome {
    let (mut outcome, mut bytes, mut block) = (Outcome::default(), Vec::new(), vec![0; 64 << 10]);
    let began = Instant::now();
    let mut since_probe = None;
    loop {
        let patience = match since_probe {
            Some(since) => AFTER_PROBE.saturating_sub(Instant::elapsed(&since)),
            None => SILENCE.saturating_sub(began.elapsed()),
        };
        if patience.is_zero() {
            outcome.silent = !outcome.lives;
            return outcome;
        }
        stream.set_read_timeout(Some(patience)).expect("a time");
        match stream.read(&mut block) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&block[..count]),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                continue;
            }
            // Closed or reset.
            _ => {
                outcome.lives &= outcome.goaway.is_none();
                return outcome;
            }
        }
        if bytes.starts_with(b"HTTP/1.") {
            // An answer in HTTP/1, to what is no HTTP/2.
            outcome.answered = true;
            continue;
        }
        while let [a, b, c, kind, _, s0, s1, s2, s3, rest @ ..] = &bytes[..] {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            let Some(payload) = rest.get(..length) else { break };
            outcome.take(*kind, u32::from_be_bytes([*s0, *s1, *s2, *s3]), payload);
            bytes.drain(..9 + length);
        }
        let is_settled = !watched || outcome.answered || outcome.reset.is_some();
        if outcome.lives && is_settled {
            return outcome;
        }
        if outcome.lives && since_probe.is_none() {
            since_probe = Some(Instant::now());
        }
    }
}

/// A connection that is kept, and asked again and again.
pub(crate) struct Kept {
    stream: TcpStream,
    next: u32,
    bytes: Vec<u8>,
}

impl Kept {
    pub(crate) fn open(port: u16) -> Kept {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        stream.set_read_timeout(Some(SILENCE)).expect("a time");
        stream
            .write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat())
            .expect("it is open");
        Kept {
            stream,
            next: 1,
            bytes: Vec::new(),
        }
    }

    /// Whether a good request is answered.
    pub(crate) fn is_served(&mut self) -> bool {
        let id = self.next;
        self.next += 2;
        if self
            .stream
            .write_all(&frame(HEADERS, END | EH, id, &request("GET", "/beside")))
            .is_err()
        {
            return false;
        }
        let mut block = [0; 4096];
        loop {
            while let [a, b, c, kind, flags, s0, s1, s2, s3, rest @ ..] = &self.bytes[..] {
                let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
                if rest.len() < length {
                    break;
                }
                let (kind, flags, stream) = (*kind, *flags, u32::from_be_bytes([*s0, *s1, *s2, *s3]));
                self.bytes.drain(..9 + length);
                match kind {
                    RST_STREAM | GOAWAY => return false,
                    DATA | HEADERS if stream == id && flags & END != 0 => return true,
                    _ => {}
                }
            }
            match self.stream.read(&mut block) {
                Ok(count) if count > 0 => self.bytes.extend_from_slice(&block[..count]),
                _ => return false,
            }
        }
    }
}
