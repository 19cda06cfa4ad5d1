//! An argument that is a value, or a function of it in the pipeline's context. Source: pipyjs/filters.md section 0.

use super::{Build, Cx, Out};
use crate::event::Reason;
use crate::js::{self, Callback};
use crate::value::Saved;
use rquickjs::Value;
use rquickjs::function::IntoArgs;

/// See the module.
#[derive(Clone)]
pub(crate) enum Given {
    /// Asked when it is needed.
    Call(Callback),
    /// As it was given.
    Value(Saved),
}

impl Given {
    /// Argument `index`.
    pub(crate) fn argument(build: &Build<'_, '_>, index: usize) -> Self {
        match build.optional_callback(index) {
            Some(callback) => Given::Call(callback),
            None => Given::Value(Saved::new(build.ctx, build.arg(index))),
        }
    }

    /// A value that is no argument: of an option.
    pub(crate) fn value<'js>(ctx: &rquickjs::Ctx<'js>, value: Value<'js>) -> Self {
        match Callback::from_value(ctx, &value) {
            Some(callback) => Given::Call(callback),
            None => Given::Value(Saved::new(ctx, value)),
        }
    }

    /// The value; a function is called with `args`.
    ///
    /// # Errors  An exception was logged; the reason to end the stream with.
    pub(crate) fn get<'js, A: IntoArgs<'js>>(
        &self,
        cx: &mut Cx<'js>,
        args: A,
        out: &Out<'_>,
    ) -> Result<Value<'js>, Reason> {
        match self {
            Given::Call(callback) => cx.call(out, callback, args),
            Given::Value(value) => Ok(value.get(&cx.js)),
        }
    }

    /// The value as text, for paths and names; None for nothing.
    ///
    /// # Errors  As [`Given::get`].
    pub(crate) fn text(&self, cx: &mut Cx<'_>, out: &Out<'_>) -> Result<Option<String>, Reason> {
        let value = self.get(cx, (), out)?;
        Ok((!js::is_nullish(&value)).then(|| js::value_to_text(&cx.js, &value)))
    }
}
