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
