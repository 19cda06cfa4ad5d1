//! The chain `pipy().listen(80).demuxHTTP().to($ => $...)`: the object whose methods build layouts. Its filter methods
//! are made from the table of filters. Source: pipyjs/model.md 1.5.1, 1.5.2 and section 2, filters.md section 11.

use super::config::{Config, Root, RootKind, SIGNALS, When};
use crate::event::Event;
use crate::filters::{self, ALIASES, REMOVED};
use crate::js::{self, Callback, List, throw_error, throw_type};
use crate::limits;
use crate::pipeline::{Build, FilterDef, Layout, OnStart, Spec, Sub, Subs, realm, template_of};
use crate::value::Saved;
use rquickjs::class::Trace;
use rquickjs::function::{Function, Rest, This};
use rquickjs::{Class, Ctx, JsLifetime, Object, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// The object that scripts chain on: a Configuration, or the `$` of a builder function.
#[derive(Trace, JsLifetime)]
#[rquickjs::class(rename = "Configuration")]
pub struct Chain {
    #[qjs(skip_trace)]
    state: RefCell<Option<State>>,
}

/// Emptied when the scripts are bound, so that no layout hangs on an object that a script keeps.
struct State {
    config: Rc<Config>,
    /// The layout that filters are added to.
    current: Option<Rc<Layout>>,
    /// A builder function's `$` makes one layout and opens no other.
    is_sub: bool,
    /// The last filter, as long as a `.to` may follow.
    joint: Option<Joint>,
}

/// A joint filter and how to build it again when a lone string turns out to be a key and no layout name.
struct Joint {
    sub: Sub,
    spec: &'static Spec,
    tentative: Option<Saved>,
}

type This1<'js> = This<Class<'js, Chain>>;
type Chained<'js> = js::Result<Class<'js, Chain>>;

impl Chain {
    /// A Configuration object.
    pub(super) fn root<'js>(ctx: &Ctx<'js>, config: Rc<Config>) -> Chained<'js> {
        Self::make(
            ctx,
            State {
                config,
                current: None,
                is_sub: false,
                joint: None,
            },
        )
    }

    fn make<'js>(ctx: &Ctx<'js>, state: State) -> Chained<'js> {
        Class::instance(
            ctx.clone(),
            Chain {
                state: RefCell::new(Some(state)),
            },
        )
    }

    /// The description that the object has built up; None once sealed.
    pub(super) fn config(&self) -> Option<Rc<Config>> {
        self.state.borrow().as_ref().map(|state| state.config.clone())
    }

    /// Ends building: later calls throw.
    pub(super) fn seal(&self) {
        self.state.replace(None);
    }

    fn with<R>(&self, ctx: &Ctx<'_>, f: impl FnOnce(&mut State) -> js::Result<R>) -> js::Result<R> {
        match self.state.borrow_mut().as_mut() {
            Some(state) => f(state),
            None => Err(throw_error(
                ctx,
                "the configuration is fixed once its script has been loaded",
            )),
        }
    }

    fn config_or_throw(&self, ctx: &Ctx<'_>) -> js::Result<Rc<Config>> {
        self.with(ctx, |state| Ok(state.config.clone()))
    }

    /// Opens a layout that later filters append to.
    fn open<'js>(&self, ctx: &Ctx<'js>, name: String) -> js::Result<Rc<Layout>> {
        self.with(ctx, |state| {
            if state.is_sub {
                return Err(throw_error(ctx, "a sub-pipeline cannot open another pipeline"));
            }
            let layout = Layout::new(name, state.config.module.clone());
            realm(ctx).adopt(&layout);
            state.current = Some(layout.clone());
            state.joint = None;
            Ok(layout)
        })
    }

    fn root_pipeline<'js>(&self, ctx: &Ctx<'js>, name: String, kind: RootKind) -> js::Result<Rc<Layout>> {
        let layout = self.open(ctx, name)?;
        let config = self.config_or_throw(ctx)?;
        config.roots.borrow_mut().push(Root {
            kind,
            layout: layout.clone(),
            place: js::calling_place(ctx),
        });
        Ok(layout)
    }

    fn current<'js>(&self, ctx: &Ctx<'js>) -> js::Result<Rc<Layout>> {
        self.with(ctx, |state| {
            state
                .current
                .clone()
                .ok_or_else(|| throw_error(ctx, "no pipeline found"))
        })
    }
}

