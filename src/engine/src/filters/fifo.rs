//! Writing to a named pipe without waiting: what its reader does not take at once is kept, up to a bound, and written later.
//! For files that `tee` and loggers write, which may be pipes. Not for the pipes of processes (exec.rs).
//! Source: fifo(7): opening one for writing without waiting fails with ENXIO when nobody reads.

use crate::data::Data;
use crate::limits;
use crate::pipeline::{Task, spawn};
use bytes::{Buf, Bytes};
use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::rc::{Rc, Weak};
use tokio::net::unix::pipe::{OpenOptions, Sender};

/// See the module. Dropped, what is still kept is lost.
pub(super) struct Fifo {
    shared: Rc<Shared>,
    writing: RefCell<Option<Task>>,
}

struct Shared {
    pipe: Sender,
    pending: RefCell<Data>,
    /// Why writing has stopped.
    failed: RefCell<Option<io::Error>>,
}

impl Fifo {
    /// None: `path` is no named pipe.
    ///
    /// # Errors  Nobody reads it, or it cannot be opened.
    pub(super) fn open(path: &Path) -> io::Result<Option<Fifo>> {
        use std::os::unix::fs::FileTypeExt;
        let is_fifo = std::fs::metadata(path).is_ok_and(|about| about.file_type().is_fifo());
        if !is_fifo {
            return Ok(None);
        }
        let shared = Shared {
            pipe: OpenOptions::new().open_sender(path)?,
            pending: RefCell::default(),
            failed: RefCell::default(),
        };
        Ok(Some(Fifo {
            shared: Rc::new(shared),
            writing: RefCell::default(),
        }))
    }

    /// Writes, or keeps for later.
    ///
    /// # Errors  Its reader has gone, or leaves more than the bound: then these bytes are lost.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if let Some(error) = self.shared.failed.borrow_mut().take() {
            return Err(error);
        }
        let mut rest = Bytes::copy_from_slice(bytes);
        if self.shared.pending.borrow().is_empty() {
            self.shared.write(&mut rest)?;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let mut pending = self.shared.pending.borrow_mut();
        if pending.len() + rest.len() > limits::FIFO_PENDING_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                format!("its reader leaves more than {} bytes", limits::FIFO_PENDING_BYTES),
            ));
        }
        pending.push(rest);
        let mut writing = self.writing.borrow_mut();
        if writing.as_ref().is_none_or(Task::is_done) {
            *writing = Some(spawn(write_on(Rc::downgrade(&self.shared))));
        }
        Ok(())
    }
}

impl Shared {
    /// As much as goes at once.
    fn write(&self, bytes: &mut Bytes) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.pipe.try_write(bytes) {
                Ok(count) => bytes.advance(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Writes what is kept, as the reader takes it.
async fn write_on(shared: Weak<Shared>) {
    loop {
        let Some(shared) = shared.upgrade() else { return };
        if let Err(error) = shared.pipe.writable().await {
            *shared.failed.borrow_mut() = Some(error);
            return;
        }
        let mut pending = shared.pending.borrow_mut();
        while let Some(mut chunk) = pending.pop_chunk() {
            if let Err(error) = shared.write(&mut chunk) {
                *shared.failed.borrow_mut() = Some(error);
                *pending = Data::new();
                return;
            }
            if !chunk.is_empty() {
                // Full again.
                pending.unshift(chunk);
                break;
            }
        }
        if pending.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use std::io::Read;
    use std::path::PathBuf;
    use tokio::task::LocalSet;

    struct Path(PathBuf);

    impl Path {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("fifo-{}", fastrand::u64(..)));
            nix::unistd::mkfifo(&path, Mode::S_IRWXU).expect("a new name");
            Path(path)
        }
    }

    impl Drop for Path {
        fn drop(&mut self) {
            std::fs::remove_file(&self.0).expect("it was there");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_pipe_without_a_reader_is_not_waited_for() {
        let path = Path::new();
        assert!(Fifo::open(&path.0).is_err());
        assert!(matches!(Fifo::open(std::path::Path::new("/dev/null")), Ok(None)));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_slow_reader_gets_all_up_to_the_bound() {
        let path = Path::new();
        let name = path.0.clone();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let reading = std::thread::spawn(move || {
            let mut pipe = std::fs::File::open(name).expect("opens");
            wait.recv().expect("is told");
            let mut all = Vec::new();
            pipe.read_to_end(&mut all).expect("reads");
            all
        });
        let fifo = loop {
            match Fifo::open(&path.0) {
                Ok(fifo) => break fifo.expect("it is a pipe"),
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let block: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let local = LocalSet::new();
        let written = local
            .run_until(async {
                let mut written = 0;
                let error = loop {
                    match fifo.write(&block) {
                        Ok(()) => written += 1,
                        Err(error) => break error,
                    }
                };
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                go.send(()).expect("it waits");
                while !fifo.shared.pending.borrow().is_empty() {
                    tokio::task::yield_now().await;
                }
                written
            })
            .await;
        drop(fifo);
        // What did not fit was left out whole.
        assert!(reading.join().expect("it ends") == block.repeat(written));
    }
}
