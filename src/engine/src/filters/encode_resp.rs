//! `encodeRESP()`: the payloads of messages as bytes of Redis' protocol.
//! Example: `.replaceMessage(() => new Message(null, null, null, ['GET', 'key'])).encodeRESP()`.
//! Source: pipyjs/filters.md section 8.

use crate::event::Event;
use crate::js;
use crate::pipeline::{Cx, Filter, Out, Spec, Subs};
use ballast_codec::resp;
use bytes::BytesMut;
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "encodeRESP",
    args: "()",
    about: "encodes the payloads of messages in Redis' protocol",
    subs: Subs::None,
    build: |_| Ok(Rc::new(|| Box::new(EncodeResp))),
};

struct EncodeResp;

impl Filter for EncodeResp {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::MessageEnd(end) => {
                let payload = match &end.payload {
                    Some(payload) => js::resp_of(&cx.js, &payload.get(&cx.js)),
                    None => Ok(resp::Value::Null),
                };
                match payload {
                    Ok(value) => {
                        let mut bytes = BytesMut::new();
                        resp::encode(&value, &mut bytes);
                        out.emit(Event::Data(bytes.freeze().into()));
                    }
                    Err(error) => {
                        let reason = cx.failed(&out.place(), error);
                        out.end(reason);
                    }
                }
            }
            Event::StreamEnd(_) => out.emit(event),
            Event::MessageStart(_) | Event::Data(_) => {}
        }
    }

    fn reset(&mut self) {}
}
