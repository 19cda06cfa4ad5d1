//! `pipeline($ => ...)`: builds a layout and returns it as a template; `template.spawn(...args)` and
//! `template.process(input)` run it; `pipeline.Hub`. Source: pipyjs/model.md 1.5.3, globals.md section 11.

use crate::filters::define_hub;
use crate::js::{self, Callback, throw_error, throw_type};
use crate::pipeline::{Feed, Layout, Template, realm, spawn_pipeline, template_of};
use rquickjs::function::{Function, Opt, Rest, This};
use rquickjs::{Class, Ctx, Promise, Value};
use std::rc::Rc;

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let Some(prototype) = Class::<Template>::prototype(ctx)? else {
        return Err(throw_error(ctx, "the class PipelineTemplate has no prototype"));
    };
    prototype.set("spawn", Function::new(ctx.clone(), spawn)?)?;
    prototype.set("process", Function::new(ctx.clone(), process)?)?;
    js::bind_methods_afresh::<Template>(ctx, &[])?;
    let pipeline = Function::new(ctx.clone(), pipeline)?;
    if let Some(object) = pipeline.as_object() {
        define_hub(ctx, object, "Hub")?;
    }
    ctx.globals().set("pipeline", pipeline)
}

/// `template.spawn(...args)`: a pipeline of its own; a promise of what its `onEnd` returns.
fn spawn<'js>(ctx: Ctx<'js>, this: This<Class<'js, Template>>, args: Rest<Value<'js>>) -> js::Result<Promise<'js>> {
    let layout = this.0.borrow().layout();
    spawn_pipeline(&ctx, &realm(&ctx), layout, args.0, Feed::Nothing)
}

/// `template.process(events | fn)`: as `spawn`, and feeds it.
fn process<'js>(ctx: Ctx<'js>, this: This<Class<'js, Template>>, input: Opt<Value<'js>>) -> js::Result<Promise<'js>> {
    let layout = this.0.borrow().layout();
    let input = input.0.unwrap_or_else(|| Value::new_undefined(ctx.clone()));
    let mut events = Vec::new();
    let feed = if let Some(next) = Callback::from_value(&ctx, &input) {
        Feed::Calls(next)
    } else if js::events_of(&ctx, &input, &mut events) {
        Feed::Events(events)
    } else {
        let what = "an event, a Message, an array of those or a function";
        return Err(throw_type(&ctx, &format!("argument 1 expects {what}")));
    };
    spawn_pipeline(&ctx, &realm(&ctx), layout, Vec::new(), feed)
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

    /// pipyjs/model.md 1.5.3: onStart before any filter and once, onEnd once; classic pipelines have onEnd first, too.
    #[tokio::test(flavor = "current_thread")]
    async fn starts_and_ends_have_their_place() {
        for (name, expression, message) in [
            (
                "onStart after a filter",
                "p = pipeline($ => $.dummy().onStart(() => {}))",
                "onStart() must come before any filter",
            ),
            (
                "onStart twice",
                "p = pipeline($ => $.onStart(() => {}).onStart(() => {}))",
                "duplicated onStart()",
            ),
            (
                "onEnd twice",
                "p = pipeline($ => $.onEnd(() => {}).dummy().onEnd(() => {}))",
                "duplicated onEnd()",
            ),
            (
                "onEnd in a classic pipeline",
                "p = pipy().task().dummy().onEnd(() => {})",
                "onEnd() must come before any filter",
            ),
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
