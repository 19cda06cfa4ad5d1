//! `decodeMQTT()`: packets of MQTT 3.1.1 and 5 into messages: `head.type`, a payload, and for PUBLISH a body.
//! Example: `.decodeMQTT().handleMessage(msg => console.log(msg.head.type, msg.payload?.clientID))`.
//! Source: pipyjs/filters.md section 8.

use super::wire::{Wire, decodes};
use crate::event::{Event, HeadKind, MessageEnd, MessageStart};
use crate::js;
use crate::limits;
use crate::pipeline::{Cx, Out, Spec, Subs};
use crate::value::Saved;
use ballast_codec::mqtt::{Decoder, Error, Packet, Payload};

pub(super) static SPEC: Spec = Spec {
    name: "decodeMQTT",
    args: "()",
    about: "decodes packets of MQTT 3.1.1 and 5",
    subs: Subs::None,
    build: |_| Ok(decodes(&WIRE)),
};

static WIRE: Wire<Decoder, Packet, Error> = Wire {
    name: "MQTT",
    decoder: || Decoder::new(limits::HELD_BYTES),
    decode: Decoder::decode,
    finish: Decoder::finish,
    output,
};

fn output(cx: &mut Cx<'_>, packet: Packet, out: &mut Out<'_>) -> js::Result<()> {
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
