//! `CStruct`, `CUnion`, `CString`: what C has in memory, as objects and back. Types are 'int8' to 'uint64', 'float', 'double', `char[n]`
//! (text), arrays (`uint8[4]`), and other structures. A 64-bit number that no number holds exactly is an `Int`.
//! Example: `new CStruct({ family: 'uint16', port: 'uint16', address: 'uint8[4]' }).decode(data).family`.
//! Source: pipyjs/globals.md section 12; System V ABI for x86-64, section 3.1.2.

use super::embedded::{bytes_needs, define, source};
use crate::js;
use crate::limits;
use rquickjs::{Ctx, Object};

fn needs<'js>(ctx: &Ctx<'js>) -> js::Result<Object<'js>> {
    let needs = bytes_needs(ctx)?;
    needs.set("most", limits::C_STRUCT_BYTES)?;
    Ok(needs)
}

fn class(ctx: &Ctx<'_>, name: &'static str) -> js::Result<()> {
    define(&ctx.globals(), name, source!("c_struct"), needs)
}

pub(super) fn c_string(ctx: &Ctx<'_>) -> js::Result<()> {
    class(ctx, "CString")
}

pub(super) fn c_struct(ctx: &Ctx<'_>) -> js::Result<()> {
    class(ctx, "CStruct")
}

pub(super) fn c_union(ctx: &Ctx<'_>) -> js::Result<()> {
    class(ctx, "CUnion")
}
