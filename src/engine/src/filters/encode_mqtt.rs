//! `encodeMQTT()`: messages into packets of MQTT, of the version that `head.protocolLevel` (default 4: 3.1.1) says.
//! Example: `.replaceMessage(() => new Message({ type: 'PUBLISH', topicName: 'a/b' }, 'hi')).encodeMQTT()`.
//! Source: pipyjs/filters.md section 8.

use crate::event::{Event, Reason, StreamError};
use crate::js::{self, throw_error};
use crate::limits;
use crate::message::{Message, MessageBuilder};
use crate::pipeline::{Cx, Filter, Out, Spec, Subs};
use ballast_codec::mqtt::{self, Kind, Payload};
use bytes::{Bytes, BytesMut};
use rquickjs::Value;
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "encodeMQTT",
    args: "()",
    about: "encodes messages as packets of MQTT 3.1.1 and 5",
    subs: Subs::None,
    build: |_| {
        Ok(Rc::new(|| {
            Box::new(EncodeMqtt {
                builder: MessageBuilder::default(),
            })
        }))
    },
};

struct EncodeMqtt {
    builder: MessageBuilder,
}

fn packet(cx: &Cx<'_>, message: &Message) -> js::Result<Bytes> {
    let head = js::head_value(&cx.js, message.head.as_ref())?;
    let payload = match &message.payload {
        Some(payload) => payload.get(&cx.js),
        None => Value::new_undefined(cx.js.clone()),
    };
    let mut packet = js::mqtt_packet(&cx.js, &head, &payload)?;
    if packet.kind == Kind::Publish {
        packet.payload = Payload::Publish(message.body.as_ref().map_or_else(Bytes::new, |body| body.to_bytes()));
    }
    let mut bytes = BytesMut::new();
    match mqtt::encode(&packet, &mut bytes) {
        Ok(()) => Ok(bytes.freeze()),
        Err(error) => Err(throw_error(
            &cx.js,
            &format!("MQTT: cannot send {}: {error}", packet.kind.name()),
        )),
    }
}

impl Filter for EncodeMqtt {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if let Event::StreamEnd(reason) = event {
            self.builder.reset();
            return out.end(reason);
        }
        if let Some(message) = self.builder.push(&event) {
            match packet(cx, &message) {
                Ok(bytes) => out.emit(Event::Data(bytes.into())),
                Err(error) => {
                    let reason = cx.failed(&out.place(), error);
                    out.end(reason);
                }
            }
        } else if self.builder.held_bytes() > limits::HELD_BYTES {
            self.builder.reset();
            out.end(Reason::Named(StreamError::BufferOverflow));
        }
    }

    fn reset(&mut self) {
        self.builder.reset();
    }
}
