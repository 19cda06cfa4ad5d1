//! `http`: `Agent`, `File`. Source: pipyjs/globals.md section 8. One file a class.

use super::{http_agent, http_file};
use crate::js;
use rquickjs::{Class, Ctx, Object};

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let http = Object::new(ctx.clone())?;
    Class::<http_agent::Agent>::define(&http)?;
    Class::<http_file::File>::define(&http)?;
    ctx.globals().set("http", http)
}
