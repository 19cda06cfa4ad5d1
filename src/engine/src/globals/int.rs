//! `Int`: whole numbers of 8 to 64 bits. Example: `new Int('u64', '18446744073709551615').toString(16)`.
//! Source: pipyjs/globals.md section 1.

use super::embedded::{define, nothing};
use crate::js;
use rquickjs::Ctx;

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    define(&ctx.globals(), "Int", include_str!("int.js"), nothing)
}