/// Puts all methods on the prototype of Configuration objects. Once a realm.
pub(super) fn install(ctx: &Ctx<'_>) -> js::Result<()> {
    let Some(prototype) = Class::<Chain>::prototype(ctx)? else {
        return Err(throw_error(ctx, "the class Configuration has no prototype"));
    };
    for spec in filters::FILTERS {
        prototype.set(spec.name, filter_method(ctx, spec)?)?;
    }
    for (alias, name) in ALIASES {
        let method: Value = prototype.get(*name)?;
        prototype.set(*alias, method)?;
    }
    for (name, instead) in REMOVED {
        let refuse = move |ctx: Ctx<'_>| -> js::Result<()> {
            let message = format!("{name}() is no filter any more; use {instead}");
            Err(throw_error(&ctx, &message))
        };
        prototype.set(*name, Function::new(ctx.clone(), refuse)?)?;
    }
    install_configuration(ctx, &prototype)
}

fn filter_method<'js>(ctx: &Ctx<'js>, spec: &'static Spec) -> js::Result<Function<'js>> {
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, this: This1<'js>, args: Rest<Value<'js>>| -> Chained<'js> {
            if spec.name == "branch" && is_static_branch(&args.0) {
                static_branch(&ctx, &this.0, &args.0)?;
                return Ok(this.0);
            }
            if spec.name == "repeat" && is_static_repeat(&args.0) {
                static_repeat(&ctx, &this.0, &args.0)?;
                return Ok(this.0);
            }
            add_filter(&ctx, &this.0.borrow(), spec, args.0)?;
            Ok(this.0)
        },
    )
}

fn add_filter<'js>(ctx: &Ctx<'js>, chain: &Chain, spec: &'static Spec, mut args: Vec<Value<'js>>) -> js::Result<()> {
    let layout = chain.current(ctx)?;
    if layout.filters.borrow().len() >= limits::LAYOUT_FILTERS {
        return Err(throw_error(ctx, "too many filters in one pipeline"));
    }
    let config = chain.config_or_throw(ctx)?;
    let sub = Sub::default();
    let mut tentative = None;
    let name = args
        .first()
        .and_then(|first| first.as_string())
        .map(|name| name.to_string())
        .transpose()?;
    if let Some(name) = name.filter(|_| matches!(spec.subs, Subs::Joint | Subs::JointOrKey)) {
        let key = args.remove(0);
        if spec.subs == Subs::JointOrKey {
            tentative = Some(key);
        }
        sub.set_name(name, js::calling_place(ctx));
        config.module.resolve_later(sub.clone());
    }
    let rest = args.clone();
    let (make, needs_sub) = build(ctx, &config, &sub, spec, args)?;
    let place = js::calling_place(ctx);
    let sub_of = (spec.subs != Subs::None).then(|| sub.clone());
    layout.filters.borrow_mut().push(FilterDef {
        name: spec.name,
        make,
        place,
        sub: sub_of,
        needs_sub,
    });
    let tentative = tentative
        .map(|key| -> js::Result<Saved> {
            let array = rquickjs::Array::new(ctx.clone())?;
            for (index, value) in std::iter::once(key).chain(rest).enumerate() {
                array.set(index, value)?;
            }
            Ok(Saved::new(ctx, array.into_value()))
        })
        .transpose()?;
    chain.with(ctx, |state| {
        state.joint = (spec.subs != Subs::None).then_some(Joint { sub, spec, tentative });
        Ok(())
    })
}

fn build<'js>(
    ctx: &Ctx<'js>,
    config: &Rc<Config>,
    sub: &Sub,
    spec: &'static Spec,
    args: Vec<Value<'js>>,
) -> js::Result<(crate::pipeline::Make, bool)> {
    let layout_of = |ctx: &Ctx<'js>, builder: Function<'js>| sub_layout(ctx, config, &builder);
    let mut build = Build {
        ctx,
        args,
        module: config.module.clone(),
        needs_sub: matches!(spec.subs, Subs::Joint | Subs::JointOrKey),
        sub: sub.clone(),
        layout_of: &layout_of,
    };
    let make = (spec.build)(&mut build)?;
    Ok((make, build.needs_sub))
}

