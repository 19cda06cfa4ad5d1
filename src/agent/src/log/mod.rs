//! The log: one line an event, `YYYY-MM-DD HH:MM:SS.mmm [INF] [topic] text`, on stderr (or stdout, or nowhere), in a file
//! if asked, and in a bounded ring in memory for the admin port. Credentials never reach it. Not for: spans, which nothing
//! here uses; so this is a whole subscriber of its own, without the registry that would cost each Pod memory.
//! Source: pipyjs/cli.md section 5. DEVIATES: times are UTC, not local time, for a Pod has no time zone data.

mod escape;
mod file;
mod followed;
mod history;
mod level;
mod redact;
mod ring;
mod stream;
mod tail;
mod time;

pub(crate) use file::{LogFile, Rotation};
pub(crate) use followed::Followed;
pub(crate) use history::History;
pub(crate) use level::{Level, LogLevel};
pub(crate) use redact::redact;
pub(crate) use ring::Ring;
pub(crate) use tail::{Tail, with_lost};

use crate::config::LogTo;
use crate::limits;
use ballast_engine::LogSink;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use stream::Stream;
use tokio::sync::Semaphore;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The process's log; clones are the same log.
#[derive(Clone)]
pub(crate) struct Log {
    state: Arc<Mutex<State>>,
    history: History,
    tails: Arc<Semaphore>,
}

struct State {
    level: LogLevel,
    to: LogTo,
    stream: Stream,
    file: Option<LogFile>,
    ring: Ring,
}

impl Log {
    /// Makes the log and lets all events of this process come to it.
    pub(crate) fn install(level: LogLevel, to: LogTo, file: Option<LogFile>, history_bytes: usize) -> Self {
        let log = Log {
            state: Arc::new(Mutex::new(State {
                level,
                to,
                stream: Stream::default(),
                file,
                ring: Ring::new(history_bytes),
            })),
            history: History::new(history_bytes),
            tails: Arc::new(Semaphore::new(limits::LOG_TAILS)),
        };
        // Only the first log of a process is installed; main makes one.
        tracing::subscriber::set_global_default(log.clone()).ok();
        log
    }

    /// What is kept in memory, oldest line first.
    pub(crate) fn history(&self) -> Vec<u8> {
        self.with(|state| state.ring.contents())
    }

    /// What loggers of scripts have logged.
    pub(crate) fn loggers(&self) -> &History {
        &self.history
    }

    /// Where the engine puts what loggers of scripts log.
    pub(crate) fn sink(&self) -> LogSink {
        let history = self.history.clone();
        LogSink(Arc::new(move |name, line| history.keep(name, line)))
    }

    /// What is logged now.
    pub(crate) fn level(&self) -> LogLevel {
        self.with(|state| state.level.clone())
    }

    /// Logs something else from now on.
    pub(crate) fn set_level(&self, level: LogLevel) {
        self.with(|state| state.level = level);
        tracing::callsite::rebuild_interest_cache();
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        // A panic of another thread while it logged leaves at worst a cut line.
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.with(|state| state.level.allows(metadata.target(), *metadata.level()))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = String::with_capacity(128);
        time::stamp(&mut line, std::time::SystemTime::now());
        let _infallible = write!(line, " [{}] ", Level::from(*event.metadata().level()).tag());
        let target = event.metadata().target();
        // Topics of ours are single words; what scripts say has none, nor have modules that log under their path.
        if target != "user" && !target.contains("::") && target != env!("CARGO_PKG_NAME") {
            let _infallible = write!(line, "[{target}] ");
        }
        let mut text = Text::default();
        event.record(&mut text);
        line.push_str(&escape::message(&redact(&text.message)));
        line.push_str(&escape::field(&redact(&text.fields)));
        if line.len() > limits::LOG_LINE_BYTES {
            line.truncate(line.floor_char_boundary(limits::LOG_LINE_BYTES));
        }
        line.push('\n');
        self.with(|state| state.put(line.as_bytes()));
        self.history.written().notify_waiters();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl State {
    /// A log that cannot be written is no reason to stop: there is nobody to tell.
    fn put(&mut self, line: &[u8]) {
        match self.to {
            LogTo::Stdout => self.stream.put(std::io::stdout().as_fd(), line),
            LogTo::Stderr => self.stream.put(std::io::stderr().as_fd(), line),
            LogTo::Nowhere => {}
        }
        if let Some(file) = &mut self.file {
            file.put(line);
        }
        self.ring.push(line);
    }
}

/// The message and the other fields of an event, as ` key=value`.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _infallible = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _infallible = match field.name() {
            "message" => write!(self.message, "{value}"),
            name if value.contains(' ') => write!(self.fields, " {name}={value:?}"),
            name => write!(self.fields, " {name}={value}"),
        };
    }
}

/// One line on stderr, for what ends the process before or without a log.
pub(crate) fn complain(message: &str) {
    let line = format!("{}\n", escape::message(&redact(message)));
    std::io::stderr().write_all(line.as_bytes()).ok();
}
