//! Runs and binds the modules of a codebase in one realm. Source: pipyjs/model.md 1.5, 1.6, section 3 (`solve`, `import`).

use super::chain::{self, Chain};
use super::config::{self, Config, Root, RootKind};
use super::graph::{Graph, Loaded, State, locate};
use super::rewrite;
use crate::codebase::{Codebase, normalize};
use crate::error::{Error, ScriptError};
use crate::js::{self, Positions, throw_error};
use crate::pipeline::{Layout, Module, Modules, Realm};
use crate::value::Saved;
use rquickjs::context::EvalOptions;
use rquickjs::function::{Args, Function, Opt, This};
use rquickjs::{Class, Ctx, FromJs, Object, Value};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// Makes the function that defines exports of a module by getters.
const GETTERS: &str = "(exports => (name, get) => { Object.defineProperty(exports, name, { get, enumerable: true }) })";

/// The modules of one realm.
pub(crate) struct Loader {
    realm: Weak<Realm>,
    codebase: Arc<Codebase>,
    graph: Graph,
    /// Numbers of modules whose scripts are running now, innermost last.
    loading: RefCell<Vec<usize>>,
    solving: RefCell<Vec<String>>,
    solved: RefCell<HashMap<String, Saved>>,
    /// The first error with a place, kept because an exception of ours thrown through scripts has none.
    failed: RefCell<Option<ScriptError>>,
    /// True once the scripts that were loaded at first are bound: what is loaded later is bound at once.
    is_bound: Cell<bool>,
    /// Whether the main script may be any expression, and what it evaluated to then, as text.
    is_expression: bool,
    value: RefCell<Option<String>>,
}

impl Loader {
    /// A loader for `codebase` that gives the realm its module table and the function `pipy`.
    ///
    /// # Errors  When the script engine runs out of memory.
    pub(crate) fn new(realm: &Rc<Realm>, codebase: Arc<Codebase>, is_expression: bool) -> Result<Rc<Self>, Error> {
        let loader = Rc::new(Loader {
            realm: Rc::downgrade(realm),
            codebase,
            graph: Graph::default(),
            loading: RefCell::default(),
            solving: RefCell::default(),
            solved: RefCell::default(),
            failed: RefCell::default(),
            is_bound: Cell::new(false),
            is_expression,
            value: RefCell::default(),
        });
        let weak: Weak<Loader> = Rc::downgrade(&loader);
        realm.set_modules(loader.clone());
        realm
            .with(|ctx| {
                chain::install(ctx)?;
                install_pipy(ctx, weak)
            })
            .map_err(|error| Error::Js(error.to_string()))?;
        Ok(loader)
    }

    /// Loads the main script and all that it uses, binds them, and returns the pipelines to start.
    ///
    /// # Errors  The script's error with its place. Nothing has been started.
    pub(crate) fn load(&self) -> Result<Vec<Root>, Error> {
        let realm = self.realm.upgrade().expect("a realm outlives its loading");
        let main = normalize(&self.codebase.main);
        if !self.codebase.files.contains_key(&main) {
            return Err(Error::NoMain {
                path: main,
                files: self.codebase.files.len(),
            });
        }
        realm.with(|ctx| {
            let roots = self.require(ctx, &main).and_then(|_| self.bind(ctx, &realm));
            roots.map_err(|error| {
                let (described, _) = js::caught(ctx, error);
                // A script may have caught the first one, and thrown something else.
                let failed = self.failed.take();
                let failed = failed.filter(|failed| described.message.ends_with(&failed.message));
                let mut error = failed.unwrap_or(described);
                if error.text.is_empty() && error.line > 0 {
                    let source = self
                        .codebase
                        .get(&error.file)
                        .map(|bytes| String::from_utf8_lossy(bytes));
                    let line = source
                        .as_deref()
                        .and_then(|text| text.lines().nth(error.line as usize - 1));
                    error.text = line.unwrap_or_default().to_owned();
                }
                Error::Script(error)
            })
        })
    }

    /// The value of a main script that is an expression and no configuration.
    pub(crate) fn value(&self) -> Option<String> {
        self.value.borrow().clone()
    }

