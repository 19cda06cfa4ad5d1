//! The shape of filters that decode a wire protocol: bytes are collected, the codec's decoder takes what is whole, each item
//! becomes events. A peer that breaks the protocol, or ends inside of a message, ends the stream with ProtocolError.
//! For: `decodeDubbo`, `decodeMQTT`, `decodeRESP`, `decodeThrift`, `decodeWebSocket`. Not for: HTTP, which has sessions.

use crate::event::{Event, Reason, StreamError};
use crate::js;
use crate::pipeline::{Cx, Filter, Make, Out};
use ballast_codec::Chunks;
use std::fmt::Display;
use std::rc::Rc;

/// A protocol: what its decoder is called, how it is used, and what its items are to a pipeline.
pub(super) struct Wire<D, I, E> {
    /// For the log: "not RESP".
    pub name: &'static str,
    /// A decoder at the beginning of a stream.
    pub decoder: fn() -> D,
    /// The next item; None when more input is needed.
    pub decode: fn(&mut D, &mut Chunks) -> Result<Option<I>, E>,
    /// Says that no more input comes; an error inside of an item.
    pub finish: fn(&D) -> Result<(), E>,
    /// Outputs an item.
    pub output: fn(&mut Cx<'_>, I, &mut Out<'_>) -> js::Result<()>,
}

/// Makes filters that decode `wire`.
pub(super) fn decodes<D: 'static, I: 'static, E: Display + 'static>(wire: &'static Wire<D, I, E>) -> Make {
    Rc::new(|| {
        Box::new(Decode {
            wire,
            decoder: (wire.decoder)(),
            input: Chunks::new(),
        })
    })
}

struct Decode<D: 'static, I: 'static, E: 'static> {
    wire: &'static Wire<D, I, E>,
    decoder: D,
    input: Chunks,
}

impl<D, I, E: Display> Decode<D, I, E> {
    fn broken(&mut self, error: &E, out: &mut Out<'_>) {
        tracing::debug!(target: "tcp", %error, "not {}", self.wire.name);
        self.input.clear();
        out.end(Reason::Named(StreamError::ProtocolError));
    }
}

impl<D, I, E: Display> Filter for Decode<D, I, E> {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::Data(data) => {
                self.input.extend(data);
                while !out.is_over() {
                    match (self.wire.decode)(&mut self.decoder, &mut self.input) {
                        Ok(Some(item)) => {
                            if let Err(error) = (self.wire.output)(cx, item, out) {
                                let reason = cx.failed(&out.place(), error);
                                out.end(reason);
                            }
                        }
                        Ok(None) => return,
                        Err(error) => return self.broken(&error, out),
                    }
                }
            }
            // Nobody may take half a message for a whole one.
            Event::StreamEnd(reason) => match (self.wire.finish)(&self.decoder) {
                Err(error) if reason.is_clean() => self.broken(&error, out),
                _ => out.end(reason),
            },
            Event::MessageStart(_) | Event::MessageEnd(_) => {}
        }
    }

    fn reset(&mut self) {
        self.decoder = (self.wire.decoder)();
        self.input.clear();
    }
}
