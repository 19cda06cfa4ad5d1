//! `http`: `Agent`, `Directory`, `File`, `Match`. Source: pipyjs/globals.md section 8. One file a class.

use super::embedded::{define, nothing};
use super::{http_agent, http_directory, http_file};
use crate::js;
use rquickjs::{Class, Ctx, Object};

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let http = Object::new(ctx.clone())?;
    Class::<http_agent::Agent>::define(&http)?;
    Class::<http_file::File>::define(&http)?;
    define(&http, "Match", include_str!("http_match.js"), nothing)?;
    let directory = include_str!("http_directory.js");
    define(&http, "Directory", directory, http_directory::needs)?;
    ctx.globals().set("http", http)
}
