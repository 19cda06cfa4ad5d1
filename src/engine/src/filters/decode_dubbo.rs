//! `decodeDubbo()`: Dubbo frames into messages with head `{ requestID, isRequest, isTwoWay, isEvent, serializationType, status }`.
//! Example: `.decodeDubbo().handleMessage(msg => console.log(Hessian.decode(msg.body)))`.
//! Source: pipyjs/filters.md section 8.

use crate::event::{Event, HeadKind, MessageEnd, MessageStart, StreamError};
use crate::js;
use crate::pipeline::{Cx, Filter, Out, Spec, Subs};
use crate::value::Saved;
use ballast_codec::Chunks;
use ballast_codec::dubbo::{Decoder, Error, Head, Part};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "decodeDubbo",
    args: "()",
    about: "decodes Dubbo's frames; a message's body is the payload",
    subs: Subs::None,
    build: |_| Ok(Rc::new(|| Box::new(DecodeDubbo::default()))),
};

#[derive(Default)]
struct DecodeDubbo {
    decoder: Decoder,
    input: Chunks,
}

impl DecodeDubbo {
    fn broken(&mut self, error: &Error, out: &mut Out<'_>) {
        tracing::debug!(target: "tcp", %error, "not Dubbo");
        self.input.clear();
        out.end(crate::event::Reason::Named(StreamError::ProtocolError));
    }

    fn start(cx: &mut Cx<'_>, head: &Head, out: &mut Out<'_>) {
        match js::dubbo_object(&cx.js, head) {
            Ok(object) => {
                let head = HeadKind::Js(Saved::new(&cx.js, object.into_value()));
                out.emit(Event::MessageStart(MessageStart::new(head)));
            }
            Err(error) => {
                let reason = cx.failed(&out.place(), error);
                out.end(reason);
            }
        }
    }
}

impl Filter for DecodeDubbo {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::Data(data) => {
                self.input.extend(data);
                while !out.is_over() {
                    match self.decoder.decode(&mut self.input) {
                        Ok(Some(Part::Start(head))) => Self::start(cx, &head, out),
                        Ok(Some(Part::Body(bytes))) => out.emit(Event::Data(bytes.into())),
                        Ok(Some(Part::End)) => out.emit(Event::MessageEnd(MessageEnd::default())),
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
        *self = Self::default();
    }
}
