//! `pause`: PID 1 of a Pod. It holds the Pod's namespaces, reaps its zombies and keeps the agent (`ballast agent`, in the
//! folder of its own executable) running beside it; whatever the agent does, PID 1 stays.
//!
//! Not for anything clever: no network, no files, no threads, no growth after start. It exits where upstream's pause does:
//! on INT and TERM (0, after the agent had `BALLAST_DRAIN` seconds to leave), and when it can't set up signals (1 to 3).
//! Source: Kubernetes build/pause/linux/pause.c (behaviour only), design "Life of a Pod".
#![forbid(unsafe_code)]

mod backoff;
mod child;
mod reap;
mod say;
mod signals;

use std::{env, io::Write, process::ExitCode, time::Duration, time::Instant};

use child::Agent;
use signals::{Signals, Wake};

/// Time that the agent has to leave after INT or TERM when `BALLAST_DRAIN` (whole seconds) does not say otherwise.
const DRAIN_DEFAULT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    if env::args_os().skip(1).any(|arg| arg.eq_ignore_ascii_case("-v")) {
        // A closed stdout is the caller's choice: the answer to -v is 0 all the same.
        writeln!(std::io::stdout(), "pause {}", env!("CARGO_PKG_VERSION")).ok();
        return ExitCode::SUCCESS;
    }
    // First of all: until then a TERM is lost, since the kernel drops what PID 1 has neither blocked nor a handler for.
    let signals = match Signals::take() {
        Ok(signals) => signals,
        Err(code) => return ExitCode::from(code),
    };
    if std::process::id() != 1 {
        say::say(format_args!("Warning: pause should be the first process"));
    }
    let drain_limit = drain_limit();
    hold(&signals, &mut Agent::prepare(), drain_limit);
    ExitCode::SUCCESS
}

/// The life of PID 1: reap, (re)start the agent when it is due, wait for the next signal; until INT or TERM and what
/// follows on it.
fn hold(signals: &Signals, agent: &mut Agent, drain_limit: Duration) {
    let mut leave_by = None;
    loop {
        let more_to_reap = reap::round(agent);
        let now = Instant::now();
        match leave_by {
            Some(deadline) if !agent.is_running() || now >= deadline => break,
            Some(_) => {}
            None => agent.start_if_due(now),
        }
        let patience = match leave_by.or(agent.next_start()) {
            _ if more_to_reap => Some(Duration::ZERO),
            moment => moment.map(|moment| moment.saturating_duration_since(now)),
        };
        match signals.wait(patience) {
            Wake::End(_) if leave_by.is_some() => break,
            Wake::End(name) => {
                say::say(format_args!("pause: shutting down, got signal {name}"));
                agent.terminate();
                leave_by = Some(Instant::now() + drain_limit);
            }
            Wake::Other => {}
        }
    }
    // Where we are PID 1 the kernel does this; as a plain process we must not leave an agent behind that nobody watches.
    agent.kill();
}

fn drain_limit() -> Duration {
    let Some(value) = env::var_os("BALLAST_DRAIN") else {
        return DRAIN_DEFAULT;
    };
    // u32: every value that parses can be added to the clock without overflow.
    match value.to_str().and_then(|value| value.trim().parse::<u32>().ok()) {
        Some(seconds) => Duration::from_secs(seconds.into()),
        None => {
            say::say(format_args!(
                "pause: BALLAST_DRAIN is no number of whole seconds, 5 is used"
            ));
            DRAIN_DEFAULT
        }
    }
}
