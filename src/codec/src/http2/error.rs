//! What can be wrong with HTTP/2, and with what is asked to be sent.
//!
//! For: the codes that go on the wire, and who is hit: one stream or the connection. Source: RFC 9113 5.4, 7.
use std::fmt;

/// A code of RST_STREAM or GOAWAY. Unknown ones are let through (RFC 9113 7).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// Not an error: an orderly end.
    pub const NO_ERROR: Self = Self(0x0);
    /// Something that the protocol does not allow.
    pub const PROTOCOL_ERROR: Self = Self(0x1);
    /// A fault of the sender of the code.
    pub const INTERNAL_ERROR: Self = Self(0x2);
    /// More was sent than the window allowed.
    pub const FLOW_CONTROL_ERROR: Self = Self(0x3);
    /// SETTINGS were not acknowledged in time.
    pub const SETTINGS_TIMEOUT: Self = Self(0x4);
    /// A frame for a stream on which nothing may come any more.
    pub const STREAM_CLOSED: Self = Self(0x5);
    /// A frame of a wrong size.
    pub const FRAME_SIZE_ERROR: Self = Self(0x6);
    /// The stream was not processed: the request may be sent again.
    pub const REFUSED_STREAM: Self = Self(0x7);
    /// The stream is not wanted any more.
    pub const CANCEL: Self = Self(0x8);
    /// The compression state cannot be kept.
    pub const COMPRESSION_ERROR: Self = Self(0x9);
    /// The TCP connection of a CONNECT broke.
    pub const CONNECT_ERROR: Self = Self(0xa);
    /// The peer behaves like an attacker.
    pub const ENHANCE_YOUR_CALM: Self = Self(0xb);
    /// TLS is not good enough.
    pub const INADEQUATE_SECURITY: Self = Self(0xc);
    /// The request needs HTTP/1.1.
    pub const HTTP_1_1_REQUIRED: Self = Self(0xd);

    /// The RFC's name; `UNKNOWN` for a code that it does not have.
    pub fn name(self) -> &'static str {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        NAMES.get(self.0 as usize).copied().unwrap_or("UNKNOWN")
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The connection is of no further use. A GOAWAY with the code is in the output already: send that, then close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{why}: {code}")]
pub struct ConnectionError {
    /// As sent to the peer.
    pub code: ErrorCode,
    /// What the peer did, in words.
    pub why: &'static str,
}

/// Why something cannot be sent. Nothing was changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The stream is unknown: it ended or was reset. Usually it is enough to drop what was to be sent.
    #[error("the stream has ended or was reset")]
    Closed,
    /// A second final head, data before the head, or something after the end.
    #[error("wrong order: a head, then data, then one end")]
    Order,
    /// The peer allows no more streams now. Wait for one to end, or use another connection.
    #[error("the peer allows no more concurrent streams")]
    TooManyStreams,
    /// No new stream on this connection: GOAWAY was sent or received, it failed, or the stream numbers are used up.
    #[error("no new stream on this connection; use another one")]
    GoingAway,
    /// This part of the head would not be understood by any peer.
    #[error("cannot send this {0}")]
    Unsendable(&'static str),
}

/// Who is hit by a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Connection(ConnectionError),
    Stream(u32, ErrorCode),
}

/// A fault of the whole connection.
pub(super) const fn connection(code: ErrorCode, why: &'static str) -> Fault {
    Fault::Connection(ConnectionError { code, why })
}

/// `PROTOCOL_ERROR` of the whole connection.
pub(super) const fn protocol(why: &'static str) -> Fault {
    connection(ErrorCode::PROTOCOL_ERROR, why)
}
