//! Signals of PID 1. All are blocked and read one by one from a signalfd: nothing is lost between two waits, no handler runs
//! at a bad moment, nothing is allocated, and what we have no use for (HUP, USR1, QUIT, TSTP, real-time ones …) has no
//! effect, PID 1 or not. None is forwarded: a HUP meant for PID 1 would kill an agent that has no handler for it.
//!
//! | signal | what it does |
//! | --- | --- |
//! | INT, TERM | ends the Pod: drain, then exit |
//! | CHLD | wakes the reaper |
//! | KILL, STOP | the kernel shields PID 1 from those of its own namespace |
//! | FPE, ILL, SEGV, BUS by a fault of our own | kill, as they must |
//! | all others | read and dropped, so that none stays queued against the user's limit |
//!
//! Source: signalfd(2), pid_namespaces(7), and in the kernel `sig_ignored`: a blocked signal is never ignored.

use std::{os::fd::AsFd, sync::Arc, sync::atomic::AtomicBool, time::Duration};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signal::{SigSet, Signal},
    sys::signalfd::{SfdFlags, SignalFd},
};

/// A moment for those errors of poll(2) that may last (no kernel memory), so that PID 1 never spins.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

/// Why [`Signals::wait`] returned.
pub(crate) enum Wake {
    /// INT or TERM, with its name.
    End(&'static str),
    /// A child ended, the time is over, or a signal without a meaning for us came.
    Other,
}

/// Every signal of this process, from now on.
pub(crate) struct Signals(SignalFd);

impl Signals {
    /// Blocks all signals and opens the one way in for them.
    /// # Errors  The exit code (1 to 3, as upstream's pause for its three handlers).
    pub(crate) fn take() -> Result<Self, u8> {
        let all = SigSet::all();
        all.thread_block().map_err(|_| 1)?;
        // The handler never runs, for CHLD is blocked; but an inherited "ignore" would make the kernel reap behind our
        // back and tell us nothing, and this replaces it.
        signal_hook::flag::register(signal_hook::consts::SIGCHLD, Arc::new(AtomicBool::new(false))).map_err(|_| 2)?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        SignalFd::with_flags(&all, flags).map(Self).map_err(|_| 3)
    }

    /// Waits for one signal, at most for `patience` (None: for ever).
    pub(crate) fn wait(&self, patience: Option<Duration>) -> Wake {
        let mut ready = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, timeout(patience)) {
            Ok(0) | Err(nix::Error::EINTR) => return Wake::Other,
            Ok(_) => {}
            Err(_) => std::thread::sleep(PAUSE_AFTER_ERROR),
        }
        match self.0.read_signal() {
            Ok(Some(info)) => meaning(info.ssi_signo),
            Ok(None) | Err(_) => Wake::Other,
        }
    }
}

fn meaning(number: u32) -> Wake {
    const INT: u32 = Signal::SIGINT as u32;
    const TERM: u32 = Signal::SIGTERM as u32;
    match number {
        INT => Wake::End("INT"),
        TERM => Wake::End("TERM"),
        _ => Wake::Other,
    }
}

/// Rounded up to whole milliseconds: a wait that ends early would be repeated at full speed.
fn timeout(patience: Option<Duration>) -> PollTimeout {
    match patience {
        None => PollTimeout::NONE,
        Some(Duration::ZERO) => PollTimeout::ZERO,
        Some(patience) => PollTimeout::try_from(patience + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_int_and_term_end_the_pod() {
        for number in 0..=64 {
            let ends = matches!(meaning(number), Wake::End(_));
            assert_eq!(ends, number == 2 || number == 15, "signal {number}");
        }
    }

    #[test]
    fn a_wait_is_never_shorter_than_asked_for() {
        for (patience, milliseconds) in [
            (None, -1),
            (Some(Duration::ZERO), 0),
            (Some(Duration::from_nanos(1)), 1),
            (Some(Duration::from_micros(1500)), 2),
            (Some(Duration::from_secs(u32::MAX.into())), i32::MAX),
        ] {
            assert_eq!(i32::from(timeout(patience)), milliseconds, "{patience:?}");
        }
    }
}
