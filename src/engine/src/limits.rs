//! Every bound of the engine, in one place, with its unit. A queue, buffer, retry or timer without a line here is a bug.
//! Sources: pipyjs/model.md section 2 (listen options), pipyjs/http.md sections 2, 5 and 6.

use std::time::Duration;

/// Heap of one worker's scripts, in bytes. Below the process's own ceiling (RLIMIT_DATA), so that a script that hoards
/// values gets an exception first. Bytes behind `Data` objects are not in it: see `SCRIPT_DATA_BYTES`.
pub(crate) const SCRIPT_HEAP_BYTES: usize = 24 << 20;
/// Bytes behind the `Data` and messages that the scripts of a worker keep, all versions together.
pub(crate) const SCRIPT_DATA_BYTES: usize = 256 << 20;
/// What a head that came in a stream and is kept by a script counts of it: the few lines that most have, and their share of
/// the block that they were read into.
pub(crate) const SCRIPT_HEAD_BYTES: usize = 4 << 10;
/// What the scripts of a worker may use. The owner of the engine sets it; the defaults are the constants of this file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptLimits {
    /// Heap of the scripts, bytes.
    pub heap_bytes: usize,
    /// Bytes behind `Data` and messages that scripts keep: no heap of theirs counts them.
    pub data_bytes: usize,
    /// What filters hold together while they wait or collect messages, bytes.
    pub held_bytes: usize,
    /// Native stack of a call, bytes: recursion ends in an exception there.
    pub stack_bytes: usize,
    /// Longest time of one call, of the processor, or ten times as long by the clock; beyond it the call is interrupted and
    /// its pipeline ends with an error.
    pub call_time: Duration,
    /// `Timeout` objects that run at a time.
    pub timers: usize,
    /// Connections, accepted and opened, that are open at a time. Accepting pauses at it; `connect` is refused.
    pub connections: usize,
    /// SO_PRIORITY of the connections of TCP that scripts open, by which rules of the network can tell them from those of
    /// others with the same uid. None: the system's default.
    pub socket_priority: Option<u8>,
}

impl Default for ScriptLimits {
    fn default() -> Self {
        ScriptLimits {
            heap_bytes: SCRIPT_HEAP_BYTES,
            data_bytes: SCRIPT_DATA_BYTES,
            held_bytes: WORKER_HELD_BYTES,
            stack_bytes: SCRIPT_STACK_BYTES,
            call_time: SCRIPT_CALLBACK_TIME,
            timers: SCRIPT_TIMERS,
            connections: CONNECTIONS,
            socket_priority: None,
        }
    }
}

