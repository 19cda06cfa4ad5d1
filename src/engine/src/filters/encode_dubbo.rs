//! `encodeDubbo()`: messages into Dubbo frames; their length stands before them, so a body is gathered whole.
//! Example: `.replaceMessage(m => new Message({ requestID: m.head.requestID }, Hessian.encode(1, 'hi'))).encodeDubbo()`.
//! Source: pipyjs/filters.md section 8.

use crate::data::Data;
use crate::event::{Event, Reason, StreamError};
use crate::js;
use crate::limits;
use crate::pipeline::{Cx, Filter, Out, Spec, Subs};
use ballast_codec::dubbo::{self, HEAD_BYTES, Head};
use bytes::BytesMut;
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "encodeDubbo",
    args: "()",
    about: "encodes messages as Dubbo's frames",
    subs: Subs::None,
    build: |_| Ok(Rc::new(|| Box::new(EncodeDubbo { open: None }))),
};

struct EncodeDubbo {
    /// The message that has begun.
    open: Option<(Head, Data)>,
}

impl Filter for EncodeDubbo {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match (event, &mut self.open) {
            (Event::MessageStart(start), None) => match js::dubbo_head_of(&cx.js, start.head.as_ref()) {
                Ok(head) => self.open = Some((head, Data::new())),
                Err(error) => {
                    let reason = cx.failed(&out.place(), error);
                    out.end(reason);
                }
            },
            (Event::Data(data), Some((_, body))) => {
                body.append(data);
                if body.len() > limits::HELD_BYTES {
                    self.open = None;
                    out.end(Reason::Named(StreamError::BufferOverflow));
                }
            }
            (Event::MessageEnd(_), open @ Some(_)) => {
                if let Some((head, body)) = open.take() {
                    let mut bytes = BytesMut::with_capacity(HEAD_BYTES);
                    let length = u32::try_from(body.len()).expect("bodies are bounded by HELD_BYTES");
                    dubbo::encode_head(&head, length, &mut bytes);
                    let mut frame = Data::from(bytes.freeze());
                    frame.append(body);
                    out.emit(Event::Data(frame));
                }
            }
            (Event::StreamEnd(reason), open) => {
                *open = None;
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
