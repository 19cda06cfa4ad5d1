//! `decodeThrift()`: messages of Thrift, whichever protocol they are in; the payload is `{ protocol, type, seqID, name, fields }`.
//! Example: `.decodeThrift().handleMessageEnd(evt => console.log(evt.payload.name))`.
//! DEVIATES: a message with its length in front (framed) is taken too; its payload has `framed: true`.
//! Source: pipyjs/filters.md section 8.

use super::wire::{Wire, decodes};
use crate::event::{Event, MessageEnd, MessageStart};
use crate::js;
use crate::limits;
use crate::pipeline::{Cx, Out, Spec, Subs};
use crate::value::Saved;
use ballast_codec::thrift::{Decoder, Error, Message};

pub(super) static SPEC: Spec = Spec {
    name: "decodeThrift",
    args: "()",
    about: "decodes Thrift, binary and compact; a message's payload is the call",
    subs: Subs::None,
    build: |_| Ok(decodes(&WIRE)),
};

static WIRE: Wire<Decoder, Message, Error> = Wire {
    name: "Thrift",
    decoder: || Decoder::new(limits::HELD_BYTES),
    decode: Decoder::decode,
    finish: Decoder::finish,
    output,
};

fn output(cx: &mut Cx<'_>, message: Message, out: &mut Out<'_>) -> js::Result<()> {
    let payload = js::thrift_object(&cx.js, &message)?;
    out.emit(Event::MessageStart(MessageStart::default()));
    out.emit(Event::MessageEnd(MessageEnd {
        tail: None,
        payload: Some(Saved::new(&cx.js, payload.into_value())),
    }));
    Ok(())
}
