//! The admin link: a WebSocket from the worker to the Repo, over which the Repo asks for a look at the codebase and for logs. A
//! Repo without it costs a request now and then; one that says nothing, or reads nothing, costs nothing. It runs beside the
//! control loop: no traffic waits for it. Not for: status reports, which are posted. Source: pipyjs/repo.md 1.3; RFC 6455
//! section 4.1 (client's handshake).

use crate::admin_log::answer_to;
use crate::facts::SYSTEM_LOG;
use crate::feed::{Backoff, Current};
use crate::frames::{Frames, PING, PONG, random};
use crate::limits;
use crate::log::{Followed, Log, with_lost};
use ballast_engine::websocket::{BINARY, CLOSE, TEXT};
use ballast_repo_client::Upgraded;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::io;
use std::sync::Arc;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Status code of a close frame: the endpoint is going away. Source: RFC 6455 section 7.4.1.
const GOING_AWAY: [u8; 2] = 1001u16.to_be_bytes();

/// The link of this process; it ends with it.
pub(crate) struct Link {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What the link tells of, and whom.
pub(crate) struct Ends {
    /// Where the Repo is.
    pub(crate) current: Current,
    /// Our name there.
    pub(crate) uuid: String,
    /// The logs that it may ask for.
    pub(crate) log: Log,
    /// Whether the process's own log is one of them.
    pub(crate) with_system_log: bool,
    /// Notified when the Repo wants us to look at the codebase now.
    pub(crate) look: Arc<Notify>,
}

impl Link {
    /// Opens it, and again whenever it is lost.
    pub(crate) fn open(ends: Ends) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(ends.hold(stopped));
        Link { stop, task }
    }

