//! `http`: `Agent`, `Directory`, `File`, `Match`. Source: pipyjs/globals.md section 8. One file a class.

use super::embedded::{define, define_bound, nothing, source};
use super::{http_agent, http_directory, http_file};
use crate::js;
use rquickjs::{Ctx, Object};

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let http = Object::new(ctx.clone())?;
    define_bound::<http_agent::Agent>(ctx, &http)?;
    define_bound::<http_file::File>(ctx, &http)?;
    define(&http, "Match", source!("http_match"), nothing)?;
    let directory = source!("http_directory");
    define(&http, "Directory", directory, http_directory::needs)?;
    ctx.globals().set("http", http)
}
