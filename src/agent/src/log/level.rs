//! Levels, their tags, and the value of `--log-level`. Source: pipyjs/cli.md sections 2 and 5.

use std::fmt;
use std::str::FromStr;

/// How much an event matters, most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Something is broken.
    Error,
    /// Something is odd.
    Warn,
    /// What an operator wants to see.
    Info,
    /// What a developer wants to see.
    Debug,
}

impl Level {
    /// Three letters, as they stand in a line.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Level::Error => "ERR",
            Level::Warn => "WRN",
            Level::Info => "INF",
            Level::Debug => "DBG",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

impl From<tracing::Level> for Level {
    fn from(level: tracing::Level) -> Self {
        match level {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            tracing::Level::INFO => Level::Info,
            tracing::Level::DEBUG | tracing::Level::TRACE => Level::Debug,
        }
    }
}

/// What is logged: a level, and with debug the topics that it is limited to (none: all).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogLevel {
    level: Level,
    topics: Vec<String>,
}

/// Topics of `--log-level=debug:topic+topic`.
const TOPICS: &[&str] = &[
    "alloc", "thread", "pipeline", "dump", "listener", "inbound", "outbound", "socket", "files", "subproc", "tcp",
    "udp", "http2", "elf", "bpf", "user", "codebase",
];

impl LogLevel {
    /// Whether an event of `target` is logged. Libraries are heard only when they warn.
    pub(crate) fn allows(&self, target: &str, level: tracing::Level) -> bool {
        if level == tracing::Level::TRACE {
            return false;
        }
        let level = Level::from(level);
        if level > self.level {
            return false;
        }
        let is_ours = !target.contains("::") || target.starts_with("ballast");
        match level {
            Level::Error | Level::Warn => true,
            Level::Info => is_ours,
            Level::Debug => is_ours && (self.topics.is_empty() || self.topics.iter().any(|topic| topic == target)),
        }
    }
}

impl Default for LogLevel {
    fn default() -> Self {
        LogLevel {
            level: Level::Info,
            topics: Vec::new(),
        }
    }
}

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (level, topics) = text.split_once(':').unwrap_or((text, ""));
        let level = [Level::Error, Level::Warn, Level::Info, Level::Debug]
            .into_iter()
            .find(|known| known.name() == level)
            .ok_or("debug, info, warn or error")?;
        let topics: Vec<String> = topics
            .split('+')
            .filter(|topic| !topic.is_empty())
            .map(str::to_owned)
            .collect();
        if let Some(unknown) = topics.iter().find(|topic| !TOPICS.contains(&topic.as_str())) {
            return Err(format!("topic {unknown:?} is none of {}", TOPICS.join(" ")));
        }
        Ok(LogLevel { level, topics })
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.level.name())?;
        if !self.topics.is_empty() {
            write!(f, ":{}", self.topics.join("+"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_and_shown() {
        for (text, expected) in [
            ("info", Some("info")),
            ("debug", Some("debug")),
            ("debug:thread+socket", Some("debug:thread+socket")),
            ("trace", None),
            ("debug:nothing", None),
            ("", None),
        ] {
            let shown = text.parse::<LogLevel>().ok().map(|level| level.to_string());
            assert_eq!(shown.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn topics_limit_debug_only() {
        for (level, target, event, expected) in [
            ("info", "listener", tracing::Level::INFO, true),
            ("info", "listener", tracing::Level::DEBUG, false),
            ("warn", "listener", tracing::Level::INFO, false),
            ("debug", "listener", tracing::Level::DEBUG, true),
            ("debug:socket", "listener", tracing::Level::DEBUG, false),
            ("debug:socket", "socket", tracing::Level::DEBUG, true),
            ("debug:socket", "listener", tracing::Level::INFO, true),
            ("debug", "hyper::client", tracing::Level::INFO, false),
            ("info", "hyper::client", tracing::Level::WARN, true),
        ] {
            let allowed = level.parse::<LogLevel>().unwrap().allows(target, event);
            assert_eq!(allowed, expected, "{level} {target} {event}");
        }
    }
}