/// Runs `$ => $...` on a new layout.
pub(super) fn sub_layout<'js>(ctx: &Ctx<'js>, config: &Rc<Config>, builder: &Function<'js>) -> js::Result<Rc<Layout>> {
    let layout = Layout::new(String::new(), config.module.clone());
    realm(ctx).adopt(&layout);
    let state = State {
        config: config.clone(),
        current: Some(layout.clone()),
        is_sub: true,
        joint: None,
    };
    let chain = Chain::make(ctx, state)?;
    builder.call::<_, Value>((chain.clone(),))?;
    chain.borrow().seal();
    if config.module.is_bound() {
        let complete = config.module.bind().and_then(|()| layout.check_joints());
        complete.map_err(|error| throw_error(ctx, error.message.trim_start_matches("Error: ")))?;
    }
    Ok(layout)
}

fn is_static_branch(args: &[Value<'_>]) -> bool {
    let pairs = args.len() / 2;
    args.len() >= 2 && (0..pairs).all(|pair| args.get(pair * 2).is_some_and(|condition| !condition.is_function()))
}

/// `repeat(n, ($, i) => ...)` and `repeat(array, ($, item, i) => ...)` build; as a filter `repeat` takes a function, behind
/// a pipeline's name in classic scripts.
fn is_static_repeat(args: &[Value<'_>]) -> bool {
    args.first().is_none_or(|what| !what.is_function() && !what.is_string())
}

/// `branch(cond, $ => ..., default?)` with conditions that are values: chosen while loading.
fn static_branch<'js>(ctx: &Ctx<'js>, chain: &Class<'js, Chain>, args: &[Value<'js>]) -> js::Result<()> {
    let chosen = args.chunks(2).find_map(|pair| match pair {
        [condition, builder] => js::truthy(condition).then_some(builder),
        [default] => Some(default),
        _ => None,
    });
    let Some(builder) = chosen else { return Ok(()) };
    let Some(builder) = builder.as_function() else {
        return Err(throw_type(ctx, "branch() expects a function for each condition"));
    };
    builder.call::<_, Value>((chain.clone(),)).map(drop)
}