    /// Paths of the loaded modules, in load order.
    pub(crate) fn paths(&self) -> Vec<String> {
        let all = self.graph.all();
        all.iter().map(|loaded| loaded.module.path.clone()).collect()
    }

    /// The script that makes this call: the innermost frame of one.
    fn calling(&self, ctx: &Ctx<'_>) -> js::Result<String> {
        Ok(js::describe(ctx, &js::error_value(ctx, "")?).file)
    }

    fn fail(&self, ctx: &Ctx<'_>, error: ScriptError) -> rquickjs::Error {
        let thrown = match error.line {
            line if line > 0 && self.is_bound.get() => {
                let message = format!("{} ({}:{line}:{})", error.message, error.file, error.column);
                throw_error(ctx, &message)
            }
            _ => throw_error(ctx, &error.message),
        };
        self.failed.borrow_mut().get_or_insert(error);
        thrown
    }

    /// The module at `path`, which has run, or runs now; loaded once, with what it imports.
    fn require(&self, ctx: &Ctx<'_>, given: &str) -> js::Result<Rc<Loaded>> {
        let path = normalize(given);
        let from = self.graph.len();
        let index = match self.graph.find(&path) {
            Some(index) => index,
            None => {
                let prepared = self.graph.prepare(ctx, &path);
                let prepared = prepared.map_err(|error| self.fail(ctx, error));
                let linked = prepared.and_then(|index| self.graph.link(ctx, from).map(|()| index));
                let index = linked.inspect_err(|_| self.graph.fail(from))?;
                if let Some(loaded) = self.graph.get(index) {
                    given.clone_into(&mut loaded.given.borrow_mut());
                }
                index
            }
        };
        let ran = self.run(ctx, index);
        if self.is_bound.get() {
            self.bind_late(ctx)?;
        }
        ran?;
        let loaded = self.graph.get(index);
        loaded.ok_or_else(|| throw_error(ctx, &format!("module {path} is not loaded")))
    }

