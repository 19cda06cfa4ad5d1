//! `decodeWebSocket()`: WebSocket frames into messages with head `{ opcode, masked }`.
//! Example: `.decodeWebSocket().handleMessage(msg => console.log(msg.head.opcode))`.
//! Source: pipyjs/filters.md section 8; RFC 6455 section 5.

use crate::event::{Event, HeadKind, MessageEnd, MessageStart, StreamError};
use crate::limits;
use crate::pipeline::{Cx, Filter, Out, Spec, Subs};
use ballast_codec::Chunks;
use ballast_codec::websocket::{Decoder, Error, Part};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "decodeWebSocket",
    args: "()",
    about: "decodes WebSocket frames; what is in fragments becomes one message",
    subs: Subs::None,
    build: |_| {
        Ok(Rc::new(|| {
            Box::new(DecodeWebSocket {
                decoder: Decoder::new(limits::HELD_BYTES),
                input: Chunks::new(),
            })
        }))
    },
};

struct DecodeWebSocket {
    decoder: Decoder,
    input: Chunks,
}

impl DecodeWebSocket {
    fn broken(&mut self, error: &Error, out: &mut Out<'_>) {
        tracing::debug!(target: "http", %error, "not WebSocket");
        self.input.clear();
        out.emit(StreamError::ProtocolError.into());
    }
}

impl Filter for DecodeWebSocket {
    fn process(&mut self, _cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::Data(data) => {
                self.input.extend(data);
                loop {
                    out.emit(match self.decoder.decode(&mut self.input) {
                        Ok(Some(Part::Start(head))) => {
                            Event::MessageStart(MessageStart::new(HeadKind::WebSocket(head)))
                        }
                        Ok(Some(Part::Body(bytes))) => Event::Data(bytes.into()),
                        Ok(Some(Part::End)) => Event::MessageEnd(MessageEnd::default()),
                        Ok(None) => return,
                        Err(error) => return self.broken(&error, out),
                    });
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
