//! `decodeRESP()`: bytes of Redis' protocol into messages whose payload is the value.
//! Example: `.decodeRESP().handleMessageEnd(evt => console.log(evt.payload))`.
//! Source: pipyjs/filters.md section 8.

use super::wire::{Wire, decodes};
use crate::event::{Event, MessageEnd, MessageStart};
use crate::js;
use crate::limits;
use crate::pipeline::{Cx, Out, Spec, Subs};
use crate::value::Saved;
use ballast_codec::resp::{Decoder, Error, Value};

pub(super) static SPEC: Spec = Spec {
    name: "decodeRESP",
    args: "()",
    about: "decodes Redis' protocol; a message's payload is the value",
    subs: Subs::None,
    build: |_| Ok(decodes(&WIRE)),
};

static WIRE: Wire<Decoder, Value, Error> = Wire {
    name: "RESP",
    decoder: || Decoder::new(limits::HELD_BYTES),
    decode: Decoder::decode,
    finish: Decoder::finish,
    output,
};

fn output(cx: &mut Cx<'_>, value: Value, out: &mut Out<'_>) -> js::Result<()> {
    let payload = js::resp_value(&cx.js, &value)?;
    out.emit(Event::MessageStart(MessageStart::default()));
    out.emit(Event::MessageEnd(MessageEnd {
        tail: None,
        payload: Some(Saved::new(&cx.js, payload)),
    }));
    Ok(())
}
