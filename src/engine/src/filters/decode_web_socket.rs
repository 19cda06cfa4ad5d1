//! `decodeWebSocket()`: WebSocket frames into messages with head `{ opcode, masked }`.
//! Example: `.decodeWebSocket().handleMessage(msg => console.log(msg.head.opcode))`.
//! Source: pipyjs/filters.md section 8; RFC 6455 section 5.

use super::wire::{Wire, decodes};
use crate::event::{Event, HeadKind, MessageEnd, MessageStart};
use crate::js;
use crate::limits;
use crate::pipeline::{Cx, Out, Spec, Subs};
use ballast_codec::websocket::{Decoder, Error, Part};

pub(super) static SPEC: Spec = Spec {
    name: "decodeWebSocket",
    args: "()",
    about: "decodes WebSocket frames; what is in fragments becomes one message",
    subs: Subs::None,
    build: |_| Ok(decodes(&WIRE)),
};

static WIRE: Wire<Decoder, Part, Error> = Wire {
    name: "WebSocket",
    decoder: || Decoder::new(limits::HELD_BYTES),
    decode: Decoder::decode,
    finish: Decoder::finish,
    output,
};

#[expect(clippy::unnecessary_wraps, reason = "other protocols make objects, which can fail")]
fn output(_: &mut Cx<'_>, part: Part, out: &mut Out<'_>) -> js::Result<()> {
    out.emit(match part {
        Part::Start(head) => Event::MessageStart(MessageStart::new(HeadKind::WebSocket(head))),
        Part::Body(bytes) => Event::Data(bytes.into()),
        Part::End => Event::MessageEnd(MessageEnd::default()),
    });
    Ok(())
}
