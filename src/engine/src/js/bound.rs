//! Methods of native classes that stay bound when they are read off an object. Source: pipyjs/model.md section 4, item 17.

use super::Result;
use rquickjs::class::JsClass;
use rquickjs::{Class, Ctx, Function};

/// Binds the methods of a class: reading one off an object gives a function of that object.
///
/// # Errors  When the script engine is out of memory.
pub(crate) fn bind_methods<'js, C: JsClass<'js>>(ctx: &Ctx<'js>) -> Result<()> {
    let Some(prototype) = Class::<C>::prototype(ctx)? else {
        return Ok(());
    };
    let bind: Function = ctx.eval(include_str!("bound.js"))?;
    bind.call((prototype,))
}

/// The same for a class whose objects are many and short-lived: each reading makes a function, and no object holds one, for
/// such a cycle would wait for the garbage collector. `but`: methods that are left as they are.
///
/// # Errors  When the script engine is out of memory.
pub(crate) fn bind_methods_afresh<'js, C: JsClass<'js>>(ctx: &Ctx<'js>, but: &[&str]) -> Result<()> {
    let Some(prototype) = Class::<C>::prototype(ctx)? else {
        return Ok(());
    };
    let bind: Function = ctx.eval(
        "(prototype, but) => {
          for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
            if (typeof value !== 'function' || name === 'constructor' || but.includes(name)) continue
            Object.defineProperty(prototype, name, { get() { return value.bind(this) }, configurable: true })
          }
        }",
    )?;
    bind.call((prototype, but.to_vec()))
}
