//! A function of a script that the engine calls later. The only place where functions are kept.

use super::Result;
use crate::value::Saved;
use rquickjs::function::IntoArgs;
use rquickjs::{Ctx, Function, Value};

/// A kept script function. Costs about 100 ns a call; cloning counts a reference.
#[derive(Clone)]
pub(crate) struct Callback(Saved);

impl Callback {
    /// Keeps `function`.
    pub(crate) fn new<'js>(ctx: &Ctx<'js>, function: Function<'js>) -> Self {
        Callback(Saved::new(ctx, function.into_value()))
    }

    /// Keeps `value` when it is a function.
    pub(crate) fn from_value<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Option<Self> {
        value.as_function().map(|function| Callback::new(ctx, function.clone()))
    }

    /// The function itself.
    ///
    /// # Errors  Throws when the realm is being torn down.
    pub(crate) fn get<'js>(&self, ctx: &Ctx<'js>) -> Result<Function<'js>> {
        let function = self.0.get(ctx).into_function();
        function.ok_or_else(|| super::throw_error(ctx, "the scripts of this callback have ended"))
    }

    /// Calls it. The caller has entered the right context (`Cx::call` does both).
    ///
    /// # Errors  An exception is pending in `ctx` (see [`super::caught`]).
    pub(crate) fn call<'js, A: IntoArgs<'js>>(&self, ctx: &Ctx<'js>, args: A) -> Result<Value<'js>> {
        self.get(ctx)?.call(args)
    }
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Callback")
    }
}
