//! `toSyslog(priority?)` of loggers: datagrams to the local syslog. Nothing waits for it: what it does not take is lost.
//! Source: pipyjs/globals.md section 9; RFC 3164 section 4.1 (priority), syslog(3) (names).

use crate::js::{self, throw_error};
use rquickjs::{Ctx, Value};
use std::cell::RefCell;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

const SOCKET: &str = "/dev/log";
/// Facility `user`.
const USER: u8 = 1 << 3;
/// Severities by value.
const NAMES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
const INFO: u8 = 6;

/// See the module.
pub(super) struct Syslog {
    path: PathBuf,
    tag: String,
    socket: RefCell<Option<UnixDatagram>>,
}

/// A severity: its number or name, as syslog(3) has it; info by default.
pub(super) fn priority<'js>(ctx: &Ctx<'js>, value: Option<Value<'js>>) -> js::Result<u8> {
    let Some(value) = value.filter(|value| !js::is_nullish(value)) else {
        return Ok(INFO);
    };
    if let Some(number) = value.as_number().filter(|number| (0.0..8.0).contains(number)) {
        return Ok(number as u8);
    }
    let text = js::value_to_text(ctx, &value).to_ascii_lowercase();
    let name = match text.strip_prefix("log_").unwrap_or(&text) {
        "emergency" => "emerg",
        "critical" => "crit",
        "error" => "err",
        "warn" => "warning",
        name => name,
    };
    let known = NAMES.iter().position(|known| *known == name);
    known.map(|at| at as u8).ok_or_else(|| {
        let message = format!("toSyslog: priority '{text}' is none of {}", NAMES.join(", "));
        throw_error(ctx, &message)
    })
}

impl Syslog {
    /// Connects when there is something to say.
    pub(super) fn new(name: &str, severity: u8) -> Self {
        Syslog {
            path: SOCKET.into(),
            tag: format!("<{}>{name}[{}]: ", USER | severity, std::process::id()),
            socket: RefCell::default(),
        }
    }

    /// One line, whose newline is left out.
    pub(super) fn send(&self, line: &[u8]) {
        let mut datagram = self.tag.clone().into_bytes();
        datagram.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        let mut socket = self.socket.borrow_mut();
        // Once more on a new socket: the daemon may have been restarted.
        for _ in 0..2 {
            if socket.is_none() {
                *socket = self.connect().ok();
            }
            match socket.as_ref().map(|socket| socket.send(&datagram)) {
                Some(Err(error)) if error.kind() != std::io::ErrorKind::WouldBlock => *socket = None,
                _ => return,
            }
        }
    }

    fn connect(&self) -> std::io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(&self.path)?;
        Ok(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_datagrams_also_after_a_restart() {
        let folder = std::env::temp_dir().join(format!("syslog-{}", fastrand::u64(..)));
        std::fs::create_dir(&folder).expect("a new folder");
        let path = folder.join("log");
        let mut syslog = Syslog::new("access", INFO);
        syslog.path.clone_from(&path);
        syslog.send(b"nobody hears\n");
        for text in ["one", "two"] {
            let daemon = UnixDatagram::bind(&path).expect("a socket");
            syslog.send(format!("{text}\n").as_bytes());
            let mut got = [0; 64];
            let length = daemon.recv(&mut got).expect("a datagram");
            // Facility user (1), severity info (6): 1 * 8 + 6.
            let expected = format!("<14>access[{}]: {text}", std::process::id());
            assert_eq!(String::from_utf8_lossy(&got[..length]), expected);
            drop(daemon);
            std::fs::remove_file(&path).expect("it was there");
        }
        std::fs::remove_dir_all(&folder).expect("it was there");
    }
}
