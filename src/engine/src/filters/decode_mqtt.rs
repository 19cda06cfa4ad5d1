//! `decodeMQTT()`: packets of MQTT 3.1.1 and 5 into messages: `head.type`, a payload, and for PUBLISH a body.
//! Example: `.decodeMQTT().handleMessage(msg => console.log(msg.head.type, msg.payload?.clientID))`.
//! Source: pipyjs/filters.md section 8.

use crate::event::{Event, HeadKind, MessageEnd, MessageStart, Reason, StreamError};
use crate::js;
use crate::limits;
use crate::pipeline::{Cx, Filter, Out, Spec, Subs};
use crate::value::Saved;
use ballast_codec::Chunks;
use ballast_codec::mqtt::{Decoder, Error, Packet, Payload};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "decodeMQTT",
    args: "()",
    about: "decodes packets of MQTT 3.1.1 and 5",
    subs: Subs::None,
    build: |_| {
        Ok(Rc::new(|| {
            Box::new(DecodeMqtt {
                decoder: Decoder::new(limits::HELD_BYTES),
                input: Chunks::new(),
            })
        }))
    },
};

struct DecodeMqtt {
    decoder: Decoder,
    input: Chunks,
}

impl DecodeMqtt {
    fn broken(&mut self, error: &Error, out: &mut Out<'_>) {
        tracing::debug!(target: "tcp", %error, "not MQTT");
        self.input.clear();
        out.end(Reason::Named(StreamError::ProtocolError));
    }

    /// One message.
    fn message(cx: &mut Cx<'_>, packet: Packet, out: &mut Out<'_>) -> js::Result<()> {
        let head = js::mqtt_head(&cx.js, &packet)?.into_value();
        let payload = js::mqtt_payload(&cx.js, &packet)?;
        let head = HeadKind::Js(Saved::new(&cx.js, head));
        out.emit(Event::MessageStart(MessageStart::new(head)));
        if let Payload::Publish(bytes) = packet.payload
            && !bytes.is_empty()
        {
            out.emit(Event::Data(bytes.into()));
        }
        out.emit(Event::MessageEnd(MessageEnd {
            tail: None,
            payload: (!payload.is_undefined()).then(|| Saved::new(&cx.js, payload)),
        }));
        Ok(())
    }
}

impl Filter for DecodeMqtt {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::Data(data) => {
                self.input.extend(data);
                while !out.is_over() {
                    match self.decoder.decode(&mut self.input) {
                        Ok(Some(packet)) => {
                            if let Err(error) = Self::message(cx, packet, out) {
                                let reason = cx.failed(&out.place(), error);
                                out.end(reason);
                            }
                        }
                        Ok(None) => return,
                        Err(error) => return self.broken(&error, out),
                    }
                }
            }
            // Nobody may take half a packet for a whole one.
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
