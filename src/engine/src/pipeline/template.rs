//! A layout as a value of scripts: what `pipeline($ => ...)` returns, and what `.to`, `pipe` and `pipy.listen` take in the
//! place of a builder function. Its methods are globals/pipeline.rs. Source: pipyjs/model.md 1.5.3.

use super::Layout;
use crate::js;
use rquickjs::class::Trace;
use rquickjs::{Class, Ctx, JsLifetime, Value};
use std::rc::Rc;

/// A pipeline template object.
#[derive(Trace, JsLifetime)]
#[rquickjs::class(rename = "PipelineTemplate")]
pub struct Template {
    #[qjs(skip_trace)]
    layout: Rc<Layout>,
}

impl Template {
    /// The object for a layout.
    ///
    /// # Errors  When the script engine is out of memory.
    pub(crate) fn make<'js>(ctx: &Ctx<'js>, layout: Rc<Layout>) -> js::Result<Class<'js, Template>> {
        Class::instance(ctx.clone(), Template { layout })
    }

    /// The layout.
    pub(crate) fn layout(&self) -> Rc<Layout> {
        self.layout.clone()
    }
}

/// The layout of the template that `value` is, if it is one.
pub(crate) fn template_of(value: &Value<'_>) -> Option<Rc<Layout>> {
    let template = Class::<Template>::from_value(value).ok()?;
    let layout = template.borrow().layout.clone();
    Some(layout)
}
