//! Signals of the process as a stream of names. Each is taken from the system once it is asked for, never given back:
//! from then on its default action (mostly: the end of the process) is off.

use crate::limits;
use nix::sys::signal::Signal;
use std::str::FromStr;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// See the module. Lives on one current-thread runtime.
pub(crate) struct Signals {
    send: mpsc::Sender<&'static str>,
    receive: mpsc::Receiver<&'static str>,
    taken: Vec<&'static str>,
}

impl Signals {
    /// Takes none yet.
    pub(crate) fn new() -> Self {
        let (send, receive) = mpsc::channel(limits::SIGNAL_QUEUE);
        Signals {
            send,
            receive,
            taken: Vec::new(),
        }
    }

    /// Takes the signals of these names (`SIGHUP`). Unknown ones, and those that nobody can take, are logged.
    pub(crate) fn take(&mut self, names: &[&str]) {
        for name in names {
            let Ok(known) = Signal::from_str(name) else {
                tracing::error!("no such signal: {name}");
                continue;
            };
            let name = known.as_str();
            if self.taken.contains(&name) {
                continue;
            }
            match signal(SignalKind::from_raw(known as i32)) {
                Err(error) => tracing::error!(%error, "cannot handle {name}"),
                Ok(mut stream) => {
                    self.taken.push(name);
                    let send = self.send.clone();
                    // Ends with the process, or with the receiver; one task for each of a few names.
                    tokio::spawn(
                        async move { while stream.recv().await.is_some() && send.send(name).await.is_ok() {} },
                    );
                }
            }
        }
    }

    /// The next signal. Cancel-safe.
    pub(crate) async fn next(&mut self) -> &'static str {
        match self.receive.recv().await {
            Some(name) => name,
            // Unreachable while `send` lives here.
            None => std::future::pending().await,
        }
    }
}
