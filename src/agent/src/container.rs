//! `ballast container` with PIPY_SPAWN: processes of `run` that share their ports. It is PID 1 there: it hands signals on,
//! and ends with the first of them, for a container that lost a part is best restarted. Not for: threads (`--threads`).

use crate::config::ContainerConfig;
use crate::limits;
use crate::log::complain;
use crate::signals::Signals;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::ExitStatus;
use std::str::FromStr;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

/// Exit code when a process cannot be started, or was killed.
const FAILED: u8 = 255;

/// Signals that are handed on.
const HANDED_ON: &[&str] = &["SIGINT", "SIGTERM", "SIGHUP", "SIGTSTP", "SIGQUIT", "SIGALRM"];

/// Starts the processes, and gives the exit code of the first that ends.
pub(crate) fn main(config: &ContainerConfig) -> u8 {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(config)),
        Err(error) => {
            complain(&format!("cannot start the runtime: {error}"));
            FAILED
        }
    }
}

async fn run(config: &ContainerConfig) -> u8 {
    let mut signals = Signals::new();
    signals.take(HANDED_ON);
    let mut ended = JoinSet::new();
    let mut pids = Vec::new();
    for _ in 0..config.processes {
        match start(&config.args) {
            Ok(child) => {
                pids.extend(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
                ended.spawn(wait(child));
            }
            Err(error) => {
                complain(&format!("cannot start a process more: {error}"));
                send(&pids, Signal::SIGKILL);
                return FAILED;
            }
        }
    }
    // The first end decides; the others are asked to finish, then made to.
    let mut code = None;
    let late = tokio::time::sleep(std::time::Duration::MAX);
    tokio::pin!(late);
    loop {
        tokio::select! {
            name = signals.next() => match Signal::from_str(name) {
                Ok(signal) => send(&pids, signal),
                Err(error) => complain(&format!("{name}: {error}")),
            },
            gone = ended.join_next() => match gone {
                None => return code.unwrap_or(0),
                Some(gone) => {
                    let (pid, status) = gone.unwrap_or_default();
                    pids.retain(|known| Some(*known) != pid);
                    if code.is_none() {
                        code = Some(status.map_or(FAILED, exit_code));
                        send(&pids, Signal::SIGTERM);
                        late.as_mut().reset(tokio::time::Instant::now() + limits::PROCESS_END);
                    }
                }
            },
            () = &mut late => {
                send(&pids, Signal::SIGKILL);
                late.as_mut().reset(tokio::time::Instant::now() + limits::PROCESS_END);
            }
        }
    }
}

/// A process of `run`.
fn start(args: &[String]) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .args(args)
        .kill_on_drop(true)
        .spawn()
}

async fn wait(mut child: Child) -> (Option<Pid>, Option<ExitStatus>) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    (pid, child.wait().await.ok())
}

fn send(pids: &[Pid], signal: Signal) {
    for pid in pids {
        // It may have ended a moment ago.
        kill(*pid, signal).ok();
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED)
}
