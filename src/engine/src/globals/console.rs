//! `console.log/info/warn/error/debug(...)`: one log line each, topic `user`. Source: pipyjs/globals.md section 1.

use crate::js;
use rquickjs::function::{Function, Rest};
use rquickjs::{Ctx, Object, Value};

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let console = Object::new(ctx.clone())?;
    console.set("log", method(ctx, |line| tracing::info!(target: "user", "{line}"))?)?;
    console.set("info", method(ctx, |line| tracing::info!(target: "user", "{line}"))?)?;
    console.set("warn", method(ctx, |line| tracing::warn!(target: "user", "{line}"))?)?;
    console.set("error", method(ctx, |line| tracing::error!(target: "user", "{line}"))?)?;
    console.set("debug", method(ctx, |line| tracing::debug!(target: "user", "{line}"))?)?;
    ctx.globals().set("console", console)
}

fn method<'js>(ctx: &Ctx<'js>, log: fn(String)) -> js::Result<Function<'js>> {
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, values: Rest<Value<'js>>| {
        log(js::format_line(&ctx, &values.0))
    })
}
