//! `encodeThrift({ payload, protocol }?)`: the payloads of messages as Thrift. `protocol`: 'binary', 'old' or 'compact', for payloads
//! that name none; `payload`: an object, or a function that returns one, in place of each message's own.
//! Example: `.replaceMessage(() => new Message(null, null, null, { type: 'reply', name: 'ping', fields: [] })).encodeThrift()`.
//! Source: pipyjs/filters.md section 8.

use crate::event::Event;
use crate::js;
use crate::pipeline::{Cx, Filter, Given, Out, Spec, Subs};
use ballast_codec::thrift::{self, Protocol};
use bytes::{Bytes, BytesMut};
use rquickjs::Value;
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "encodeThrift",
    args: "({ payload, protocol }?)",
    about: "encodes the payloads of messages as Thrift",
    subs: Subs::None,
    build: |build| {
        let options = build.options(0)?;
        let protocol = match options.string("protocol")? {
            Some(name) => js::thrift_protocol(build.ctx, &name)?,
            None => Protocol::default(),
        };
        let payload = options
            .value("payload")?
            .map(|payload| Given::value(build.ctx, payload));
        Ok(Rc::new(move || {
            Box::new(EncodeThrift {
                protocol,
                payload: payload.clone(),
            })
        }))
    },
};

struct EncodeThrift {
    protocol: Protocol,
    payload: Option<Given>,
}

impl EncodeThrift {
    fn bytes<'js>(&self, cx: &Cx<'js>, payload: &Value<'js>) -> js::Result<Bytes> {
        let mut bytes = BytesMut::new();
        thrift::encode(&js::thrift_message(&cx.js, payload, self.protocol)?, &mut bytes);
        Ok(bytes.freeze())
    }
}

impl Filter for EncodeThrift {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::MessageEnd(end) => {
                let payload = match (&self.payload, &end.payload) {
                    (Some(given), _) => given.get(cx, (), out),
                    (None, Some(payload)) => Ok(payload.get(&cx.js)),
                    (None, None) => Ok(Value::new_undefined(cx.js.clone())),
                };
                let bytes = payload.and_then(|payload| {
                    let bytes = self.bytes(cx, &payload);
                    bytes.map_err(|error| cx.failed(&out.place(), error))
                });
                match bytes {
                    Ok(bytes) => out.emit(Event::Data(bytes.into())),
                    Err(reason) => out.end(reason),
                }
            }
            Event::StreamEnd(reason) => out.end(reason),
            Event::MessageStart(_) | Event::Data(_) => {}
        }
    }

    fn reset(&mut self) {}
}
