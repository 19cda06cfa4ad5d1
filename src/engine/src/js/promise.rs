//! Promises that the engine waits for. Source: pipyjs/model.md section 4, item 1 (jobs run in the context of `then`).

use super::Result;
use crate::value::Saved;
use rquickjs::function::This;
use rquickjs::prelude::Opt;
use rquickjs::{Ctx, Function, Promise, Value};

/// The promise that `value` is, if it is one.
pub(crate) fn promise_of<'js>(value: &Value<'js>) -> Option<Promise<'js>> {
    value.as_promise().cloned()
}

/// Calls `settled` once, in a later job, with the value or the reason.
pub(crate) fn on_settled<'js>(
    ctx: &Ctx<'js>,
    promise: &Promise<'js>,
    settled: impl FnOnce(std::result::Result<Saved, Saved>) + 'static,
) -> Result<()> {
    let slot = std::rc::Rc::new(std::cell::RefCell::new(Some(settled)));
    let other = slot.clone();
    let resolved = Function::new(ctx.clone(), move |ctx: Ctx<'js>, value: Opt<Value<'js>>| {
        if let Some(settled) = slot.borrow_mut().take() {
            let value = value.0.unwrap_or_else(|| Value::new_undefined(ctx.clone()));
            settled(Ok(Saved::new(&ctx, value)));
        }
    })?;
    let rejected = Function::new(ctx.clone(), move |ctx: Ctx<'js>, value: Opt<Value<'js>>| {
        if let Some(settled) = other.borrow_mut().take() {
            let value = value.0.unwrap_or_else(|| Value::new_undefined(ctx.clone()));
            settled(Err(Saved::new(&ctx, value)));
        }
    })?;
    promise
        .then()?
        .call::<_, ()>((This(promise.clone()), resolved, rejected))
}

/// A promise of ours, to be settled later. Dropped unsettled it stays pending.
pub(crate) struct Deferred {
    resolve: Saved,
    reject: Saved,
}

impl Deferred {
    /// A promise for a script, and what settles it.
    ///
    /// # Errors  When the script engine is out of memory.
    pub(crate) fn new<'js>(ctx: &Ctx<'js>) -> Result<(Promise<'js>, Self)> {
        let (promise, resolve, reject) = ctx.promise()?;
        let deferred = Deferred {
            resolve: Saved::new(ctx, resolve.into_value()),
            reject: Saved::new(ctx, reject.into_value()),
        };
        Ok((promise, deferred))
    }

    /// Settles it. Whoever does this outside of a call from a script does it in a turn, which then runs the callbacks.
    pub(crate) fn settle<'js>(self, ctx: &Ctx<'js>, result: std::result::Result<Value<'js>, Value<'js>>) {
        let (function, value) = match result {
            Ok(value) => (self.resolve.get(ctx), value),
            Err(error) => (self.reject.get(ctx), error),
        };
        // Fails only while the realm is being torn down.
        if let Some(function) = function.into_function()
            && function.call::<_, ()>((value,)).is_err()
        {
            ctx.catch();
        }
    }
}