    /// Runs a module after those that it imports, as far as they have not run.
    fn run(&self, ctx: &Ctx<'_>, index: usize) -> js::Result<()> {
        let order: Vec<_> = self
            .graph
            .order(index)
            .into_iter()
            .filter_map(|index| self.graph.get(index))
            .collect();
        let realm = self.realm.upgrade().expect("a realm outlives its loading");
        for loaded in order
            .iter()
            .filter(|one| one.is_staged && one.state.get() == State::New)
        {
            self.stage(ctx, &realm, loaded)
                .inspect_err(|_| loaded.state.set(State::Failed))?;
        }
        for loaded in order {
            match loaded.state.get() {
                State::Running | State::Done => continue,
                State::Failed => {
                    let message = format!("module {} could not be loaded", loaded.module.path);
                    return Err(throw_error(ctx, &message));
                }
                State::New => {}
            }
            loaded.state.set(State::Running);
            self.loading.borrow_mut().push(loaded.module.id);
            // A module that a callback imports does not run in the callback's context.
            let context = realm.scope.current();
            let value = realm
                .scope
                .enter(ctx, None)
                .and_then(|()| self.evaluate(ctx, &realm, &loaded));
            realm.scope.enter(ctx, context.as_ref())?;
            self.loading.borrow_mut().pop();
            match value {
                Ok(value) => {
                    let config = self.configuration(&loaded, ctx, &value);
                    *loaded.config.borrow_mut() = Some(config);
                    loaded.state.set(State::Done);
                }
                Err(error) => {
                    loaded.state.set(State::Failed);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// The first step of a file in two steps.
    fn stage(&self, ctx: &Ctx<'_>, realm: &Realm, loaded: &Loaded) -> js::Result<()> {
        let rest: Object = self.start(ctx, realm, loaded)?;
        let step: Function = rest.get("next")?;
        step.call::<_, ()>((This(rest.clone()),))?;
        *loaded.rest.borrow_mut() = Some(Saved::new(ctx, rest.into_value()));
        Ok(())
    }

    fn evaluate<'js>(&self, ctx: &Ctx<'js>, realm: &Realm, loaded: &Loaded) -> js::Result<Value<'js>> {
        let rest = loaded.rest.take().and_then(|rest| rest.get(ctx).into_object());
        let Some(rest) = rest else {
            return self.start(ctx, realm, loaded);
        };
        realm.clock.start();
        let step: Function = rest.get("next")?;
        let last: Object = step.call((This(rest),))?;
        last.get("value")
    }

    /// Calls the function that the file is.
    fn start<'js, V: FromJs<'js>>(&self, ctx: &Ctx<'js>, realm: &Realm, loaded: &Loaded) -> js::Result<V> {
        let module = &loaded.module;
        let filename = rquickjs::String::from_str(ctx.clone(), &loaded.given.borrow())?.into_value();
        let slot = rewrite::slot("__filename", module.id);
        realm.scope.define(ctx, &slot, filename)?;
        realm.scope.declare(ctx, loaded.fibers.clone())?;
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(module.path.clone());
        let function: Function = ctx.eval_with_options(loaded.code.take(), options)?;
        let exports = loaded.exports.get(ctx);
        let targets = loaded.targets.borrow().clone();
        let mut args = Args::new(ctx.clone(), 3 + targets.len());
        args.push_arg(realm.scope.holder(ctx))?;
        args.push_arg(exports.clone())?;
        if loaded.linkage.locals.is_empty() {
            args.push_arg(Value::new_undefined(ctx.clone()))?;
        } else {
            let getters: Function = ctx.eval(GETTERS)?;
            args.push_arg(getters.call::<_, Value>((exports,))?)?;
        }
        for target in targets.iter().filter_map(|target| self.graph.get(*target)) {
            args.push_arg(target.exports.get(ctx))?;
        }
        realm.clock.start();
        function.call_arg(args)
    }

    /// Which Configuration a module's script evaluates to: its last value, or the only one that it made. Files of
    /// dialect E3 have none.
    fn configuration<'js>(&self, loaded: &Loaded, ctx: &Ctx<'js>, value: &Value<'js>) -> Rc<Config> {
        let of = |value: &Value<'js>| Class::<Chain>::from_value(value).ok()?.borrow().config();
        let made = loaded.made.borrow();
        let only = match made.as_slice() {
            [only] => of(&only.get(ctx)),
            _ => None,
        };
        let config = of(value).or(only);
        loaded.is_classic.set(config.is_some());
        loaded.module.is_modern.set(config.is_none());
        if config.is_none() && !made.is_empty() {
            let (file, count) = (&loaded.module.path, made.len());
            tracing::warn!(target: "pjs", file, "the script makes {count} configurations and ends in none: they are ignored");
        }
        // The main script is the first module.
        if config.is_none() && self.is_expression && loaded.module.id == 0 {
            *self.value.borrow_mut() = Some(js::format_line(ctx, std::slice::from_ref(value)));
        }
        config.unwrap_or_else(|| Config::new(loaded.module.clone(), None))
    }

    /// Binds what was loaded after all others were bound.
    fn bind_late(&self, ctx: &Ctx<'_>) -> js::Result<()> {
        let realm = self.realm.upgrade().expect("scripts run while their realm lives");
        let late: Vec<_> = self
            .graph
            .all()
            .into_iter()
            .filter(|one| !one.module.is_bound())
            .collect();
        let fibers = late.iter().flat_map(|loaded| loaded.fibers.clone()).collect();
        let slot = |loaded: &Rc<Loaded>| rewrite::slot("__inbound", loaded.module.id);
        let inbounds = late.iter().map(slot).collect();
        realm
            .scope
            .bind(ctx, Object::new(ctx.clone())?, Vec::new(), inbounds, fibers)?;
        for loaded in &late {
            loaded.module.bind().map_err(|error| self.fail(ctx, error))?;
        }
        realm.check_joints().map_err(|error| self.fail(ctx, error))
    }

    /// Exports before imports, then names of layouts: load order does not matter.
    fn bind(&self, ctx: &Ctx<'_>, realm: &Rc<Realm>) -> js::Result<Vec<Root>> {
        let modules = self.graph.all();
        let configs: Vec<Rc<Config>> = modules
            .iter()
            .filter_map(|loaded| loaded.config.borrow().clone())
            .collect();
        let initial = Object::new(ctx.clone())?;
        let mut exported: HashMap<(String, String), String> = HashMap::new();
        let wrong = |file: &str, message: String| self.fail(ctx, ScriptError::in_file(file, message));
        for config in &configs {
            let (id, path) = (config.module.id, &config.module.path);
            for (name, value) in properties(ctx, config.vars.as_ref())? {
                initial.set(rewrite::slot(&name, id), value)?;
            }
            for (ns, names) in config.exports.borrow().iter() {
                for (name, value) in properties(ctx, Some(names))? {
                    let slot = rewrite::slot(&name, id);
                    if ns.is_empty() || name.is_empty() {
                        return Err(wrong(
                            path,
                            "Error: empty namespace or variable name in export".to_owned(),
                        ));
                    }
                    if initial.contains_key(&*slot)? {
                        return Err(wrong(path, format!("Error: duplicated variable name {name}")));
                    }
                    if exported.insert((ns.clone(), name.clone()), slot.clone()).is_some() {
                        return Err(wrong(
                            path,
                            format!("Error: duplicated export {name} in namespace {ns}"),
                        ));
                    }
                    initial.set(slot, value)?;
                }
            }
        }
        let mut aliases = Vec::new();
        for config in &configs {
            for (name, ns) in config.imports.borrow().iter() {
                let Some(target) = exported.get(&(ns.clone(), name.clone())) else {
                    let path = &config.module.path;
                    return Err(wrong(path, format!("Error: cannot import variable {name} in {path}")));
                };
                let slot = rewrite::slot(name, config.module.id);
                if slot != *target {
                    aliases.push(vec![slot, target.clone()]);
                }
            }
        }
        let inbounds = configs
            .iter()
            .map(|config| rewrite::slot("__inbound", config.module.id))
            .collect();
        let fibers = modules.iter().flat_map(|loaded| loaded.fibers.clone()).collect();
        realm.scope.bind(ctx, initial, aliases, inbounds, fibers)?;
        for loaded in modules.iter() {
            loaded.module.bind().map_err(|error| self.fail(ctx, error))?;
            for chain in loaded.made.take() {
                if let Ok(chain) = Class::<Chain>::from_value(&chain.get(ctx)) {
                    chain.borrow().seal();
                }
            }
        }
        realm.check_joints().map_err(|error| self.fail(ctx, error))?;
        self.is_bound.set(true);
        let roots: Vec<Root> = configs
            .iter()
            .flat_map(|config| config.roots.borrow().clone())
            .collect();
        for root in &roots {
            let starts = root.layout.on_start.borrow().is_some();
            if matches!(root.kind, RootKind::Task(_)) && !starts {
                realm.legacy.set(true);
                *root.layout.on_start.borrow_mut() = Some(config::empty_message());
            }
        }
        Ok(roots)
    }

    /// `pipy.solve(path)`.
    ///
    /// # Errors  Throws on a missing file, a recursion, and whatever the file throws.
    pub(crate) fn solve<'js>(&self, ctx: &Ctx<'js>, path: &str) -> js::Result<Value<'js>> {
        let path = normalize(path);
        if let Some(known) = self.solved.borrow().get(&path) {
            return Ok(known.get(ctx));
        }
        let Some(bytes) = js::host(ctx).load(&path) else {
            return Err(throw_error(
                ctx,
                &format!("Cannot solve script: {path}: no such file in the codebase"),
            ));
        };
        if self.solving.borrow().contains(&path) {
            return Err(throw_error(
                ctx,
                &format!("Cannot solve script: {path}: it needs its own value"),
            ));
        }
        let source = String::from_utf8_lossy(&bytes).into_owned();
        // Globals are all that such a file sees: nothing to rewrite but the shape.
        let rewritten = rewrite::rewrite_expression(&path, &source).map_err(|error| self.fail(ctx, error))?;
        if !rewritten.linkage.requests.is_empty() {
            let message = format!("Cannot solve script: {path}: it has imports, and must be one expression");
            return Err(throw_error(ctx, &message));
        }
        Positions::of(ctx).add(&path, &source, &rewritten.edits);
        self.solving.borrow_mut().push(path.clone());
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(path.clone());
        let realm = self.realm.upgrade().expect("scripts run while their realm lives");
        let value = ctx
            .eval_with_options::<Function, _>(rewritten.code, options)
            .and_then(|function| function.call::<_, Value>((realm.scope.holder(ctx),)));
        self.solving.borrow_mut().pop();
        let value = value?;
        self.solved.borrow_mut().insert(path, Saved::new(ctx, value.clone()));
        Ok(value)
    }
}

