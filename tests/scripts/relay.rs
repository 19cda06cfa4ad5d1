//! A proxy before Eureka that counts, and fails as it is told.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ballast_tests::http::Request;
use ballast_tests::registries::EUREKA_PORT;

use crate::server::{Received, Reply, Server};
use crate::stage::{ADDRESS, Stage};

/// What it does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Eureka's answers.
    Pass,
    /// This status, always.
    Status(u16),
    /// No answer.
    Hang,
    /// The connection closes at once.
    HangUp,
}

/// A running one.
pub(crate) struct Relay {
    pub(crate) server: Server,
    port: u16,
    mode: Arc<Mutex<Mode>>,
}

impl Relay {
    #[track_caller]
    pub(crate) fn start(stage: &Stage, port: u16) -> Self {
        let mode = Arc::new(Mutex::new(Mode::Pass));
        let now = Arc::clone(&mode);
        let server = Server::start(&stage.netns, &format!("{ADDRESS}:{port}"), move |request| {
            let mode = *now.lock().unwrap_or_else(PoisonError::into_inner);
            match mode {
                Mode::Pass => pass(request),
                Mode::Status(status) => Reply::Answer(status, Vec::new()),
                Mode::Hang => Reply::Hang,
                Mode::HangUp => Reply::HangUp,
            }
        });
        Self { server, port, mode }
    }

    /// Its URL for Pods; `login` is empty or `user:password@`.
    pub(crate) fn url(&self, login: &str) -> String {
        format!("http://{login}{ADDRESS}:{}/eureka", self.port)
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }

    /// Times of all heartbeats since `start`.
    pub(crate) fn beats_since(&self, start: Instant) -> Vec<Instant> {
        let requests = self.server.requests();
        let beats = requests
            .iter()
            .filter(|r| r.method == "PUT" && !r.path.contains("/status"));
        beats.map(|r| r.at).filter(|at| *at >= start).collect()
    }
}

fn pass(request: &Received) -> Reply {
    let url = format!("http://127.0.0.1:{EUREKA_PORT}{}", request.path);
    let mut forwarded = Request::new(&request.method, &url)
        .timeout(Duration::from_secs(5))
        .body(request.body.clone());
    for name in ["content-type", "accept"] {
        if let Some(value) = request.header(name) {
            forwarded = forwarded.header(name, value);
        }
    }
    match forwarded.send() {
        Ok(answer) => Reply::Answer(answer.status, answer.body),
        Err(_) => Reply::HangUp,
    }
}
