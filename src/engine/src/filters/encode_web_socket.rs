//! `encodeWebSocket()`: messages with head `{ opcode = 2, masked = false }` into WebSocket frames.
//! Example: `.replaceMessage(msg => new Message({ opcode: 1 }, 'hi')).encodeWebSocket()`.
//! Source: pipyjs/filters.md section 8; RFC 6455 section 5.

use crate::data::Data;
use crate::event::{Event, MessageStart};
use crate::js;
use crate::limits;
use crate::pipeline::{Cx, Filter, Out, Spec, Subs};
use ballast_codec::websocket::{self, Head, MAX_CONTROL_BYTES};
use bytes::BytesMut;
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "encodeWebSocket",
    args: "()",
    about: "encodes messages as WebSocket frames",
    subs: Subs::None,
    build: |_| Ok(Rc::new(|| Box::new(EncodeWebSocket { open: None }))),
};

struct EncodeWebSocket {
    open: Option<Open>,
}

/// The message that is being written.
struct Open {
    head: Head,
    /// What has not been sent, for the last fragment is to say so.
    pending: Data,
    /// A fragment has been sent.
    is_continued: bool,
}

impl Open {
    fn frame(&mut self, body: &Data, fin: bool, out: &mut Out<'_>) {
        let key = self.head.masked.then(|| fastrand::u32(..).to_ne_bytes());
        let opcode = if self.is_continued { 0 } else { self.head.opcode };
        self.is_continued = true;
        // A frame is one piece: sixteen KB at most, and masking needs a copy anyway.
        let mut bytes = BytesMut::with_capacity(14 + body.len());
        websocket::encode_header(opcode, fin, key, body.len(), &mut bytes);
        let from = bytes.len();
        body.chunks().for_each(|chunk| bytes.extend_from_slice(chunk));
        if let Some(key) = key {
            websocket::mask(key, 0, &mut bytes[from..]);
        }
        out.emit(Event::Data(bytes.freeze().into()));
    }
}

impl EncodeWebSocket {
    fn start(&mut self, cx: &mut Cx<'_>, start: &MessageStart, out: &mut Out<'_>) {
        match js::websocket_head_of(&cx.js, start.head.as_ref()) {
            Ok(head) => {
                self.open = Some(Open {
                    head,
                    pending: Data::new(),
                    is_continued: false,
                });
            }
            Err(error) => {
                let reason = cx.failed(&out.place(), error);
                out.end(reason);
            }
        }
    }
}

impl Filter for EncodeWebSocket {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match (event, &mut self.open) {
            (Event::MessageStart(start), None) => self.start(cx, &start, out),
            (Event::Data(data), Some(open)) => {
                open.pending.append(data);
                if open.head.opcode < websocket::CLOSE {
                    while open.pending.len() > limits::WEBSOCKET_FRAME_BYTES {
                        let body = open.pending.shift(limits::WEBSOCKET_FRAME_BYTES);
                        open.frame(&body, false, out);
                    }
                } else if open.pending.len() > MAX_CONTROL_BYTES {
                    let opcode = open.head.opcode;
                    self.open = None;
                    cx.fail(
                        out,
                        &format!("a WebSocket message with opcode {opcode} has more than {MAX_CONTROL_BYTES} bytes"),
                    );
                }
            }
            (Event::MessageEnd(_), Some(open)) => {
                let body = std::mem::take(&mut open.pending);
                open.frame(&body, true, out);
                self.open = None;
            }
            (Event::StreamEnd(reason), _) => {
                self.open = None;
                out.end(reason);
            }
            // A start inside of a message, and what stands outside of one.
            _ => {}
        }
    }

    fn reset(&mut self) {
        self.open = None;
    }
}
