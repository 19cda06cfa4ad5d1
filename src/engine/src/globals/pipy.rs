//! Members of `pipy`: the codebase, the process. The function itself is made by script/loader.rs.
//! Source: pipyjs/model.md section 3.

use crate::data::Data;
use crate::js::{self, Callback, Deferred, JsData, host, throw_error, throw_type};
use crate::pipeline::realm;
use rquickjs::function::{Function, Opt};
use rquickjs::{Ctx, IntoJs, Object, Promise, Value};
use std::rc::Rc;

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let pipy = Object::new(ctx.clone())?;
    let facts = host(ctx).facts();
    pipy.set("load", load(ctx)?)?;
    pipy.set("solve", solve(ctx)?)?;
    pipy.set("listen", Function::new(ctx.clone(), super::listen::listen)?)?;
    super::read::init(ctx, &pipy)?;
    pipy.set("import", Function::new(ctx.clone(), import)?)?;
    pipy.set(
        "list",
        Function::new(ctx.clone(), |ctx: Ctx<'_>, dir: Opt<String>| {
            host(&ctx).list(dir.0.as_deref().unwrap_or("/"))
        })?,
    )?;
    pipy.set("exec", Function::new(ctx.clone(), super::pipy_exec::exec)?)?;
    super::pipy_process::init(ctx, &pipy, facts.since_ms, now_ms())?;
    pipy.set("mount", Function::new(ctx.clone(), mount)?)?;
    pipy.set(
        "unmount",
        Function::new(ctx.clone(), |ctx: Ctx<'_>, name: String| host(&ctx).unmount(&name))?,
    )?;
    pipy.set("patch", Function::new(ctx.clone(), patch)?)?;
    pipy.set("watch", Function::new(ctx.clone(), watch)?)?;
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
            Some(bytes) => Ok(JsData::object(&ctx, Data::from(bytes))?.into_value()),
            None => Ok(Value::new_null(ctx)),
        }
    })
}

fn solve<'js>(ctx: &Ctx<'js>) -> js::Result<Function<'js>> {
    Function::new(ctx.clone(), |ctx: Ctx<'js>, path: String| host(&ctx).solve(&ctx, &path))
}

/// The exports of a module, by a path relative to the file that calls.
fn import<'js>(ctx: Ctx<'js>, path: String) -> js::Result<Value<'js>> {
    match realm(&ctx).modules() {
        Some(modules) => modules.import(&ctx, &path),
        None => Err(js::throw_error(&ctx, "no scripts are loaded")),
    }
}

/// `pipy.mount(name, dir)`: files of a folder of the operating system, as `/name/...` of the codebase.
fn mount(ctx: Ctx<'_>, name: String, dir: String) -> js::Result<()> {
    let mounted = host(&ctx).mount(&name, &dir);
    mounted.map_err(|what| throw_error(&ctx, &format!("cannot mount {dir} as {name}: {what}")))
}

/// `pipy.patch(path, data | string)`: what the codebase holds at a path from now on.
fn patch<'js>(ctx: Ctx<'js>, path: String, contents: Value<'js>) -> js::Result<()> {
    let Some(data) = js::value_to_data(&ctx, &contents) else {
        return Err(throw_type(&ctx, "argument 2 expects a Data or a string"));
    };
    let patched = host(&ctx).patch(&path, data.to_bytes());
    patched.map_err(|what| throw_error(&ctx, &format!("cannot patch {path}: {what}")))
}

/// A promise of the paths that change, resolved once.
fn watch<'js>(ctx: Ctx<'js>, path: String) -> js::Result<Promise<'js>> {
    let (promise, deferred) = Deferred::new(&ctx)?;
    let realm = Rc::downgrade(&realm(&ctx));
    let fire = move |paths: Vec<String>| {
        let Some(realm) = realm.upgrade() else { return };
        realm.turn(None, |cx, _| {
            let paths = paths.into_js(&cx.js);
            let settled = paths.map_err(|error| js::caught(&cx.js, error).1.get(&cx.js));
            deferred.settle(&cx.js, settled);
        });
    };
    if !host(&ctx).watch(&path, Box::new(fire)) {
        return Err(throw_error(
            &ctx,
            &format!("cannot watch {path}: too many watches wait"),
        ));
    }
    Ok(promise)
}

/// `exit(code?)` ends the process, `exit(fn)` registers a function for the graceful end.
fn exit<'js>(ctx: &Ctx<'js>) -> js::Result<Function<'js>> {
    Function::new(ctx.clone(), |ctx: Ctx<'js>, what: Opt<Value<'js>>| -> js::Result<()> {
        let what = what.0.filter(|what| !js::is_nullish(what));
        if let Some(callback) = what.as_ref().and_then(|what| Callback::from_value(&ctx, what)) {
            if !host(&ctx).on_exit(callback) {
                return Err(throw_error(&ctx, "pipy.exit: too many functions wait for the end"));
            }
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

#[cfg(test)]
mod tests {
    use crate::worker::Notice;
    use crate::worker::testing::serve;

    /// pipyjs/model.md section 3: resolved once, with the changed paths; a trailing slash watches a directory.
    #[tokio::test(flavor = "current_thread")]
    async fn watch_resolves_with_the_changed_paths() {
        for (watched, published) in [("/a.json", "/a.json"), ("a.json", "/a.json"), ("/dir/", "/dir/b.json")] {
            let script = format!(
                "pipy.watch('{watched}').then(paths => pipy.exit(paths.length == 1 && paths[0] == '{published}' ? 5 : 6))
                 pipy().listen(PORT).replaceData()"
            );
            let mut served = serve(&script).await;
            served.engine.publish("/other.json", Some("{}".into())).await;
            served.engine.publish(published, Some("{}".into())).await;
            assert_eq!(served.engine.notice().await, Notice::Exit(5), "{watched}");
        }
    }
}
