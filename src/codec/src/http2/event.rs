//! What a connection tells its user.
//!
//! Source: RFC 9113 5, 6, 8.1.
use super::ErrorCode;
use crate::http1::{Headers, RequestHead, ResponseHead};
use bytes::Bytes;

/// Number of a stream: odd, for only clients open streams.
pub type StreamId = u32;

/// One thing that happened. After a part with `end`, nothing more comes from the peer on that stream but perhaps a `Reset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Server: a new stream, with its request. Version is `Http2`; `host` is filled in from `:authority`.
    Request {
        /// The new stream.
        stream: StreamId,
        /// For CONNECT the target is `host:port`.
        head: RequestHead,
        /// There is no body.
        end: bool,
    },
    /// Client: the head of a response; those with 1xx are followed by another one.
    Response {
        /// The request's stream.
        stream: StreamId,
        /// The reason is empty.
        head: ResponseHead,
        /// There is no body.
        end: bool,
    },
    /// A piece of the body, uncopied, without padding; empty only with `end`. Each byte is to be given back with `release`, or the peer
    /// will have to stop.
    Data {
        /// Of which stream.
        stream: StreamId,
        /// The piece.
        bytes: Bytes,
        /// It is the last one.
        end: bool,
    },
    /// The end of a body, with trailers.
    Trailers {
        /// Of which stream.
        stream: StreamId,
        /// As sent; no pseudo headers.
        headers: Headers,
    },
    /// The stream is gone, both ways: drop all that belongs to it. Bytes of it need not be released.
    Reset {
        /// Which one.
        stream: StreamId,
        /// `REFUSED_STREAM`: the request was not processed and may be sent again, elsewhere.
        code: ErrorCode,
        /// Whose decision it was: the peer's, or the codec's because the peer broke a rule.
        by_peer: bool,
    },
    /// The peer will not start or accept new streams. Those above `last` follow as `Reset` with `REFUSED_STREAM`; others go on.
    Goaway {
        /// The last stream that the peer has or may have processed.
        last: StreamId,
        /// `NO_ERROR` for an orderly end.
        code: ErrorCode,
    },
    /// The answer to `ping`.
    Pong([u8; 8]),
    /// After `send_data` said that the stream was full: half of its buffer is free again.
    Room {
        /// Which one.
        stream: StreamId,
    },
    /// The peer's settings have come, or changed; see `Connection::max_streams`.
    Settings,
}

/// Whether more data should be given to a stream now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Go on.
    Left,
    /// Stop until `Event::Room`. What was given has been taken.
    Full,
}
