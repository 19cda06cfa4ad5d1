//! Reaping: every child of PID 1 that has ended, its own and those that the namespace's processes left behind.
//! Not for deciding what follows: the agent's end is told to [`Agent`], all others are nobody's.
//! Source: wait(2), pid_namespaces(7).

use nix::{
    errno::Errno,
    sys::wait::{WaitPidFlag, WaitStatus, waitpid},
};

use crate::child::Agent;

/// Zombies of one round. Bounded so that a storm of dying processes can't keep PID 1 from seeing a TERM.
const ROUND: usize = 1024;

/// Reaps what has ended, at most [`ROUND`]; true when there may be more.
pub(crate) fn round(agent: &mut Agent) -> bool {
    for _ in 0..ROUND {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => agent.ended(pid, format_args!("exited with {code}")),
            Ok(WaitStatus::Signaled(pid, signal, _)) => agent.ended(pid, format_args!("was killed by {signal}")),
            // Reaped, but nix has no name for a real-time signal and so does not say who it was.
            Err(Errno::EINVAL) => missing(agent),
            Ok(WaitStatus::StillAlive) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    true
}

/// Asks the kernel whether the agent was the child of the unreadable status.
fn missing(agent: &mut Agent) {
    let Some(pid) = agent.pid() else { return };
    match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::StillAlive) => {}
        _ => agent.ended(pid, format_args!("was killed by a real-time signal")),
    }
}
