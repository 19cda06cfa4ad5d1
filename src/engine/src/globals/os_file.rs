//! Whole files for `os.read` and `os.write`: named pipes too, which are waited for a bounded time only, for the worker waits.
//! Source: pipyjs/globals.md section 4; fifo(7).

use crate::limits;
use crate::pipeline::outbox;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::time::Instant;

/// At most `limits::HELD_BYTES`.
///
/// # Errors  As the system's; of a named pipe also when its writer takes too long.
pub(super) fn read(path: &str) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    options.read(true);
    let mut bytes = Vec::new();
    let most = limits::HELD_BYTES as u64 + 1;
    if is_fifo(path) {
        let pipe = Patient::new(options.custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?);
        // Without a writer it would be at its end at once.
        pipe.wait(PollFlags::POLLIN)?;
        pipe.take(most).read_to_end(&mut bytes)?;
    } else {
        options.open(path)?.take(most).read_to_end(&mut bytes)?;
    }
    if bytes.len() > limits::HELD_BYTES {
        return Err(io::Error::other(format!("larger than {} bytes", limits::HELD_BYTES)));
    }
    Ok(bytes)
}

/// Replaces the file.
///
/// # Errors  As the system's; of a named pipe also when nobody reads it, or too slowly.
pub(super) fn write(path: &str, bytes: &[u8]) -> io::Result<()> {
    if !is_fifo(path) {
        return fs::write(path, bytes);
    }
    let flags = OFlag::O_NONBLOCK.bits();
    let pipe = OpenOptions::new().write(true).custom_flags(flags).open(path)?;
    Patient::new(pipe).write_all(bytes)
}

fn is_fifo(path: &str) -> bool {
    fs::metadata(path).is_ok_and(|about| about.file_type().is_fifo())
}

/// Waits for the other side, all in all for `limits::FIFO_TIME`.
struct Patient {
    pipe: File,
    end: Instant,
}

impl Patient {
    fn new(pipe: File) -> Self {
        Patient {
            pipe,
            end: Instant::now() + limits::FIFO_TIME,
        }
    }

    fn wait(&self, flags: PollFlags) -> io::Result<()> {
        // What others are to get does not wait for a pipe.
        outbox::send();
        let left = self.end.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        match poll(&mut [PollFd::new(self.pipe.as_fd(), flags)], timeout)? {
            0 => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("the other side of the pipe takes longer than {:?}", limits::FIFO_TIME),
            )),
            _ => Ok(()),
        }
    }

    fn retry<T>(&mut self, flags: PollFlags, mut run: impl FnMut(&mut File) -> io::Result<T>) -> io::Result<T> {
        loop {
            match run(&mut self.pipe) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(flags)?,
                done => return done,
            }
        }
    }
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.retry(PollFlags::POLLIN, |pipe| pipe.read(buffer))
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.retry(PollFlags::POLLOUT, |pipe| pipe.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use std::path::PathBuf;

    struct Fifo(PathBuf);

    impl Fifo {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("fifo-{}", fastrand::u64(..)));
            nix::unistd::mkfifo(&path, Mode::S_IRWXU).expect("a new name");
            Fifo(path)
        }

        fn path(&self) -> &str {
            self.0.to_str().expect("text")
        }
    }

    impl Drop for Fifo {
        fn drop(&mut self) {
            fs::remove_file(&self.0).expect("it was there");
        }
    }

    #[test]
    fn nobody_on_the_other_side_ends_the_wait() {
        let fifo = Fifo::new();
        assert_eq!(
            read(fifo.path()).map_err(|error| error.kind()),
            Err(io::ErrorKind::TimedOut)
        );
        // ENXIO of fifo(7) has no kind of its own.
        assert!(write(fifo.path(), b"x").is_err());
    }

    #[test]
    fn more_than_a_pipe_holds_goes_through() {
        let fifo = Fifo::new();
        let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
        let path = fifo.path().to_owned();
        let reading = std::thread::spawn(move || fs::read(path).expect("reads"));
        let end = Instant::now() + std::time::Duration::from_secs(10);
        while write(fifo.path(), &bytes).is_err() {
            assert!(Instant::now() < end, "its reader has not come");
            std::thread::yield_now();
        }
        assert!(reading.join().expect("it ends") == bytes);
    }
}