impl Modules for Loader {
    fn module(&self, ctx: &Ctx<'_>, path: &str) -> rquickjs::Result<Rc<Module>> {
        let loaded = self.require(ctx, path)?;
        if loaded.state.get() == State::Done && !loaded.is_classic.get() {
            let what = "the script does not end in a configuration: is pipy()... its last expression?";
            let error = ScriptError::in_file(&loaded.module.path, format!("Error: {what}"));
            return Err(self.fail(ctx, error));
        }
        Ok(loaded.module.clone())
    }

    fn import<'js>(&self, ctx: &Ctx<'js>, path: &str) -> rquickjs::Result<Value<'js>> {
        let Some(target) = locate(path, &self.calling(ctx)?) else {
            let message = format!("cannot resolve module '{path}': a path starts with '/' or '.'");
            return Err(throw_error(ctx, &message));
        };
        Ok(self.require(ctx, &target)?.exports.get(ctx))
    }

    fn layout<'js>(&self, ctx: &Ctx<'js>, builder: &Function<'js>) -> rquickjs::Result<Rc<Layout>> {
        let current = self.loading.borrow().last().copied();
        let index = match current {
            Some(index) => index,
            None => self.graph.find(&self.calling(ctx)?).unwrap_or(0),
        };
        let Some(loaded) = self.graph.get(index) else {
            return Err(throw_error(ctx, "no script is loaded that a pipeline could belong to"));
        };
        chain::sub_layout(ctx, &Config::new(loaded.module.clone(), None), builder)
    }
}

