//! The standard streams as a log's way out: a reader that does not read must not stop the process. A line that finds no room is
//! dropped and counted. Not for: files, which have room or fail. Source: pipe(7) (what POLLOUT promises), pipyjs/cli.md section 5.

use crate::limits;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::BorrowedFd;

/// See the module.
#[derive(Default)]
pub(super) struct Stream {
    /// Lines that were dropped since the last one that was written.
    lost: usize,
    /// There was no room: the next line does not wait for it.
    is_stuck: bool,
    /// The last line ended in the middle.
    is_cut: bool,
}

impl Stream {
    /// Writes a line, or drops it.
    pub(super) fn put(&mut self, stream: BorrowedFd<'_>, line: &[u8]) {
        if self.lost > 0 {
            let end = if self.is_cut { "\n" } else { "" };
            let note = format!("{end}[{} lines of the log were dropped: nobody read them]\n", self.lost);
            if !self.write(stream, note.as_bytes()) {
                self.lost += 1;
                return;
            }
            self.lost = 0;
            self.is_cut = false;
        }
        if !self.write(stream, line) {
            self.lost += 1;
        }
    }

    /// False when there was no room for all of it. A stream that fails takes everything: there is nobody to tell.
    fn write(&mut self, stream: BorrowedFd<'_>, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        while !rest.is_empty() {
            let part = rest.get(..limits::LOG_PART_BYTES).unwrap_or(rest);
            self.is_stuck = !has_room(stream, self.is_stuck);
            let written = match self.is_stuck {
                true => Err(Errno::EAGAIN),
                false => nix::unistd::write(stream, part),
            };
            match written {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    self.is_stuck = true;
                    self.is_cut |= rest.len() < bytes.len();
                    return false;
                }
                Err(_) => return true,
            }
        }
        true
    }
}

/// Whether `LOG_PART_BYTES` can be written, or fail, without waiting; it is waited for a while when there was room before.
fn has_room(stream: BorrowedFd<'_>, was_stuck: bool) -> bool {
    let patience = if was_stuck { 0 } else { limits::LOG_PATIENCE_MS };
    let mut fds = [PollFd::new(stream, PollFlags::POLLOUT)];
    is_ready(poll(&mut fds, PollTimeout::from(patience)))
}

/// A signal ends the wait, too: then the line is dropped, for a write would wait on.
fn is_ready(polled: nix::Result<i32>) -> bool {
    polled.is_ok_and(|count| count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsFd;

    #[test]
    fn what_nobody_reads_is_dropped_and_counted() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut stream = Stream::default();
        let line = [&[b'x'; 5000][..], b"\n"].concat();
        for _ in 0..100 {
            stream.put(writer.as_fd(), &line);
        }
        assert!(stream.is_stuck && stream.lost > 50, "{}", stream.lost);
        let lost = stream.lost;
        let mut got = vec![0; 20_000];
        reader.read_exact(&mut got).unwrap();
        stream.put(writer.as_fd(), b"last\n");
        drop(writer);
        reader.read_to_end(&mut got).unwrap();
        let got = String::from_utf8(got).unwrap();
        let lines: Vec<&str> = got.lines().collect();
        let note = format!("[{lost} lines of the log were dropped: nobody read them]");
        assert_eq!(lines[lines.len() - 2..], [note.as_str(), "last"]);
        // Those that were written, and at most one that was cut.
        let whole = lines.iter().filter(|line| line.len() == 5000).count();
        assert_eq!(whole + lost, 100, "{} lines", lines.len());
    }

    #[test]
    fn a_signal_makes_no_room() {
        for (polled, expected) in [(Ok(1), true), (Ok(0), false), (Err(Errno::EINTR), false)] {
            assert_eq!(is_ready(polled), expected, "{polled:?}");
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_reason_to_wait() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut stream = Stream::default();
        for _ in 0..100 {
            stream.put(writer.as_fd(), b"x\n");
        }
        assert_eq!((stream.lost, stream.is_stuck), (0, false));
    }
}
