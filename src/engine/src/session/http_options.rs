//! Options that the HTTP filters share. Source: pipyjs/http.md sections 4 and 5.

use crate::js::{self, Options};
use crate::limits;
use crate::value::Saved;
use ballast_codec::http1::Limits;
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
}

impl HttpOptions {
    /// Reads them. The window sizes of HTTP/2 are checked and not used.
    ///
    /// # Errors  Throws for values of a wrong type.
    pub(crate) fn parse(options: &Options<'_>) -> js::Result<Self> {
        options.size("connectionWindowSize")?;
        options.size("streamWindowSize")?;
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
    /// Requests in progress on one session.
    pub max_queue: usize,
    /// What to speak: a value, or a function.
    pub version: Option<Saved>,
}

impl MuxOptions {
    /// Reads them.
    ///
    /// # Errors  Throws for values of a wrong type.
    pub(crate) fn parse<'js>(ctx: &Ctx<'js>, options: &Options<'js>) -> js::Result<Self> {
        options.callback("ping")?;
        let queue = options.number("maxQueue")?.map_or(1, |number| number as usize);
        Ok(MuxOptions {
            http: HttpOptions::parse(options)?,
            max_idle: options.seconds("maxIdle")?.unwrap_or(limits::SESSION_IDLE_SECONDS),
            max_queue: queue.clamp(1, limits::SESSION_REQUESTS),
            version: options.value("version")?.map(|value| Saved::new(ctx, value)),
        })
    }
}
