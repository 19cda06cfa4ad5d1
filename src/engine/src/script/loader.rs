//! Reads, runs and binds the modules of a codebase in one realm. Source: pipyjs/model.md 1.6, section 3 (`solve`).

use super::chain::{self, Chain};
use super::config::{self, Config, Root, RootKind};
use super::rewrite;
use crate::codebase::{Codebase, normalize};
use crate::error::{Error, ScriptError};
use crate::js::{self, Positions, throw_error};
use crate::limits;
use crate::pipeline::{Layout, Module, Modules, Realm};
use crate::value::Saved;
use rquickjs::context::EvalOptions;
use rquickjs::function::{Function, Opt};
use rquickjs::{Class, Ctx, Object, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// The modules of one realm.
pub(crate) struct Loader {
    realm: Weak<Realm>,
    codebase: Arc<Codebase>,
    modules: RefCell<Vec<Rc<Loaded>>>,
    /// Indices of modules whose scripts are running now, innermost last.
    loading: RefCell<Vec<usize>>,
    solving: RefCell<Vec<String>>,
    solved: RefCell<HashMap<String, Saved>>,
    /// The first error with a place, kept because an exception of ours thrown through scripts has none.
    failed: RefCell<Option<ScriptError>>,
    /// Whether the main script may be any expression, and what it evaluated to then, as text.
    is_expression: bool,
    value: RefCell<Option<String>>,
}

struct Loaded {
    module: Rc<Module>,
    /// Configuration objects made while the file ran.
    made: RefCell<Vec<Saved>>,
    config: RefCell<Option<Rc<Config>>>,
}

impl Loader {
    /// A loader for `codebase` that gives the realm its module table and the function `pipy`.
    ///
    /// # Errors  When the script engine runs out of memory.
    pub(crate) fn new(realm: &Rc<Realm>, codebase: Arc<Codebase>, is_expression: bool) -> Result<Rc<Self>, Error> {
        let loader = Rc::new(Loader {
            realm: Rc::downgrade(realm),
            codebase,
            modules: RefCell::default(),
            loading: RefCell::default(),
            solving: RefCell::default(),
            solved: RefCell::default(),
            failed: RefCell::default(),
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
            let roots = self.module(ctx, &main).and_then(|_| self.bind(ctx, &realm));
            roots.map_err(|error| {
                let (described, _) = js::caught(ctx, error);
                Error::Script(self.failed.take().unwrap_or(described))
            })
        })
    }

    /// The value of a main script that is an expression and no configuration.
    pub(crate) fn value(&self) -> Option<String> {
        self.value.borrow().clone()
    }

    /// Paths of the loaded modules, in load order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.modules
            .borrow()
            .iter()
            .map(|loaded| loaded.module.path.clone())
            .collect()
    }

    /// The module whose script makes this call, by the innermost frame of a script.
    fn calling(&self, ctx: &Ctx<'_>) -> Option<usize> {
        let file = js::describe(ctx, &js::error_value(ctx, "").ok()?).file;
        let modules = self.modules.borrow();
        modules.iter().position(|loaded| loaded.module.path == file)
    }

    fn fail(&self, ctx: &Ctx<'_>, error: ScriptError) -> rquickjs::Error {
        let thrown = throw_error(ctx, &error.message);
        self.failed.borrow_mut().get_or_insert(error);
        thrown
    }

    fn run<'js>(&self, ctx: &Ctx<'js>, module: &Rc<Module>) -> js::Result<Value<'js>> {
        let path = &module.path;
        let Some(bytes) = self.codebase.get(path) else {
            return Err(self.fail(
                ctx,
                ScriptError::new(format!("Error: cannot find module {path} in the codebase")),
            ));
        };
        let source = String::from_utf8_lossy(bytes);
        let globals = ctx.globals();
        let is_global = |name: &str| globals.contains_key(name).unwrap_or(false);
        let rewritten =
            rewrite::rewrite(path, &source, module.id, &is_global).map_err(|error| self.fail(ctx, error))?;
        Positions::of(ctx).add(path, &source, &rewritten.edits);
        let realm = self.realm.upgrade().expect("a realm outlives its loading");
        let filename = rquickjs::String::from_str(ctx.clone(), path)?.into_value();
        realm
            .scope
            .define(ctx, &rewrite::slot("__filename", module.id), filename)?;
        let mut options = EvalOptions::default();
        options.strict = false;
        options.filename = Some(path.clone());
        let function: Function = ctx.eval_with_options(rewritten.code, options)?;
        realm.clock.start();
        function.call((realm.scope.holder(ctx),))
    }

    /// Which Configuration a module's script evaluates to: its last value, or the only one that it made.
    fn configuration<'js>(&self, loaded: &Loaded, ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Rc<Config>> {
        let given = Class::<Chain>::from_value(value)
            .ok()
            .and_then(|chain| chain.borrow().config());
        let made = loaded.made.borrow();
        let only = match made.as_slice() {
            [only] => Class::<Chain>::from_value(&only.get(ctx))
                .ok()
                .and_then(|chain| chain.borrow().config()),
            _ => None,
        };
        // The main script is the first module.
        let is_value = self.is_expression && loaded.module.id == 0 && made.is_empty();
        let value = is_value.then(|| {
            *self.value.borrow_mut() = Some(js::format_line(ctx, std::slice::from_ref(value)));
            Config::new(loaded.module.clone(), None)
        });
        given.or(only).or(value).ok_or_else(|| {
            let path = &loaded.module.path;
            let what = "the script does not end in a configuration: is pipy()... its last expression?";
            self.fail(ctx, ScriptError::in_file(path, format!("Error: {what}")))
        })
    }

    /// Exports before imports, then names of layouts: load order does not matter.
    fn bind(&self, ctx: &Ctx<'_>, realm: &Rc<Realm>) -> js::Result<Vec<Root>> {
        let modules = self.modules.borrow();
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
        realm.scope.bind(ctx, initial, aliases, inbounds)?;
        for loaded in modules.iter() {
            loaded.module.bind().map_err(|error| self.fail(ctx, error))?;
            for chain in loaded.made.take() {
                if let Ok(chain) = Class::<Chain>::from_value(&chain.get(ctx)) {
                    chain.borrow().seal();
                }
            }
        }
        realm.check_joints().map_err(|error| self.fail(ctx, error))?;
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
        let Some(bytes) = self.codebase.get(&path) else {
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
        let source = String::from_utf8_lossy(bytes).into_owned();
        // Globals are all that such a file sees: nothing to rewrite but the shape.
        let rewritten =
            rewrite::rewrite(&path, &source, usize::MAX, &|_| true).map_err(|error| self.fail(ctx, error))?;
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
        let path = normalize(path);
        if let Some(known) = self.modules.borrow().iter().find(|loaded| loaded.module.path == path) {
            return Ok(known.module.clone());
        }
        let id = self.modules.borrow().len();
        if id >= limits::MODULES {
            return Err(throw_error(
                ctx,
                &format!("more than {} modules in the codebase", limits::MODULES),
            ));
        }
        let module = Module::new(id, path);
        let loaded = Rc::new(Loaded {
            module: module.clone(),
            made: RefCell::default(),
            config: RefCell::default(),
        });
        self.modules.borrow_mut().push(loaded.clone());
        self.loading.borrow_mut().push(id);
        let value = self.run(ctx, &module);
        self.loading.borrow_mut().pop();
        let config = self.configuration(&loaded, ctx, &value?)?;
        *loaded.config.borrow_mut() = Some(config);
        Ok(module)
    }

    fn layout<'js>(&self, ctx: &Ctx<'js>, builder: &Function<'js>) -> rquickjs::Result<Rc<Layout>> {
        let current = self.loading.borrow().last().copied();
        let index = current.or_else(|| self.calling(ctx)).unwrap_or(0);
        let module = self.modules.borrow().get(index).map(|loaded| loaded.module.clone());
        let Some(module) = module else {
            return Err(throw_error(ctx, "no script is loaded that a pipeline could belong to"));
        };
        chain::sub_layout(ctx, &Config::new(module, None), builder)
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
            let loaded = current.and_then(|index| loader.modules.borrow().get(index).cloned());
            let Some(loaded) = loaded else {
                return Err(throw_error(&ctx, "pipy() only works while a module loads"));
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
