//! The standard streams as a log's way out: a reader that does not read, or slowly, must not stop the process, whose threads all
//! wait behind the log's lock. A line that finds no room is dropped and counted. Not for: files, which have room or fail. Source: pipe(7) (what POLLOUT promises), pipyjs/cli.md section 5.

use crate::limits;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// See the module.
pub(super) struct Stream {
    patience: Patience,
    /// Lines that were dropped since the last one that was written.
    lost: usize,
    /// There was no room: the next line does not wait for it.
    is_stuck: bool,
    /// The last line ended in the middle.
    is_cut: bool,
}

/// How long lines may still wait. It comes back evenly: `LOG_PATIENCE` in `LOG_PATIENCE_PERIOD`.
struct Patience {
    left: Duration,
    /// When it was counted last.
    at: Instant,
}

impl Default for Stream {
    fn default() -> Self {
        let patience = Patience {
            left: limits::LOG_PATIENCE,
            at: Instant::now(),
        };
        Stream {
            patience,
            lost: 0,
            is_stuck: false,
            is_cut: false,
        }
    }
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
            self.is_stuck = !self.has_room(stream);
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

    /// Whether `LOG_PART_BYTES` can be written, or fail, without waiting; it is waited for a while when there was room before.
    fn has_room(&mut self, stream: BorrowedFd<'_>) -> bool {
        let is_free = |wait: Duration| {
            let mut fds = [PollFd::new(stream, PollFlags::POLLOUT)];
            let millis = u16::try_from(wait.as_millis()).unwrap_or(u16::MAX);
            is_ready(poll(&mut fds, PollTimeout::from(millis)))
        };
        // The clock is read by a line that would wait, not by each.
        let is_free_now = is_free(Duration::ZERO);
        if self.is_stuck || is_free_now {
            return is_free_now;
        }
        let since = Instant::now();
        self.patience.regain(since);
        let was_freed = is_free(self.patience.left);
        self.patience.spend(since.elapsed());
        was_freed
    }
}

impl Patience {
    /// What came back since it was counted last.
    fn regain(&mut self, now: Instant) {
        let share = now.saturating_duration_since(self.at).as_secs_f64() / limits::LOG_PATIENCE_PERIOD.as_secs_f64();
        self.left = (self.left + limits::LOG_PATIENCE.mul_f64(share.min(1.0))).min(limits::LOG_PATIENCE);
        self.at = now;
    }

    fn spend(&mut self, waited: Duration) {
        self.left = self.left.saturating_sub(waited);
    }
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

    /// Each line finds room soon, and all of them together do not wait longer than the patience that there is.
    #[test]
    fn a_slow_reader_is_waited_for_only_so_long_in_all() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let slow = std::thread::spawn(move || {
            let (mut block, mut got) = ([0; 4096], Vec::new());
            while let Ok(size @ 1..) = reader.read(&mut block) {
                got.extend_from_slice(block.get(..size).unwrap());
                // A reader that is slow, not a condition that is waited for.
                std::thread::sleep(Duration::from_millis(50));
            }
            got
        });
        let mut stream = Stream::default();
        let line = [&[b'x'; 4095][..], b"\n"].concat();
        let since = Instant::now();
        for _ in 0..100 {
            stream.put(writer.as_fd(), &line);
        }
        // All of them would take the reader four seconds, beyond the 16 that the pipe holds.
        let took = since.elapsed();
        assert!(took < limits::LOG_PATIENCE * 2, "{took:?}");
        drop(writer);
        let got = String::from_utf8(slow.join().unwrap()).unwrap();
        let told: usize = got
            .lines()
            .filter_map(|line| line.strip_prefix('[')?.split(' ').next()?.parse::<usize>().ok())
            .sum();
        let lost = told + stream.lost;
        assert!((1..90).contains(&lost), "{lost} were lost");
        assert_eq!(got.lines().filter(|line| line.len() == 4095).count() + lost, 100);
    }

    #[test]
    fn patience_comes_back_evenly() {
        let mut patience = Patience {
            left: limits::LOG_PATIENCE,
            at: Instant::now(),
        };
        for (spent, later, expected) in [
            (Duration::from_millis(400), Duration::ZERO, Duration::from_millis(600)),
            (
                Duration::ZERO,
                limits::LOG_PATIENCE_PERIOD / 10,
                Duration::from_millis(700),
            ),
            (limits::LOG_PATIENCE * 5, Duration::ZERO, Duration::ZERO),
            (Duration::ZERO, limits::LOG_PATIENCE_PERIOD * 9, limits::LOG_PATIENCE),
        ] {
            patience.spend(spent);
            patience.regain(patience.at + later);
            let difference = patience.left.abs_diff(expected);
            assert!(
                difference < Duration::from_millis(1),
                "{:?}, not {expected:?}",
                patience.left
            );
        }
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
