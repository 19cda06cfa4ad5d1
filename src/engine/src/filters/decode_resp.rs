//! `decodeRESP()`: bytes of Redis' protocol into messages whose payload is the value.
//! Example: `.decodeRESP().handleMessageEnd(evt => console.log(evt.payload))`.
//! Source: pipyjs/filters.md section 8.

use crate::event::{Event, MessageEnd, MessageStart, StreamError};
use crate::js;
use crate::limits;
use crate::pipeline::{Cx, Filter, Out, Spec, Subs};
use crate::value::Saved;
use ballast_codec::Chunks;
use ballast_codec::resp::{Decoder, Error, Value};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "decodeRESP",
    args: "()",
    about: "decodes Redis' protocol; a message's payload is the value",
    subs: Subs::None,
    build: |_| {
        Ok(Rc::new(|| {
            Box::new(DecodeResp {
                decoder: Decoder::new(limits::HELD_BYTES),
                input: Chunks::new(),
            })
        }))
    },
};

struct DecodeResp {
    decoder: Decoder,
    input: Chunks,
}

impl DecodeResp {
    fn broken(&mut self, error: &Error, out: &mut Out<'_>) {
        tracing::debug!(target: "tcp", %error, "not RESP");
        self.input.clear();
        out.emit(StreamError::ProtocolError.into());
    }

    /// One message.
    fn message(cx: &mut Cx<'_>, value: &Value, out: &mut Out<'_>) {
        match js::resp_value(&cx.js, value) {
            Ok(payload) => {
                out.emit(Event::MessageStart(MessageStart::default()));
                out.emit(Event::MessageEnd(MessageEnd {
                    tail: None,
                    payload: Some(Saved::new(&cx.js, payload)),
                }));
            }
            Err(error) => {
                let reason = cx.failed(&out.place(), error);
                out.end(reason);
            }
        }
    }
}

impl Filter for DecodeResp {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::Data(data) => {
                self.input.extend(data);
                loop {
                    match self.decoder.decode(&mut self.input) {
                        Ok(Some(value)) => Self::message(cx, &value, out),
                        Ok(None) => return,
                        Err(error) => return self.broken(&error, out),
                    }
                }
            }
            // Nobody may take half a value for a whole one.
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
