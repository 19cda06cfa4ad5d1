//! `pipeline($ => ...)`: builds a layout and returns it as a template; `pipeline.Hub`. Source: pipyjs/model.md 1.5.3,
//! globals.md section 11.

use crate::filters::define_hub;
use crate::js::{self, throw_error, throw_type};
use crate::pipeline::{Layout, Template, realm, template_of};
use rquickjs::function::{Function, Opt};
use rquickjs::{Class, Ctx, Value};
use std::rc::Rc;

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let pipeline = Function::new(ctx.clone(), pipeline)?;
    if let Some(object) = pipeline.as_object() {
        define_hub(ctx, object, "Hub")?;
    }
    ctx.globals().set("pipeline", pipeline)
}

fn pipeline<'js>(ctx: Ctx<'js>, target: Opt<Value<'js>>) -> js::Result<Class<'js, Template>> {
    let target = target.0.unwrap_or_else(|| Value::new_undefined(ctx.clone()));
    Template::make(&ctx, layout_of(&ctx, &target, 0)?)
}

/// The layout that argument `index` of a function means: a builder function, which is run, or a template.
pub(super) fn layout_of<'js>(ctx: &Ctx<'js>, value: &Value<'js>, index: usize) -> js::Result<Rc<Layout>> {
    if let Some(layout) = template_of(value) {
        return Ok(layout);
    }
    let Some(builder) = value.as_function() else {
        let what = "a pipeline template or a function that builds one";
        return Err(throw_type(ctx, &format!("argument {} expects {what}", index + 1)));
    };
    match realm(ctx).modules() {
        Some(modules) => modules.layout(ctx, builder),
        None => Err(throw_error(
            ctx,
            "no scripts are loaded that a pipeline could belong to",
        )),
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::{check, check_refused};

    /// pipyjs/model.md 1.5.3: a template may be given to `.to(template)`.
    #[tokio::test(flavor = "current_thread")]
    async fn a_template_is_a_target() {
        for (name, script) in [
            (
                "to",
                "((t = pipeline($ => $.replaceData(d => new Data('<' + d + '>')))) => \
                 pipy().listen('127.0.0.1:PORT').link().to(t))()",
            ),
            (
                "a template of a template",
                "((t = pipeline(pipeline($ => $.replaceData(d => new Data('<' + d + '>'))))) => \
                 pipy().listen('127.0.0.1:PORT').link().to(t))()",
            ),
            (
                "an argument of a filter",
                "((t = pipeline($ => $.replaceData(d => new Data('<' + d + '>')))) => \
                 pipy().listen('127.0.0.1:PORT').branch(() => true, t))()",
            ),
            (
                "made in a callback",
                "pipy().listen('127.0.0.1:PORT')\
                 .replaceData(d => (pipeline($ => $.link().to($ => $)), new Data('<' + d + '>')))",
            ),
        ] {
            check(name, &[("/main.js", script)], "x", "<x>").await;
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_no_builder_is_refused() {
        for (name, expression, message) in [
            ("nothing", "pipeline()", "argument 1 expects a pipeline template"),
            ("a name", "pipeline('x')", "argument 1 expects a pipeline template"),
            ("no sub-pipeline", "p = pipeline($ => $.link())", "missing .to(...)"),
            ("an exception", "pipeline($ => $.no())", "not a function"),
        ] {
            let script = format!("{expression}, pipy().listen('127.0.0.1:PORT').dummy()");
            check_refused(name, &[("/main.js", &script)], message).await;
        }
    }

    /// A layout that is made while the scripts run is complete when its builder returns.
    #[tokio::test(flavor = "current_thread")]
    async fn an_incomplete_template_throws() {
        let script = "pipy().listen('127.0.0.1:PORT').replaceData(() => new Data(\
                      invoke(() => (pipeline($ => $.link().to($ => $.link())), 'made'), e => e.split(' at')[0])))";
        let said = "missing .to(...) for the last filter: link";
        check("nested", &[("/main.js", script)], "x", said).await;
    }
}
