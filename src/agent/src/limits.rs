//! Every bound of the binary, in one place, with its unit; those of the engine and of the wire are in their crates.

use std::time::Duration;

/// How long lines of the log wait for room in a standard stream, all that come in `LOG_PATIENCE_PERIOD` together; once there was
/// none in time, they wait no more until there is.
pub(crate) const LOG_PATIENCE: Duration = Duration::from_secs(1);
/// See [`LOG_PATIENCE`].
pub(crate) const LOG_PATIENCE_PERIOD: Duration = Duration::from_secs(60);
/// Bytes written to it at once: as many as a pipe with any room takes (PIPE_BUF).
pub(crate) const LOG_PART_BYTES: usize = 4096;
/// Bytes of log kept in memory unless told otherwise (`--log-history-limit`); most that may be asked for.
pub(crate) const LOG_HISTORY_BYTES: (usize, usize) = (1 << 20, 256 << 20);
/// Longest log line, bytes; the rest is cut.
pub(crate) const LOG_LINE_BYTES: usize = 16 << 10;
/// Worker threads that may be asked for.
pub(crate) const THREADS: usize = 1024;
/// Bytes read of a file with certificates or a key.
pub(crate) const PEM_BYTES: u64 = 1 << 20;
/// What `--script-heap` may ask for, bytes.
pub(crate) const SCRIPT_HEAP: std::ops::RangeInclusive<usize> = 4 << 20..=64 << 30;
/// What `--script-data` may ask for, bytes.
pub(crate) const SCRIPT_DATA: std::ops::RangeInclusive<usize> = 1 << 20..=64 << 30;
/// What `--script-stack` may ask for, bytes.
pub(crate) const SCRIPT_STACK: std::ops::RangeInclusive<usize> = 64 << 10..=64 << 20;
/// How far the times of files may lie behind the clock: the kernel stamps them by its tick.
pub(crate) const FILE_CLOCK: Duration = Duration::from_millis(20);
/// Times that a script is read while it is written to, `FILE_CLOCK` apart, before that is told as an error.
pub(crate) const FILE_LOOKS: usize = 100;
/// Processes of `ballast container`.
pub(crate) const PROCESSES: usize = 256;
/// How long those that are left may take to finish when one of them has ended.
pub(crate) const PROCESS_END: Duration = Duration::from_secs(30);
/// Folders and files that a local codebase's folder is searched for.
pub(crate) const LOCAL_ENTRIES: usize = 20_000;
/// Time between two looks at a remote codebase, between tries to start it, and between status reports.
pub(crate) const POLL_PERIOD: Duration = Duration::from_secs(5);
/// Time between two looks at local files that are watched.
pub(crate) const LOCAL_POLL_PERIOD: Duration = Duration::from_secs(1);
/// Signals waiting to be handled.
pub(crate) const SIGNAL_QUEUE: usize = 16;
/// First and longest time between tries to reach the Repo after errors; half of each is chance.
pub(crate) const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A long poll that was held back for so long counts as held: the next one follows at once.
pub(crate) const HELD_POLL: Duration = Duration::from_secs(1);
/// Longest wait for a DNS answer; a dead server takes a minute by itself.
pub(crate) const DNS_DEADLINE: Duration = Duration::from_secs(2);
/// Addresses taken from one DNS answer.
pub(crate) const DNS_ADDRESSES: usize = 8;
/// Changes of a codebase that wait to be applied.
pub(crate) const CHANGES: usize = 1;
/// SO_PRIORITY of all connections that scripts in a Pod open: rules of `ballast-init` leave them alone by it, whatever the uid.
pub(crate) const SOCKET_PRIORITY: u8 = 5;
/// Loopback port that those rules lead to the proxy; nobody listens there.
pub(crate) const REDIRECT_PROBE_PORT: u16 = 15064;
/// Time that such a probe may take.
pub(crate) const REDIRECT_PROBE_TIME: Duration = Duration::from_secs(2);
/// Shortest and longest time between two of them while there are no rules: an init container loads them after we have begun.
pub(crate) const REDIRECT_PROBES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// Time after which it is a warning that there are none.
pub(crate) const REDIRECT_AWAITED: Duration = Duration::from_secs(30);
/// Connections to the admin port at one time.
pub(crate) const ADMIN_CONNECTIONS: usize = 16;
/// Time that one connection to the admin port may take.
pub(crate) const ADMIN_TIME: Duration = Duration::from_secs(30);
/// Longest wait for the metrics of all workers.
pub(crate) const METRICS_TIME: Duration = Duration::from_secs(5);
/// Bytes of the body of a request to the admin port that scripts answer.
pub(crate) const ADMIN_SCRIPT_BYTES: usize = 1 << 20;
/// Bytes of the body of a request to the admin port.
pub(crate) const ADMIN_BODY_BYTES: usize = 4096;
/// Samples of metrics that are kept for the admin port, one each `POLL_PERIOD`: ten minutes.
pub(crate) const METRIC_SAMPLES: usize = 120;
/// Metrics that such a sample has.
pub(crate) const SAMPLED_METRICS: usize = 256;
/// Pause after a connection could not be accepted (no file descriptors left).
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Followers of logs at one time.
pub(crate) const LOG_TAILS: usize = 8;
/// Bytes of lines that are sent to a follower at once.
pub(crate) const LOG_FRAME_BYTES: usize = 64 << 10;
/// A follower that has taken nothing of a message for so long has gone.
pub(crate) const LOG_STALL: Duration = Duration::from_secs(300);
/// Time between two pings to a follower.
pub(crate) const LOG_PING: Duration = Duration::from_secs(30);
/// Bytes of a message that a follower sends in fragments; nothing is done with it.
pub(crate) const LOG_MESSAGE_BYTES: usize = 4096;
/// Bytes of the message that answers `log/tail/NAME` of the admin link, the newest lines of that log.
pub(crate) const LINK_TAIL_BYTES: usize = 256 << 10;
/// Logs that the Repo follows over the admin link at one time.
pub(crate) const LINK_LOGS: usize = 32;
/// First and longest time before the admin link is opened again; half of each is chance.
pub(crate) const LINK_BACKOFF: (Duration, Duration) = (POLL_PERIOD, Duration::from_secs(300));
/// An admin link that was up for so long counts as good: it is opened again after the first time.
pub(crate) const LINK_STEADY: Duration = Duration::from_secs(30);
/// Time between two looks that the Repo asks for over the admin link.
pub(crate) const LINK_LOOK: Duration = Duration::from_secs(1);
/// Time for the last words on the admin link when the process ends.
pub(crate) const LINK_CLOSE: Duration = Duration::from_millis(500);
/// Loggers of scripts whose lines are kept.
pub(crate) const LOGGERS: usize = 16;
/// Bytes of log that the agent keeps in memory.
pub(crate) const AGENT_LOG_BYTES: usize = 256 << 10;
/// Admin port of the agent on loopback, and name of its abstract socket in the node's network. Source: design.md 4.
pub(crate) const ADMIN_PORT: u16 = 15062;
/// See [`ADMIN_PORT`].
pub(crate) const ADMIN_SOCKET: &str = "ballast";
/// Time between two status reports of the agent; the Repo forgets an instance after 60 s.
pub(crate) const REPORT_PERIOD: Duration = Duration::from_secs(20);
/// News of a registration are reported after this, with what else there is; and so long the last report may take.
pub(crate) const NEWS_PAUSE: Duration = Duration::from_millis(100);
/// An agent that has run for so long has started well.
pub(crate) const HEALTHY: Duration = Duration::from_secs(10);
/// Starts from the kept codebase that may end badly before the Repo is asked first.
pub(crate) const SNAPSHOT_TRIES: u64 = 3;
/// How much earlier than PID 1's patience ends we end.
pub(crate) const LEAVE_MARGIN: Duration = Duration::from_millis(200);
/// Longest wait that `run` asks a Repo for.
pub(crate) const RUN_WAIT: Duration = Duration::from_secs(60);
/// Where SIGTSTP opens the admin port when the command line names none.
pub(crate) const DEFAULT_ADMIN: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 6060);
/// First and longest time between polls of a dormant agent where the Repo does not wait; half of each is chance.
pub(crate) const DORMANT_POLL: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// Different messages told about one outage of the Repo.
pub(crate) const TOLD: usize = 4;
