//! `decodeThrift()`: messages of Thrift, whichever protocol they are in; the payload is `{ protocol, type, seqID, name, fields }`.
//! Example: `.decodeThrift().handleMessageEnd(evt => console.log(evt.payload.name))`.
//! DEVIATES: a message with its length in front (framed) is taken too; its payload has `framed: true`.
//! Source: pipyjs/filters.md section 8.

use crate::event::{Event, MessageEnd, MessageStart, Reason, StreamError};
use crate::js;
use crate::limits;
use crate::pipeline::{Cx, Filter, Out, Spec, Subs};
use crate::value::Saved;
use ballast_codec::Chunks;
use ballast_codec::thrift::{Decoder, Error, Message};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "decodeThrift",
    args: "()",
    about: "decodes Thrift, binary and compact; a message's payload is the call",
    subs: Subs::None,
    build: |_| {
        Ok(Rc::new(|| {
            Box::new(DecodeThrift {
                decoder: Decoder::new(limits::HELD_BYTES),
                input: Chunks::new(),
            })
        }))
    },
};

struct DecodeThrift {
    decoder: Decoder,
    input: Chunks,
}

impl DecodeThrift {
    fn broken(&mut self, error: &Error, out: &mut Out<'_>) {
        tracing::debug!(target: "tcp", %error, "not Thrift");
        self.input.clear();
        out.end(Reason::Named(StreamError::ProtocolError));
    }

    /// One message.
    fn message(cx: &mut Cx<'_>, message: &Message, out: &mut Out<'_>) {
        match js::thrift_object(&cx.js, message) {
            Ok(payload) => {
                out.emit(Event::MessageStart(MessageStart::default()));
                out.emit(Event::MessageEnd(MessageEnd {
                    tail: None,
                    payload: Some(Saved::new(&cx.js, payload.into_value())),
                }));
            }
            Err(error) => {
                let reason = cx.failed(&out.place(), error);
                out.end(reason);
            }
        }
    }
}

impl Filter for DecodeThrift {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::Data(data) => {
                self.input.extend(data);
                while !out.is_over() {
                    match self.decoder.decode(&mut self.input) {
                        Ok(Some(message)) => Self::message(cx, &message, out),
                        Ok(None) => return,
                        Err(error) => return self.broken(&error, out),
                    }
                }
            }
            // Nobody may take half a message for a whole one.
            Event::StreamEnd(reason) => match self.decoder.finish() {
                Err(error) if reason.is_clean() => self.broken(&error, out),
                _ => out.end(reason),
            },
            Event::MessageStart(_) | Event::MessageEnd(_) => {}
        }
    }

    fn reset(&mut self) {
        self.decoder = Decoder::new(limits::HELD_BYTES);
        self.input.clear();
    }
}