/// Connections of one worker. Far above what its memory serves; the system's limit of open files comes first mostly.
pub(crate) const CONNECTIONS: usize = 1 << 20;
/// Native stack that a script may use, in bytes: recursion ends in an exception, not in a crash.
pub(crate) const SCRIPT_STACK_BYTES: usize = 256 << 10;
/// Stack of a worker thread beside that of its scripts, in bytes: the engine's own frames.
pub(crate) const ENGINE_STACK_BYTES: usize = 768 << 10;
/// A script that has not returned for so long is interrupted; its pipeline ends with an error. While it runs its worker
/// serves nobody else, so this is the longest wait that one bad callback may put on all connections: callbacks take
/// microseconds, clients and health checks give up after one to several seconds (kubelet's probes: 1 s), and the slowest
/// honest work, a JSON text of tens of megabytes, ends within it. Counted is the processor's time, so that a Pod that may use
/// a hundredth of one does not lose its scripts for being slow.
pub(crate) const SCRIPT_CALLBACK_TIME: Duration = Duration::from_secs(1);
/// How many times as long by the clock a call may take: a call that waits for something, a file on a dead server, ends too.
pub(crate) const SCRIPT_CLOCK_FACTOR: u32 = 10;
/// How many times as long the programs that one call runs and waits for (`pipy.exec`) may take together, by the clock; the one
/// that takes longer is killed. Their worker serves nobody meanwhile, and one that never ends would stop it for good; but what
/// prepares a machine while scripts load (keys, routes, packages) takes several seconds.
pub(crate) const EXEC_FACTOR: u32 = 30;
/// First and longest pause between two looks whether such a program has ended once it has closed its output: most end with it.
pub(crate) const EXEC_LOOK: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(20));
/// Steps of one turn of the loop before it is considered stuck and ended with an error (`loop`, mutual links).
pub(crate) const TURN_STEPS: usize = 1 << 20;
/// Bytes read from a socket at once, as a rule.
pub(crate) const READ_BYTES: usize = 16 << 10;
/// Bytes read from a socket at once while its peer sends faster than `READ_BYTES` a read.
pub(crate) const READ_MOST_BYTES: usize = 256 << 10;
/// Size of a read that makes a connection which is relayed as it is one of bulk: see net/conduit.rs.
pub(crate) const BULK_BYTES: usize = 64 << 10;
/// Pipes that a worker's relayed connections may have open, and bytes that each may hold: together what the system lets a user
/// have as a rule (pipe-user-pages-soft). Further connections are read and written.
pub(crate) const CONDUITS: i64 = 64;
/// See [`CONDUITS`].
pub(crate) const CONDUIT_BYTES: usize = 1 << 20;
/// A pipe of less is not used: a read and a write cost less.
pub(crate) const CONDUIT_LEAST_BYTES: usize = 64 << 10;
/// Bytes that one connection passes on through its pipe before others are looked at.
pub(crate) const PASSED_AT_ONCE_BYTES: usize = 8 << 20;
/// Output pending for a socket above which the source of the data stops being read (`congestionLimit`).
pub(crate) const CONGESTION_BYTES: usize = 1 << 20;
/// Pending output of a socket that may wait until other sockets have had their turns, bytes: more is sent at the end of its own.
pub(crate) const SEND_LATE_BYTES: usize = 16 << 10;
/// Sockets whose output may wait so.
pub(crate) const OUTBOX_SOCKETS: usize = 16;
/// Turns that it may wait for.
pub(crate) const OUTBOX_TURNS: usize = 64;
/// Slices that one vectored write hands to the kernel (below IOV_MAX).
pub(crate) const WRITE_SLICES: usize = 64;
/// How long `detectProtocol` waits for the first bytes (`timeout`), seconds.
pub(crate) const DETECT_SECONDS: f64 = 1.0;
/// A connection on which nothing moved for so long is closed (`idleTimeout`), seconds.
pub(crate) const IDLE_SECONDS: f64 = 60.0;
/// Filter sets kept per layout for the next pipeline.
pub(crate) const POOLED_INSTANCES: usize = 64;
/// Pipelines nested in one another (sub-pipelines of sub-pipelines).
pub(crate) const PIPELINE_DEPTH: usize = 256;
/// Filters in one layout.
pub(crate) const LAYOUT_FILTERS: usize = 1024;
/// Modules of one codebase that may be loaded.
pub(crate) const MODULES: usize = 1024;
/// Pipelines that the scripts of one worker have spawned (`spawn`, `process`, `pipy.read`) and that have not ended.
pub(crate) const SPAWNED_PIPELINES: usize = 65_536;
/// Files that the scripts of one worker read as streams at a time (`pipy.read`); each has a thread.
pub(crate) const SCRIPT_READS: usize = 64;
/// Bytes read of such a file at once.
pub(crate) const FILE_READ_BYTES: usize = 64 << 10;
/// Promises of `pipy.watch` of one worker that wait.
pub(crate) const WATCHES: usize = 4096;
/// Functions that `pipy.exit(fn)` takes.
pub(crate) const EXIT_CALLBACKS: usize = 1024;
/// Bytes of files that `pipy.patch` keeps in one worker.
pub(crate) const PATCH_BYTES: usize = 16 << 20;
/// Folders that `pipy.mount` takes, files that are listed of one, and how deep.
pub(crate) const MOUNTS: usize = 64;
/// See [`MOUNTS`].
pub(crate) const MOUNTED_FILES: usize = 65_536;
/// See [`MOUNTS`].
pub(crate) const MOUNT_DEPTH: usize = 32;
/// Rejected promises without a handler that are logged of one turn.
pub(crate) const REJECTIONS: usize = 16;
/// Pending `Timeout` objects and other script timers of one worker.
pub(crate) const SCRIPT_TIMERS: usize = 100_000;
/// Longest interval of a task (24 hours) and shortest (10 ms), seconds; pipyjs/model.md section 2.
pub(crate) const TASK_SECONDS: (f64, f64) = (0.01, 86_400.0);
/// Jobs (promise callbacks) run at the end of one turn before the loop goes round again.
pub(crate) const JOBS_PER_TURN: usize = 10_000;
/// Looks of the script engine at its clock (one every ten thousand steps or so) after which promise callbacks wait for the
/// next turn though they are fewer.
pub(crate) const JOB_TICKS_PER_TURN: u64 = 64;
/// Events that a filter may hold while it waits (for a promise, a gate, a decision) before the stream fails with
/// BufferOverflow.
pub(crate) const HELD_EVENTS: usize = 65_536;
/// What a held event takes of `WORKER_HELD_BYTES` beside its own bytes.
pub(crate) const HELD_EVENT_BYTES: usize = 128;
/// Bytes that a filter may hold while it waits, or collect into one message, before the stream fails.
pub(crate) const HELD_BYTES: usize = 64 << 20;
/// Chunks of data that are shorter are joined, by copying, once `SMALL_CHUNKS` of them follow one another, bytes.
pub(crate) const SMALL_CHUNK_BYTES: usize = 1 << 10;
/// See [`SMALL_CHUNK_BYTES`].
pub(crate) const SMALL_CHUNKS: usize = 64;
/// Names of properties that a realm knows without asking QuickJS for their text.
pub(crate) const KNOWN_NAMES: usize = 1024;
/// Longest of these: each is held for as long as the realm lives.
pub(crate) const KNOWN_NAME_BYTES: usize = 64;
/// Bytes that go round in a `loop` before the source of its input is no longer read.
pub(crate) const LOOP_BYTES: usize = 1 << 20;
/// Bytes of a native head behind a script's object: one that grows beyond becomes a plain object, which the heap bounds.
pub(crate) const SHOWN_HEAD_BYTES: usize = 16 << 10;
/// Bytes that all filters of a worker hold together, unless its owner says otherwise (`ScriptLimits::held_bytes`).
pub(crate) const WORKER_HELD_BYTES: usize = 256 << 20;
/// Longest head that a decoder accepts (`maxHeaderSize`), bytes.
pub(crate) const HEADER_BYTES: usize = 16 << 10;
/// Requests of one connection that may be in progress (HTTP/1 pipelining) before it is no longer read.
/// Each may hold `HTTP_COLLECT_BYTES` of a response: one connection must not fill an agent's 64 MiB.
pub(crate) const PIPELINED_REQUESTS: usize = 8;
/// Lists with room for one request that a worker keeps for the next connections that have one.
pub(crate) const SPARE_REQUEST_LISTS: usize = 64;
/// Requests that one session of `muxHTTP` may have under way (`maxQueue`).
pub(crate) const SESSION_REQUESTS: usize = 64;
/// Children of a `demux` that nobody waits for, and that may still finish what they do.
pub(crate) const DEMUX_SILENT: usize = 1024;
/// How long a `mux` keeps a session that no stream uses (`maxIdle`), seconds.
pub(crate) const SESSION_IDLE_SECONDS: f64 = 60.0;
/// How long an HTTP server goes on reading, and dropping, what a client sends after the last response and our end: closing
/// at once would reset the connection, and the client might lose the response.
pub(crate) const HTTP_LINGER: Duration = Duration::from_secs(10);
/// Bytes that are dropped so.
pub(crate) const HTTP_LINGER_BYTES: u64 = 64 << 20;
/// How long a worker that ends waits for the peer of a connection whose own end was sent, or on which nothing was said.
pub(crate) const DRAIN_LINGER: Duration = Duration::from_secs(1);
/// Addresses taken from one DNS answer.
pub(crate) const DNS_ADDRESSES: usize = 16;
/// Peers of one UDP listener that have a pipeline; beyond, the one that was silent for longest is ended. Each costs a
/// few kilobytes, and a client of DNS comes from a new port each time.
pub(crate) const UDP_PEERS: usize = 2048;
/// Datagrams that wait to be sent on one socket.
pub(crate) const UDP_QUEUE: usize = 1024;
/// Names kept in a worker's DNS cache.
pub(crate) const DNS_CACHE_NAMES: usize = 1024;
/// Longest wait for a DNS answer; a dead resolver takes a minute by itself.
pub(crate) const DNS_DEADLINE: Duration = Duration::from_secs(2);
/// `DNS.resolve` calls of one worker that are under way.
pub(crate) const SCRIPT_LOOKUPS: usize = 1024;
/// Sub-pipelines that a `fork` starts for one stream.
pub(crate) const FORK_CHILDREN: usize = 1024;
/// Bytes of a separator of `split`.
pub(crate) const SEPARATOR_BYTES: usize = 1 << 10;
/// Bytes that a decompressor outputs at once, and in one turn: more comes when those downstream take it.
pub(crate) const INFLATE_BYTES: usize = 32 << 10;
/// See `INFLATE_BYTES`.
pub(crate) const INFLATE_TURN_BYTES: usize = 256 << 10;
/// Names of quotas that all threads share (`algo.Quota` with a key).
pub(crate) const SHARED_QUOTAS: usize = 4096;
/// Files that `tee` keeps open for pipelines that share them, beyond those in use.
pub(crate) const SHARED_FILES: usize = 64;
/// Processes of one worker that run (`exec`).
pub(crate) const PROCESSES: usize = 256;
/// How long a process of a pipeline that has ended may go on after SIGTERM before SIGKILL ends it. Shells and servers end
/// within milliseconds; what flushes to a disk gets its time, as an orchestrator gives it.
pub(crate) const PROCESS_END: Duration = Duration::from_secs(5);
/// The same for processes of a worker that ends itself: whoever ends it waits for it.
pub(crate) const PROCESS_END_WITH_WORKER: Duration = Duration::from_secs(1);
/// How long a worker that ends waits for a process that was killed: one that waits inside the system does not hear of it.
pub(crate) const PROCESS_KILLED: Duration = Duration::from_secs(2);
/// Bytes kept for the reader of a named pipe that a script writes; what comes beyond is lost.
pub(crate) const FIFO_PENDING_BYTES: usize = 1 << 20;
/// How long a script may wait for a named pipe that it reads or writes whole (`os.read`, `os.write`).
pub(crate) const FIFO_TIME: Duration = Duration::from_secs(1);
/// Bytes of a process's standard error that are kept for `onExit`.
pub(crate) const PROCESS_STDERR_BYTES: usize = 64 << 10;
/// Parameters taken from one query string.
pub(crate) const QUERY_PARAMETERS: usize = 10_000;
/// A hosts file is read again when what was read is older.
pub(crate) const DNS_HOSTS_AGE: Duration = Duration::from_secs(5);
/// Bytes read of resolv.conf and of the hosts file.
pub(crate) const DNS_FILE_BYTES: u64 = 1 << 20;
/// Shortest pause between attempts to connect, whatever `retryDelay` says: an endless retry must not take a whole core.
pub(crate) const CONNECT_RETRY_PAUSE: Duration = Duration::from_millis(10);
/// Bytes of files that one `http.Directory` keeps; the others are read each time.
pub(crate) const DIRECTORY_BYTES: usize = 8 << 20;
/// Longest file of the system that `http.Directory` serves, bytes.
pub(crate) const DIRECTORY_FILE_BYTES: u64 = 16 << 20;
/// Files of a tar archive that `http.Directory` serves.
pub(crate) const TAR_FILES: usize = 16_384;
/// Targets of one logger.
pub(crate) const LOG_TARGETS: usize = 16;
/// Pause before a file that could not be opened, or written to, is tried again.
pub(crate) const LOG_FILE_RETRY: Duration = Duration::from_secs(5);
/// Pause before a log server is connected to again, seconds.
pub(crate) const LOG_RETRY_SECONDS: f64 = 5.0;
/// A batch of log items whose connection ends without an answer is sent once more, if it was given to it no longer ago.
pub(crate) const LOG_RESEND: Duration = Duration::from_secs(5);
/// Bytes that wait for a log server (`bufferLimit`) before they are dropped.
pub(crate) const LOG_BUFFER_BYTES: usize = 8 << 20;
/// Bytes of a batch of log items that is sent though it is not complete.
pub(crate) const LOG_BATCH_BYTES: usize = 512 << 10;
/// How long a pipeline of `.admin(path)` may take for an answer.
pub(crate) const ADMIN_TIME: Duration = Duration::from_secs(20);
/// Messages waiting between the control thread and a worker.
pub(crate) const CONTROL_QUEUE: usize = 64;
/// Bytes of an HTTP/1 body that are collected to learn its length before it is sent in chunks (`bufferSize` 0).
pub(crate) const HTTP_COLLECT_BYTES: usize = 1 << 20;
/// Streams of one HTTP/2 connection that a client may have open; announced. DEVIATES: upstream announces no limit.
pub(crate) const HTTP2_STREAMS: u32 = 128;
/// The same where we have made the connection and the other side turned it round (a tunnel of an agent to its hub): its
/// sessions have nowhere else to go when this is reached. As many as `HTTP2_SESSION_STREAMS`.
pub(crate) const HTTP2_OWN_STREAMS: u32 = 1024;
/// Streams that one HTTP/2 session of `muxHTTP` may have (`maxQueue`), if the server allows as many.
pub(crate) const HTTP2_SESSION_STREAMS: usize = 1024;
/// Windows of a connection and of a stream (`connectionWindowSize`, `streamWindowSize`), bytes.
pub(crate) const HTTP2_WINDOW_BYTES: u32 = 1 << 20;
/// Bytes that one stream may hold for sending before its source is no longer read: with all streams of a connection, 8 MiB.
pub(crate) const HTTP2_SEND_BYTES: usize = 64 << 10;
/// Bytes of streams whose readers are slow, and that other streams of the connection need not wait for: eight windows.
pub(crate) const HTTP2_KEPT_BYTES: usize = 8 << 20;
/// Bytes of a body that are gathered in a turn before they become frames.
pub(crate) const HTTP2_GATHERED_BYTES: usize = 16 << 10;
/// Bytes of a request's body that are kept until its response begins: it is sent again when an HTTP/2 server did not look at it.
pub(crate) const HTTP2_AGAIN_BYTES: usize = 64 << 10;
/// Part of `WORKER_HELD_BYTES` that all such copies of a worker may take beside it: 16 MiB of 256. Who finds none left is not sent again.
pub(crate) const HTTP2_AGAIN_PART: usize = 16;
/// How often a request may be sent again when servers take some requests of a session and say goodbye: as often as all streams of a
/// session need when ten are taken of each, as of `HTTP2_STREAMS`, and some more.
pub(crate) const HTTP2_GOODBYE_AGAIN: usize = 32;
/// The same of servers that say goodbye to all.
pub(crate) const HTTP2_UNSERVED_AGAIN: usize = 1;
/// How often a request may be sent again when the server refused it and said nothing of others: once more than `HTTP2_REFUSALS`,
/// so that another session is tried.
pub(crate) const HTTP2_REFUSED_AGAIN: usize = 4;
/// Requests that a server may refuse, answering none, before its session is left.
pub(crate) const HTTP2_REFUSALS: usize = 3;
/// First and longest time before a request is sent again; half of each is chance. `HTTP2_GOODBYE_AGAIN` of them are 3 s.
pub(crate) const HTTP2_AGAIN_PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));
/// How often the budgets against floods are refilled.
pub(crate) const HTTP2_REFILL: Duration = Duration::from_secs(1);
/// How long an HTTP/2 server that leaves waits for its client to show that it knows; then streams that are still on their way are
/// refused, and the client asks elsewhere. Most answer at once; one on a busy machine took three seconds.
#[cfg(not(test))]
pub(crate) const HTTP2_GOODBYE: Duration = Duration::from_secs(10);
/// As above; tests wait for it.
#[cfg(test)]
pub(crate) const HTTP2_GOODBYE: Duration = Duration::from_secs(2);
/// Bytes of a WebSocket frame that we make; longer messages go out in fragments.
pub(crate) const WEBSOCKET_FRAME_BYTES: usize = 16 << 10;
/// Bodies up to so many bytes are copied behind their head, so that a message is one slice.
pub(crate) const HTTP_INLINE_BYTES: usize = 4 << 10;
/// Bytes of a response that may wait for the responses before it while its source is still read.
pub(crate) const HTTP_HELD_RESPONSE_BYTES: usize = 256 << 10;
/// Longest handshake of a TLS connection, from the first byte that a server reads or a client gets.
#[cfg(not(test))]
pub(crate) const TLS_HANDSHAKE_TIME: Duration = Duration::from_secs(30);
/// As above; tests wait for it.
#[cfg(test)]
pub(crate) const TLS_HANDSHAKE_TIME: Duration = Duration::from_secs(5);
/// How long a session ticket is good for; servers take them for up to twice as long.
pub(crate) const TLS_TICKET_TIME: Duration = Duration::from_secs(6 * 3600);
/// Bytes of a ticket that a server looks at; it holds the certificates of the client.
pub(crate) const TLS_TICKET_BYTES: usize = 32 << 10;
/// Tickets sent after a handshake of TLS 1.3, so that a client may resume with several connections at once.
pub(crate) const TLS_TICKETS: usize = 2;
/// Sessions of servers that a `connectTLS` remembers.
pub(crate) const TLS_CLIENT_SESSIONS: usize = 32;
/// Lists and mappings of a YAML text nested in one another.
pub(crate) const YAML_DEPTH: usize = 200;
/// Elements of an XML text nested in one another.
pub(crate) const XML_DEPTH: usize = 256;
/// Bytes of a `CStruct`, `CUnion` or `CString`.
pub(crate) const C_STRUCT_BYTES: usize = 1 << 20;
/// Messages of protobuf in one another: what the native stack of scripts has room for.
pub(crate) const PROTOBUF_DEPTH: usize = 40;
/// Bytes that one call of `zlib` may give.
pub(crate) const ZLIB_BYTES: usize = 16 << 20;
/// Maps that scripts share by name (`algo.SharedMap`), in the process.
pub(crate) const SHARED_MAPS: usize = 1024;
/// Bytes of all shared maps together.
pub(crate) const SHARED_BYTES: usize = 16 << 20;
/// Bytes of the name of a shared map, and of the key of a shared quota.
pub(crate) const SHARED_NAME_BYTES: usize = 1 << 10;
/// Bytes of one shared map: keys, texts, and `SHARED_ENTRY_BYTES` for each entry.
pub(crate) const SHARED_MAP_BYTES: usize = 8 << 20;
/// What an entry of a shared map takes beside its key and text, bytes.
pub(crate) const SHARED_ENTRY_BYTES: usize = 64;
/// Metrics and label values that the scripts of one version make on a worker.
pub(crate) const METRICS: usize = 20_000;
/// Names of metrics of earlier versions that a worker goes on to report.
pub(crate) const METRICS_KEPT: usize = 1024;
/// Listeners, peers and targets of connections that are counted apart; what comes after them counts as `other`.
pub(crate) const METRIC_PEERS: usize = 1024;
/// `stats.sum` calls of one worker that are under way.
pub(crate) const METRIC_SUMS: usize = 256;
/// Bits of an RSA key that a script has made: TLS takes no shorter ones, and longer ones would stop the worker for seconds.
pub(crate) const RSA_BITS: (u16, u16) = (2048, 4096);
/// Bytes that a script collects in one `Sign` or `Verify` before its result.
pub(crate) const SIGNED_BYTES: usize = 64 << 20;
