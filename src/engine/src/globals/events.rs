//! `Data`, `Message`, `MessageStart`, `MessageEnd`, `StreamEnd`. Source: pipyjs/globals.md section 3.
//! The classes themselves are in js/: events are made of them everywhere.

use crate::js::{self, JsData, JsMessage, JsMessageEnd, JsMessageStart, JsStreamEnd};
use rquickjs::{Class, Ctx};

pub(super) fn data(ctx: &Ctx<'_>) -> js::Result<()> {
    Class::<JsData>::define(&ctx.globals())?;
    // DEVIATES: `toString` is not bound. Every request that reads a body calls it, and none takes it off its Data.
    js::bind_methods_afresh::<JsData>(ctx, &["toString"])
}

pub(super) fn message(ctx: &Ctx<'_>) -> js::Result<()> {
    Class::<JsMessage>::define(&ctx.globals())
}

pub(super) fn message_start(ctx: &Ctx<'_>) -> js::Result<()> {
    Class::<JsMessageStart>::define(&ctx.globals())
}

pub(super) fn message_end(ctx: &Ctx<'_>) -> js::Result<()> {
    Class::<JsMessageEnd>::define(&ctx.globals())
}

pub(super) fn stream_end(ctx: &Ctx<'_>) -> js::Result<()> {
    Class::<JsStreamEnd>::define(&ctx.globals())
}
