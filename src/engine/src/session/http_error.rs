//! Responses that we make ourselves: for streams that ended with an error, and for requests that are none.
//! Source: pipyjs/http.md section 3 "Synthesised responses".

use crate::data::Data;
use crate::event::{HeadKind, MessageStart, Reason, StreamError};
use crate::js;
use crate::message::Message;
use ballast_codec::http1::ResponseHead;
use bytes::Bytes;
use rquickjs::Ctx;

/// A response without headers; an empty reason is the standard one.
pub(crate) fn response(status: u16, reason: &'static str) -> Message {
    let head = ResponseHead {
        status,
        reason: Bytes::from_static(reason.as_bytes()),
        ..ResponseHead::default()
    };
    Message {
        head: MessageStart::new(HeadKind::Response(head)).head,
        ..Message::default()
    }
}

/// The response for a stream that ended with an error before a response head; None for a clean end.
pub(crate) fn response_for(ctx: &Ctx<'_>, reason: &Reason) -> Option<Message> {
    let (status, text) = match reason.code()? {
        StreamError::CannotResolve => (502, "Cannot Resolve"),
        StreamError::ConnectionRefused => (502, "Connection Refused"),
        StreamError::Unauthorized => (401, "Unauthorized"),
        StreamError::ReadError => (502, "Read Error"),
        StreamError::WriteError => (502, "Write Error"),
        StreamError::ConnectionTimeout
        | StreamError::ReadTimeout
        | StreamError::WriteTimeout
        | StreamError::IdleTimeout => (504, "Gateway Timeout"),
        _ => (502, "Bad Gateway"),
    };
    let mut message = response(status, text);
    if let Reason::Value(value) = reason {
        let dump = js::format_line(ctx, &[value.get(ctx)]);
        message.body = Some(Data::from(dump.as_str()));
    }
    Some(message)
}