/// Own properties in order; none for nothing.
fn properties<'js>(ctx: &Ctx<'js>, object: Option<&Saved>) -> js::Result<Vec<(String, Value<'js>)>> {
    match object.and_then(|object| object.get(ctx).into_object()) {
        Some(object) => object.props::<String, Value>().collect(),
        None => Ok(Vec::new()),
    }
}

/// The function `pipy`, with the members that globals/pipy.rs has put on the object of that name.
fn install_pipy(ctx: &Ctx<'_>, loader: Weak<Loader>) -> js::Result<()> {
    let pipy = pipy_function(ctx, loader)?;
    let merge: Function = ctx.eval(
        "(f => { const members = globalThis.pipy; \
           if (members) Object.defineProperties(f, Object.getOwnPropertyDescriptors(members)); globalThis.pipy = f })",
    )?;
    merge.call((pipy,))
}

fn pipy_function<'js>(ctx: &Ctx<'js>, loader: Weak<Loader>) -> js::Result<Function<'js>> {
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, vars: Opt<Value<'js>>| -> js::Result<Class<'js, Chain>> {
            let loader = loader
                .upgrade()
                .ok_or_else(|| throw_error(&ctx, "pipy() only works while scripts load"))?;
            let current = loader.loading.borrow().last().copied();
            let loaded = current.and_then(|index| loader.graph.get(index));
            let Some(loaded) = loaded.filter(|_| !loader.is_bound.get()) else {
                return Err(throw_error(
                    &ctx,
                    "pipy() only works while the scripts are loaded at first",
                ));
            };
            let mut vars = vars.0.filter(|vars| !js::is_nullish(vars));
            if let Some(function) = vars.as_ref().and_then(|vars| vars.as_function()) {
                vars = Some(function.call(())?);
            }
            if vars.as_ref().is_some_and(|vars| !vars.is_object()) {
                return Err(js::throw_type(
                    &ctx,
                    "pipy() expects an object or a function that returns one",
                ));
            }
            let config = Config::new(loaded.module.clone(), vars.map(|vars| Saved::new(&ctx, vars)));
            let chain = Chain::root(&ctx, config)?;
            loaded
                .made
                .borrow_mut()
                .push(Saved::new(&ctx, chain.clone().into_value()));
            Ok(chain)
        },
    )
}