    /// Says good-bye, if there is anybody to say it to.
    pub(crate) async fn close(mut self) {
        drop(self.stop);
        if timeout(limits::LINK_CLOSE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// What the Repo asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked<'a> {
    Look,
    Tail(&'a str),
    On(&'a str),
    Off(&'a str),
}

/// None: nothing that this version knows.
fn asked(text: &str) -> Option<Asked<'_>> {
    if text == "reload" {
        return Some(Asked::Look);
    }
    // Names of loggers may hold slashes.
    let (verb, name) = text.strip_prefix("log/")?.split_once('/')?;
    match verb {
        _ if name.is_empty() => None,
        "tail" => Some(Asked::Tail(name)),
        "on" => Some(Asked::On(name)),
        "off" => Some(Asked::Off(name)),
        _ => None,
    }
}

/// Looks that are asked for, not more often than `limits::LINK_LOOK`.
#[derive(Default)]
struct Looks {
    last: Option<Instant>,
    due: Option<Instant>,
}

impl Looks {
    fn ask(&mut self) {
        let now = Instant::now();
        let next = self.last.map_or(now, |last| (last + limits::LINK_LOOK).max(now));
        self.due.get_or_insert(next);
    }

    async fn due(&mut self) {
        match self.due {
            Some(due) => sleep_until(due).await,
            None => std::future::pending().await,
        }
        self.due = None;
        self.last = Some(Instant::now());
    }
}

impl Ends {
    async fn hold(self, mut stop: oneshot::Receiver<()>) {
        let mut backoff = Backoff::new(limits::LINK_BACKOFF);
        loop {
            let opened = tokio::select! {
                opened = self.dial() => opened,
                _ = &mut stop => return,
            };
            match opened {
                Ok(socket) => {
                    tracing::debug!(target: "codebase", "the admin link is up");
                    let up = Instant::now();
                    let mut socket = Frames::new(socket, true);
                    let ended = tokio::select! {
                        ended = self.serve(&mut socket) => ended,
                        _ = &mut stop => {
                            if socket.send(CLOSE, &GOING_AWAY).await.is_ok() {
                                socket.shutdown().await.ok();
                            }
                            return;
                        }
                    };
                    match ended {
                        Ok(()) => tracing::debug!(target: "codebase", "the Repo has closed the admin link"),
                        Err(error) => tracing::debug!(target: "codebase", %error, "the admin link is lost"),
                    }
                    if up.elapsed() >= limits::LINK_STEADY {
                        backoff.reset();
                    }
                }
                Err(error) => tracing::debug!(target: "codebase", "no admin link: {error}"),
            }
            tokio::select! {
                () = sleep(backoff.next()) => {}
                _ = &mut stop => return,
            }
        }
    }

    async fn dial(&self) -> Result<Upgraded, String> {
        let key = BASE64_STANDARD.encode(random::<16>().map_err(|error| error.to_string())?);
        let worker = self.current.worker();
        let opened = worker.open_link(&self.uuid, &key).await;
        let (accept, socket) = opened.map_err(|error| error.to_string())?;
        if accept != answer_to(key.as_bytes()) {
            return Err("the answer to the handshake is not that of a WebSocket".to_owned());
        }
        Ok(socket)
    }

    async fn serve(&self, socket: &mut Frames<Upgraded>) -> io::Result<()> {
        let mut logs = self.log.follow();
        let mut looks = Looks::default();
        loop {
            tokio::select! {
                (name, lines) = logs.next() => say(socket, "log", &name, &with_lost(lines)).await?,
                () = looks.due() => self.look.notify_one(),
                read = socket.read() => {
                    if read? == 0 {
                        return Ok(());
                    }
                    while let Some((opcode, body)) = socket.message()? {
                        match opcode {
                            CLOSE => return socket.send(CLOSE, body.get(..2).unwrap_or_default()).await,
                            PING => socket.send(PONG, &body).await?,
                            TEXT => {
                                let text = String::from_utf8_lossy(&body);
                                self.obey(&text, &mut logs, &mut looks, socket).await?;
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
    }

    async fn obey(
        &self,
        text: &str,
        logs: &mut Followed,
        looks: &mut Looks,
        socket: &mut Frames<Upgraded>,
    ) -> io::Result<()> {
        let may = |name: &str| self.with_system_log || name != SYSTEM_LOG;
        match asked(text) {
            Some(Asked::Look) => looks.ask(),
            Some(Asked::Tail(name)) => {
                let lines = match may(name) {
                    true => self.log.last(name, limits::LINK_TAIL_BYTES),
                    false => Vec::new(),
                };
                say(socket, "log-tail", name, &lines).await?;
            }
            Some(Asked::On(name)) => {
                if may(name) && !logs.add(name) {
                    tracing::debug!(target: "codebase", "the Repo follows too many logs; {name} is not sent");
                }
            }
            Some(Asked::Off(name)) => logs.remove(name),
            None => tracing::debug!(target: "codebase", "the Repo asks for what is not known here: {text:?}"),
        }
        Ok(())
    }
}

/// A message about a log. What is no text is sent as bytes.
async fn say(socket: &mut Frames<Upgraded>, kind: &str, name: &str, lines: &[u8]) -> io::Result<()> {
    let message = [kind.as_bytes(), b"/", name.as_bytes(), b"\n", lines].concat();
    let opcode = match std::str::from_utf8(&message) {
        Ok(_) => TEXT,
        Err(_) => BINARY,
    };
    socket.send(opcode, &message).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of pipyjs/repo.md 1.3.
    #[test]
    fn what_a_repo_asks_for() {
        for (text, expected) in [
            ("reload", Some(Asked::Look)),
            ("log/tail/pipy_log", Some(Asked::Tail("pipy_log"))),
            ("log/on/a b", Some(Asked::On("a b"))),
            ("log/off/a/b", Some(Asked::Off("a/b"))),
            ("log/on/", None),
            ("log/on", None),
            ("log/up/x", None),
            ("Reload", None),
            ("", None),
        ] {
            assert_eq!(asked(text), expected, "{text:?}");
        }
    }
}