fn install_configuration<'js>(ctx: &Ctx<'js>, prototype: &Object<'js>) -> js::Result<()> {
    method(ctx, prototype, "to", |ctx, chain, args| {
        let target = args
            .into_iter()
            .next()
            .unwrap_or_else(|| Value::new_undefined(ctx.clone()));
        let config = chain.config_or_throw(ctx)?;
        let joint = chain.with(ctx, |state| Ok(state.joint.take()))?;
        let Some(joint) = joint else {
            return Err(throw_error(ctx, "calling to() without a joint-filter"));
        };
        // Building the sub-pipeline of a module that is bound resolves all names: what is none must not be there then.
        joint.sub.clear_name();
        if let Some(given) = joint.tentative {
            // The lone string was a key after all: build again with it.
            let array = given.get(ctx);
            let args = array
                .as_list()
                .map(|array| array.iter().collect::<js::Result<Vec<Value>>>())
                .transpose()?;
            let (make, _) = build(ctx, &config, &joint.sub, joint.spec, args.unwrap_or_default())?;
            if let Some(def) = chain.current(ctx)?.filters.borrow_mut().last_mut() {
                def.make = make;
            }
        }
        if let Some(name) = target.as_string() {
            joint.sub.set_name(name.to_string()?, js::calling_place(ctx));
            config.module.resolve_later(joint.sub);
        } else if let Some(builder) = target.as_function() {
            joint.sub.set(sub_layout(ctx, &config, builder)?);
        } else if let Some(layout) = template_of(&target) {
            joint.sub.set(layout);
        } else {
            return Err(throw_type(
                ctx,
                "argument 1 expects a pipeline name, a function or a template",
            ));
        }
        Ok(())
    })?;
    method(ctx, prototype, "onStart", |ctx, chain, args| {
        let layout = chain.current(ctx)?;
        if layout.on_start.borrow().is_some() {
            return Err(throw_error(ctx, "duplicated onStart()"));
        }
        if !layout.filters.borrow().is_empty() {
            return Err(throw_error(ctx, "onStart() must come before any filter"));
        }
        let start = first_events(ctx, args.into_iter().next())?;
        *layout.on_start.borrow_mut() = start;
        Ok(())
    })?;
    method(ctx, prototype, "onEnd", |ctx, chain, args| {
        let layout = chain.current(ctx)?;
        if layout.on_end.borrow().is_some() {
            return Err(throw_error(ctx, "duplicated onEnd()"));
        }
        // In a builder function, as in E3, it may stand anywhere.
        let is_classic = chain.with(ctx, |state| Ok(!state.is_sub))?;
        if is_classic && !layout.filters.borrow().is_empty() {
            return Err(throw_error(ctx, "onEnd() must come before any filter"));
        }
        let callback = args.first().and_then(|value| Callback::from_value(ctx, value));
        let callback = callback.ok_or_else(|| throw_type(ctx, "argument 1 expects a function"))?;
        *layout.on_end.borrow_mut() = Some(callback);
        Ok(())
    })?;
    method(ctx, prototype, "export", |ctx, chain, args| {
        let (Some(ns), Some(names)) = (args.first(), args.get(1).filter(|names| names.is_object())) else {
            return Err(throw_type(ctx, "export() expects a namespace and an object"));
        };
        let ns = js::value_to_text(ctx, ns);
        let exported = Saved::new(ctx, names.clone());
        chain.config_or_throw(ctx)?.exports.borrow_mut().push((ns, exported));
        Ok(())
    })?;
    method(ctx, prototype, "import", |ctx, chain, args| {
        let Some(names) = args.first().and_then(|names| names.as_object()) else {
            return Err(throw_type(ctx, "argument 1 expects an object"));
        };
        let config = chain.config_or_throw(ctx)?;
        for entry in names.props::<String, Value>() {
            let (name, ns) = entry?;
            let Some(ns) = ns.as_string() else {
                return Err(throw_type(ctx, &format!("import of {name} expects a namespace")));
            };
            config.imports.borrow_mut().push((name, ns.to_string()?));
        }
        Ok(())
    })?;
    method(ctx, prototype, "pipeline", |ctx, chain, args| {
        let module = chain.config_or_throw(ctx)?.module.clone();
        match args.first().filter(|name| !js::is_nullish(name)) {
            None => {
                if module.entrance.borrow().is_some() {
                    return Err(throw_error(ctx, "more than one entrance pipeline in a module"));
                }
                let layout = chain.open(ctx, module.path.clone())?;
                *module.entrance.borrow_mut() = Some(layout);
            }
            Some(name) => {
                let name = js::value_to_text(ctx, name);
                if name.is_empty() {
                    return Err(throw_error(ctx, "empty pipeline name"));
                }
                let layout = chain.open(ctx, name.clone())?;
                if module.named.borrow_mut().insert(name.clone(), layout).is_some() {
                    return Err(throw_error(ctx, &format!("duplicated pipeline name: {name}")));
                }
            }
        }
        Ok(())
    })?;
    method(ctx, prototype, "listen", |ctx, chain, args| {
        let Some(port) = args.first() else {
            return Err(throw_type(ctx, "argument 1 expects a port"));
        };
        let name = format!("listen {}", js::value_to_text(ctx, port));
        let options = args
            .get(1)
            .filter(|value| !js::is_nullish(value))
            .map(|value| Saved::new(ctx, value.clone()));
        chain
            .root_pipeline(ctx, name, RootKind::Listen(Saved::new(ctx, port.clone()), options))
            .map(drop)
    })?;
    method(ctx, prototype, "task", |ctx, chain, args| {
        let mut args = args.into_iter();
        let first = args.next().filter(|value| !js::is_nullish(value));
        // With one argument that is neither a number nor a string, it is the first input.
        let (when, start) = match first {
            Some(value) if value.is_string() || value.is_number() => (when(ctx, &value)?, args.next()),
            Some(value) => (When::Once, Some(value)),
            None => (When::Once, args.next()),
        };
        let layout = chain.root_pipeline(ctx, format!("task {when:?}"), RootKind::Task(when))?;
        *layout.on_start.borrow_mut() = first_events(ctx, start)?;
        Ok(())
    })?;
    method(ctx, prototype, "watch", |ctx, chain, args| {
        let Some(path) = args.first().and_then(|path| path.as_string()) else {
            return Err(throw_type(ctx, "argument 1 expects a path"));
        };
        let path = path.to_string()?;
        let folder = if path.ends_with('/') { "/" } else { "" };
        let path = format!("{}{folder}", crate::codebase::normalize(&path));
        chain
            .root_pipeline(ctx, format!("watch {path}"), RootKind::Watch(path))
            .map(drop)
    })?;
    method(ctx, prototype, "admin", |ctx, chain, args| {
        let Some(path) = args.first().and_then(|path| path.as_string()) else {
            return Err(throw_type(ctx, "argument 1 expects a path"));
        };
        let path = path.to_string()?;
        if !path.starts_with("/admin/") {
            return Err(throw_error(
                ctx,
                &format!("the path '{path}' of admin() does not start with /admin/"),
            ));
        }
        chain
            .root_pipeline(ctx, format!("admin {path}"), RootKind::Admin(path))
            .map(drop)
    })?;
    method(ctx, prototype, "exit", |ctx, chain, args| {
        let layout = chain.root_pipeline(ctx, "exit".to_owned(), RootKind::Exit)?;
        *layout.on_start.borrow_mut() = first_events(ctx, args.into_iter().next())?;
        Ok(())
    })?;
    Ok(())
}

