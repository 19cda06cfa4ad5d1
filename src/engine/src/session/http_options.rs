//! Options that the HTTP filters share. Source: pipyjs/http.md sections 4 and 5.

use crate::js::{self, Callback, Options};
use crate::limits;
use crate::value::Saved;
use ballast_codec::http1::Limits;
use ballast_codec::http2::Config;
use rquickjs::Ctx;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct HttpOptions {
    /// Bytes of a body collected before it is chunked; 0: see `Encoder::new`.
    pub buffer_size: usize,
    /// Bounds of the decoder.
    pub limits: Limits,
    /// Requests of one connection; 0: no limit.
    pub max_messages: usize,
    /// Windows and bounds of HTTP/2.
    pub http2: Config,
}

impl HttpOptions {
    /// Reads them.
    ///
    /// # Errors  Throws for values of a wrong type.
    pub(crate) fn parse(options: &Options<'_>) -> js::Result<Self> {
        let window = |name| -> js::Result<u32> {
            let size = options.size(name)?.unwrap_or(limits::HTTP2_WINDOW_BYTES as usize);
            Ok(u32::try_from(size).unwrap_or(u32::MAX))
        };
        let (connection_window, stream_window) = (window("connectionWindowSize")?, window("streamWindowSize")?);
        let max_head_bytes = options.size("maxHeaderSize")?.unwrap_or(limits::HEADER_BYTES);
        let defaults = Limits::default();
        Ok(HttpOptions {
            buffer_size: options.size("bufferSize")?.unwrap_or(0),
            limits: Limits {
                max_head_bytes,
                max_total_head_bytes: defaults.max_total_head_bytes.max(max_head_bytes),
                ..defaults
            },
            max_messages: options
                .number("maxMessages")?
                .map_or(0, |number| number.max(0.0) as usize),
            http2: Config {
                connection_window,
                stream_window,
                max_field_bytes: max_head_bytes,
                max_header_list_bytes: defaults.max_total_head_bytes.max(max_head_bytes),
                send_buffer_bytes: limits::HTTP2_SEND_BYTES,
                max_kept_bytes: limits::HTTP2_KEPT_BYTES,
                max_concurrent_streams: limits::HTTP2_STREAMS,
                ..Config::default()
            },
        })
    }
}

/// Options of `muxHTTP`.
#[derive(Clone, Debug)]
pub(crate) struct MuxOptions {
    /// The common ones.
    pub http: HttpOptions,
    /// Seconds that an unused session is kept.
    pub max_idle: f64,
    /// Requests in progress on one session; of HTTP/1 `limits::SESSION_REQUESTS` at most.
    pub max_queue: usize,
    /// HTTP/2: gives what to send in a PING.
    pub ping: Option<Callback>,
    /// What to speak: a value, or a function.
    pub version: Option<Saved>,
}

impl MuxOptions {
    /// Reads them.
    ///
    /// # Errors  Throws for values of a wrong type.
    pub(crate) fn parse<'js>(ctx: &Ctx<'js>, options: &Options<'js>) -> js::Result<Self> {
        let queue = options.number("maxQueue")?.map_or(1, |number| number as usize);
        Ok(MuxOptions {
            http: HttpOptions::parse(options)?,
            max_idle: options.seconds("maxIdle")?.unwrap_or(limits::SESSION_IDLE_SECONDS),
            max_queue: queue.max(1),
            ping: options.callback("ping")?,
            version: options.value("version")?.map(|value| Saved::new(ctx, value)),
        })
    }
}
