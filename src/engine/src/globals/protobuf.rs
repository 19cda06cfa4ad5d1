//! `protobuf.Message`, `protobuf.encode(message)`, `protobuf.decode(data)`: messages by field number, without a .proto file.
//! Getters and setters for each scalar type, for `String`, `Bytes`, `Message`, and for arrays of them. What is missing has proto3's
//! default. Example: `new protobuf.Message(data).getString(1)`. Source: pipyjs/globals.md section 12; "Encoding" of protobuf.dev.

use super::embedded::{bytes_needs, define, source};
use crate::js;
use crate::limits;
use rquickjs::{Ctx, Object};

fn needs<'js>(ctx: &Ctx<'js>) -> js::Result<Object<'js>> {
    let needs = bytes_needs(ctx)?;
    needs.set("deepest", limits::PROTOBUF_DEPTH)?;
    Ok(needs)
}

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let protobuf = Object::new(ctx.clone())?;
    for name in ["Message", "decode", "encode"] {
        define(&protobuf, name, source!("protobuf"), needs)?;
    }
    ctx.globals().set("protobuf", protobuf)
}
