//! Members of `pipy`: the codebase, the process. The function itself is made by script/loader.rs.
//! Source: pipyjs/model.md section 3.

use crate::data::Data;
use crate::js::{self, Callback, JsData, host, throw_type};
use rquickjs::function::{Function, Opt};
use rquickjs::{Class, Ctx, Object, Value};

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let pipy = Object::new(ctx.clone())?;
    let facts = host(ctx).facts();
    pipy.set("load", load(ctx)?)?;
    pipy.set("solve", solve(ctx)?)?;
    pipy.set(
        "list",
        Function::new(ctx.clone(), |ctx: Ctx<'_>, dir: Opt<String>| {
            host(&ctx).list(dir.0.as_deref().unwrap_or("/"))
        })?,
    )?;
    pipy.set("exit", exit(ctx)?)?;
    pipy.set(
        "restart",
        Function::new(ctx.clone(), |ctx: Ctx<'_>| host(&ctx).restart())?,
    )?;
    pipy.set("argv", facts.argv)?;
    pipy.set("name", facts.name)?;
    pipy.set("uuid", facts.uuid)?;
    pipy.set("source", facts.source)?;
    pipy.set("pid", std::process::id())?;
    pipy.set("since", facts.since_ms)?;
    let since = facts.since_ms;
    pipy.set("now", Function::new(ctx.clone(), move || (now_ms() - since).floor())?)?;
    let version = Object::new(ctx.clone())?;
    version.set("tag", env!("CARGO_PKG_VERSION"))?;
    version.set("commit", "")?;
    version.set("date", "")?;
    pipy.set("version", version)?;
    let thread = Object::new(ctx.clone())?;
    thread.set("id", facts.thread)?;
    thread.set("concurrency", facts.threads)?;
    pipy.set("thread", thread.clone())?;
    ctx.globals().set("__thread", thread)?;
    ctx.globals().set("pipy", pipy)
}

fn now_ms() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}

fn load<'js>(ctx: &Ctx<'js>) -> js::Result<Function<'js>> {
    Function::new(ctx.clone(), |ctx: Ctx<'js>, path: String| -> js::Result<Value<'js>> {
        match host(&ctx).load(&path) {
            Some(bytes) => Ok(Class::instance(
                ctx,
                JsData {
                    data: Data::from(bytes),
                },
            )?
            .into_value()),
            None => Ok(Value::new_null(ctx)),
        }
    })
}

fn solve<'js>(ctx: &Ctx<'js>) -> js::Result<Function<'js>> {
    Function::new(ctx.clone(), |ctx: Ctx<'js>, path: String| host(&ctx).solve(&ctx, &path))
}

/// `exit(code?)` ends the process, `exit(fn)` registers a function for the graceful end.
fn exit<'js>(ctx: &Ctx<'js>) -> js::Result<Function<'js>> {
    Function::new(ctx.clone(), |ctx: Ctx<'js>, what: Opt<Value<'js>>| -> js::Result<()> {
        let what = what.0.filter(|what| !js::is_nullish(what));
        if let Some(callback) = what.as_ref().and_then(|what| Callback::from_value(&ctx, what)) {
            host(&ctx).on_exit(callback);
            return Ok(());
        }
        let code = match what {
            None => 0,
            Some(code) => code
                .as_number()
                .ok_or_else(|| throw_type(&ctx, "argument 1 expects a number or a function"))?
                as i32,
        };
        host(&ctx).exit(code);
        Ok(())
    })
}
