//! Runs prelude.js: what scripts rely on beyond standard JavaScript.

use crate::js::{self, Context};
use crate::pipeline::realm;
use rquickjs::class::Trace;
use rquickjs::function::Function;
use rquickjs::{Class, Ctx, JsLifetime, Value};
use std::rc::Rc;

/// A context as promise callbacks carry it.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct Captured {
    #[qjs(skip_trace)]
    context: Option<Rc<Context>>,
}

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let prelude: Function = ctx.eval(include_str!("prelude.js"))?;
    let plain = Function::new(ctx.clone(), plain)?;
    prelude.call((capture(ctx)?, enter(ctx)?, plain))
}

fn capture<'js>(ctx: &Ctx<'js>) -> js::Result<Function<'js>> {
    Function::new(ctx.clone(), |ctx: Ctx<'js>| -> js::Result<Class<'js, Captured>> {
        let context = realm(&ctx).scope.current();
        Class::instance(ctx, Captured { context })
    })
}

fn enter<'js>(ctx: &Ctx<'js>) -> js::Result<Function<'js>> {
    Function::new(ctx.clone(), |ctx: Ctx<'js>, captured: Value<'js>| -> js::Result<()> {
        let context = Class::<Captured>::from_value(&captured)?.borrow().context.clone();
        realm(&ctx).scope.enter(&ctx, context.as_ref())
    })
}

fn plain<'js>(ctx: Ctx<'js>, value: Value<'js>) -> js::Result<Value<'js>> {
    js::plain_of(&ctx, value)
}
