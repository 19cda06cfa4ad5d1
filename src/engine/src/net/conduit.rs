//! Bytes that go from one socket to another without coming here: a pipe of the kernel's between two connections that are
//! relayed as they are. For what sends much; what sends little is cheaper to read and to write. Source: splice(2), pipe(7).

use crate::limits;
use crate::metrics::Counters;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::sys::socket::{MsgFlags, recv};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// A pipe that one connection's input goes through to the output of another; part of what is pending for the latter.
pub(super) struct Conduit {
    inlet: OwnedFd,
    outlet: OwnedFd,
    room: usize,
    held: usize,
    counters: Arc<Counters>,
}

/// Why nothing went in.
pub(super) enum Dry {
    /// Nothing has come yet.
    Nothing,
    /// What has come, or the end of it, must be read.
    Read,
    /// The socket is broken: it says so once.
    Broken(io::Error),
}

impl Conduit {
    /// None when the worker has as many as it may (each takes two file descriptors, and of the pages that a user's pipes
    /// may have), or the system gives none that is worth it.
    pub(super) fn open(counters: &Arc<Counters>) -> Option<Self> {
        if counters.conduits.get() >= limits::CONDUITS {
            return None;
        }
        let (outlet, inlet) = nix::unistd::pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).ok()?;
        counters.conduits.add(1);
        let mut conduit = Conduit {
            inlet,
            outlet,
            room: 0,
            held: 0,
            counters: counters.clone(),
        };
        let most = i32::try_from(limits::CONDUIT_BYTES).unwrap_or(i32::MAX);
        // A user who has many pipes may not make them larger, and gets smaller ones than is usual in the end.
        let size = fcntl(&conduit.inlet, FcntlArg::F_SETPIPE_SZ(most))
            .or_else(|_| fcntl(&conduit.inlet, FcntlArg::F_GETPIPE_SZ));
        conduit.room = usize::try_from(size.ok()?).ok()?;
        (conduit.room >= limits::CONDUIT_LEAST_BYTES).then_some(conduit)
    }

    /// Bytes in it.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Takes in what `from` has received, as much as there is room for, when it is empty. Gives the number of bytes.
    pub(super) fn fill(&mut self, from: &TcpStream) -> Result<usize, Dry> {
        let flags = SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE;
        let got = from.try_io(Interest::READABLE, || {
            match splice(from.as_fd(), None, &self.inlet, None, self.room, flags) {
                // It stops for good at a byte out of band, which a read passes over.
                Err(nix::Error::EAGAIN) => match recv(from.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK) {
                    Ok(_) => Ok(0),
                    Err(error) => Err(error.into()),
                },
                got => got.map_err(io::Error::from),
            }
        });
        match got {
            Ok(0) => Err(Dry::Read),
            Ok(got) => {
                self.held += got;
                Ok(got)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Err(Dry::Nothing),
                // A signal, or something about the pipe.
                io::ErrorKind::Interrupted | io::ErrorKind::InvalidInput | io::ErrorKind::OutOfMemory => Err(Dry::Read),
                _ => Err(Dry::Broken(error)),
            },
        }
    }

    /// Sends some of it. Gives the number of bytes.
    ///
    /// # Errors  Those of the socket.
    pub(super) fn pour(&mut self, to: &TcpStream) -> io::Result<usize> {
        let flags = SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE;
        let sent = to.try_io(Interest::WRITABLE, || {
            splice(&self.outlet, None, to.as_fd(), None, self.held, flags).map_err(io::Error::from)
        })?;
        if sent == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.held -= sent.min(self.held);
        Ok(sent)
    }
}

impl Drop for Conduit {
    fn drop(&mut self) {
        self.counters.conduits.add(-1);
    }
}