fn method<'js>(
    ctx: &Ctx<'js>,
    prototype: &Object<'js>,
    name: &str,
    run: fn(&Ctx<'js>, &Chain, Vec<Value<'js>>) -> js::Result<()>,
) -> js::Result<()> {
    let function = Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, this: This1<'js>, args: Rest<Value<'js>>| -> Chained<'js> {
            run(&ctx, &this.0.borrow(), args.0)?;
            Ok(this.0)
        },
    )?;
    prototype.set(name, function)
}

fn static_repeat<'js>(ctx: &Ctx<'js>, chain: &Class<'js, Chain>, args: &[Value<'js>]) -> js::Result<()> {
    let (Some(what), Some(builder)) = (args.first(), args.get(1).and_then(|builder| builder.as_function())) else {
        return Err(throw_type(ctx, "repeat() expects a number or an array, and a function"));
    };
    if let Some(array) = what.as_list() {
        for (index, item) in array.iter::<Value>().enumerate() {
            builder.call::<_, Value>((chain.clone(), item?, index))?;
        }
        return Ok(());
    }
    let count = what
        .as_number()
        .ok_or_else(|| throw_type(ctx, "argument 1 expects a number or an array"))?;
    for index in 0..count.clamp(0.0, limits::LAYOUT_FILTERS as f64) as usize {
        builder.call::<_, Value>((chain.clone(), index))?;
    }
    Ok(())
}

fn when(ctx: &Ctx<'_>, value: &Value<'_>) -> js::Result<When> {
    let text = js::value_to_text(value.ctx(), value);
    if let Some(signal) = SIGNALS.iter().find(|signal| **signal == text) {
        return Ok(When::Signal(signal));
    }
    let seconds = js::seconds_of(value).ok_or_else(|| {
        throw_error(
            ctx,
            &format!("cannot understand the interval or signal '{text}' of a task; try '5s' or 'SIGHUP'"),
        )
    })?;
    let (least, most) = limits::TASK_SECONDS;
    if !(least..=most).contains(&seconds) {
        return Err(throw_error(
            ctx,
            &format!("task interval {text} is not between {least} s and {most} s"),
        ));
    }
    Ok(When::Every(seconds))
}

/// What `onStart` was given: a function or events.
fn first_events<'js>(ctx: &Ctx<'js>, value: Option<Value<'js>>) -> js::Result<Option<OnStart>> {
    let Some(value) = value.filter(|value| !js::is_nullish(value)) else {
        return Ok(None);
    };
    if let Some(callback) = Callback::from_value(ctx, &value) {
        return Ok(Some(OnStart::Call(callback)));
    }
    let mut events: Vec<Event> = Vec::new();
    if !js::events_of(ctx, &value, &mut events) {
        return Err(throw_type(
            ctx,
            "the first input expects a function, an event, a Message or an array of those",
        ));
    }
    Ok(Some(OnStart::Events(events)))
}
