//! A word on stderr that can harm nobody: no allocation, no panic when stderr is closed, no waiting when its reader does
//! not read. Not for logs: a line says what an operator of the Pod can't learn elsewhere.

use std::{fmt, fmt::Write, io, os::fd::AsFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Bytes of a line with its line end; below PIPE_BUF, so that a pipe that is ready takes it whole and at once.
const LINE_BYTES: usize = 160;

/// Writes one line to stderr (cut at [`LINE_BYTES`]), or drops it when stderr would not take it at once.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    let mut line = Line {
        bytes: [0; LINE_BYTES],
        len: 0,
    };
    line.write_fmt(text).ok();
    line.bytes[line.len] = b'\n';
    let stderr = io::stderr();
    let mut ready = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    if poll(&mut ready, PollTimeout::ZERO) == Ok(1) {
        nix::unistd::write(stderr.as_fd(), &line.bytes[..=line.len]).ok();
    }
}

/// Text on the stack; its last byte is kept free for the line end.
struct Line {
    bytes: [u8; LINE_BYTES],
    len: usize,
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = LINE_BYTES - 1 - self.len;
        let taken = text.len().min(free);
        self.bytes[self.len..self.len + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_and_keeps_room_for_its_end() {
        for (length, kept) in [(0, 0), (10, 10), (159, 159), (160, 159), (5000, 159)] {
            let mut line = Line {
                bytes: [0; LINE_BYTES],
                len: 0,
            };
            write!(line, "{}", "x".repeat(length)).unwrap();
            assert_eq!(line.len, kept, "{length} bytes");
        }
    }
}
