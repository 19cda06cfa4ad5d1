//! Globals of the specification that this engine does not have: `BGP`, `STUN`, `bpf`, `sqlite`. A script that calls one gets an
//! exception that says so. Source: pipyjs/globals.md section 12, usage.md (tier T3).

use crate::js;
use rquickjs::{Ctx, Function, Object};

/// A function that throws, also after `new`.
fn refuse<'js>(ctx: &Ctx<'js>, name: &str, instead: &str) -> js::Result<Function<'js>> {
    let make: Function = ctx.eval("message => function () { throw new Error(message) }")?;
    make.call((format!("{name} is not in this engine; {instead}"),))
}

fn methods(ctx: &Ctx<'_>, name: &str, methods: &[&str], instead: &str) -> js::Result<()> {
    let object = Object::new(ctx.clone())?;
    for method in methods {
        object.set(*method, refuse(ctx, &format!("{name}.{method}"), instead)?)?;
    }
    ctx.globals().set(name, object)
}

pub(super) fn bgp(ctx: &Ctx<'_>) -> js::Result<()> {
    methods(ctx, "BGP", &["decode", "encode"], "let a routing daemon speak BGP")
}

pub(super) fn stun(ctx: &Ctx<'_>) -> js::Result<()> {
    methods(ctx, "STUN", &["decode", "encode"], "let a STUN client find the address")
}

pub(super) fn bpf(ctx: &Ctx<'_>) -> js::Result<()> {
    let all = ["Map", "Program", "attach", "cgroup", "detach", "get", "object", "pin"];
    methods(
        ctx,
        "bpf",
        &all,
        "it loads no programs into the kernel; use a loader beside it",
    )
}

pub(super) fn sqlite(ctx: &Ctx<'_>) -> js::Result<()> {
    let refused = refuse(ctx, "sqlite", "keep data in files (os.write) or in a server's database")?;
    ctx.globals().set("sqlite", refused)
}
