//! The functions `print`, `println`, `invoke`, `repeat`, `branch` and `select`. Source: pipyjs/globals.md section 1.

use crate::js::{self, JsData};
use rquickjs::function::{Function, Rest};
use rquickjs::{Class, Ctx, Value};
use std::io::Write;

pub(super) fn print(ctx: &Ctx<'_>) -> js::Result<()> {
    ctx.globals().set("print", printer(ctx, "")?)
}

pub(super) fn println(ctx: &Ctx<'_>) -> js::Result<()> {
    ctx.globals().set("println", printer(ctx, "\n")?)
}

fn printer<'js>(ctx: &Ctx<'js>, end: &'static str) -> js::Result<Function<'js>> {
    Function::new(ctx.clone(), move |ctx: Ctx<'js>, values: Rest<Value<'js>>| {
        let mut line: Vec<u8> = Vec::new();
        for (index, value) in values.0.iter().enumerate() {
            if index > 0 {
                line.push(b' ');
            }
            // Data prints as the text that it is, not as the log shows it.
            match Class::<JsData>::from_value(value) {
                Ok(data) => line.extend_from_slice(&data.borrow().data().to_bytes()),
                Err(_) => line.extend_from_slice(js::format_line(&ctx, std::slice::from_ref(value)).as_bytes()),
            }
        }
        line.extend_from_slice(end.as_bytes());
        let mut stdout = std::io::stdout().lock();
        if let Err(error) = stdout.write_all(&line).and_then(|()| stdout.flush()) {
            tracing::debug!(target: "user", "cannot print to standard output: {error}");
        }
    })
}

fn define(ctx: &Ctx<'_>, name: &str, source: &str) -> js::Result<()> {
    let function: Function = ctx.eval(source)?;
    ctx.globals().set(name, function)
}

/// `invoke(fn, catcher?)`: the catcher gets the error's message, or is itself the result.
pub(super) fn invoke(ctx: &Ctx<'_>) -> js::Result<()> {
    define(
        ctx,
        "invoke",
        "((f, catcher) => { try { return f() } catch (e) { return typeof catcher === 'function' \
         ? catcher(e instanceof Error ? e.message : String(e)) : catcher } })",
    )
}

/// `repeat(fn)`, `repeat(n, fn)`, `repeat(array, fn)`: until a call returns anything but undefined.
pub(super) fn repeat(ctx: &Ctx<'_>) -> js::Result<()> {
    define(
        ctx,
        "repeat",
        "((what, f) => {
           const list = Array.isArray(what)
           const call = typeof what === 'function' ? what : list ? i => f(what[i], i) : f
           const count = typeof what === 'function' ? Infinity : list ? what.length : Number(what)
           if (typeof call !== 'function') throw new TypeError('repeat expects a function')
           for (let i = 0; i < count; i++) {
             const value = call(i)
             if (value !== undefined) return value
           }
         })",
    )
}

const CHOOSE: &str = "const value = v => typeof v === 'function' ? v() : v
  const choose = (holds, args) => {
    for (let i = 0; i + 1 < args.length; i += 2) if (holds(value(args[i]))) return value(args[i + 1])
    if (args.length % 2) return value(args[args.length - 1])
  }";

/// `branch(cond, value, ..., default?)`: conditions and values are constants or functions.
pub(super) fn branch(ctx: &Ctx<'_>) -> js::Result<()> {
    define(
        ctx,
        "branch",
        &format!("(() => {{ {CHOOSE}\n return (...args) => choose(c => c, args) }})()"),
    )
}

/// `select(key, case, value, ..., default?)`: compares with `==`.
pub(super) fn select(ctx: &Ctx<'_>) -> js::Result<()> {
    define(
        ctx,
        "select",
        &format!("(() => {{ {CHOOSE}\n return (key, ...args) => choose(c => c == key, args) }})()"),
    )
}
