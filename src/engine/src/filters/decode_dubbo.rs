//! `decodeDubbo()`: Dubbo frames into messages with head `{ requestID, isRequest, isTwoWay, isEvent, serializationType, status }`.
//! Example: `.decodeDubbo().handleMessage(msg => console.log(Hessian.decode(msg.body)))`.
//! Source: pipyjs/filters.md section 8.

use super::wire::{Wire, decodes};
use crate::event::{Event, HeadKind, MessageEnd, MessageStart};
use crate::js;
use crate::pipeline::{Cx, Out, Spec, Subs};
use crate::value::Saved;
use ballast_codec::dubbo::{Decoder, Error, Part};

pub(super) static SPEC: Spec = Spec {
    name: "decodeDubbo",
    args: "()",
    about: "decodes Dubbo's frames; a message's body is the payload",
    subs: Subs::None,
    build: |_| Ok(decodes(&WIRE)),
};

static WIRE: Wire<Decoder, Part, Error> = Wire {
    name: "Dubbo",
    decoder: Decoder::new,
    decode: Decoder::decode,
    finish: Decoder::finish,
    output,
};

fn output(cx: &mut Cx<'_>, part: Part, out: &mut Out<'_>) -> js::Result<()> {
    out.emit(match part {
        Part::Start(head) => {
            let head = js::dubbo_object(&cx.js, &head)?.into_value();
            Event::MessageStart(MessageStart::new(HeadKind::Js(Saved::new(&cx.js, head))))
        }
        Part::Body(bytes) => Event::Data(bytes.into()),
        Part::End => Event::MessageEnd(MessageEnd::default()),
    });
    Ok(())
}
