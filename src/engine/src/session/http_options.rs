//! Options that the HTTP filters share. Source: pipyjs/http.md sections 4 and 5.

use crate::js::{self, Options};
use crate::limits;
use ballast_codec::http1::Limits;

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
