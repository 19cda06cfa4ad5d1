//! The graph of modules: reads files and what they import, resolves names between them, makes their objects of exports.
//! Not for running them (loader.rs). Source: pipyjs/model.md 1.5.3.

use super::config::Config;
use super::draft::syntax_error;
use super::esm::{Import, Linkage};
use super::rewrite;
use crate::codebase::normalize;
use crate::error::ScriptError;
use crate::js::{self, Positions};
use crate::limits;
use crate::pipeline::Module;
use crate::value::Saved;
use rquickjs::{Ctx, Function, Object};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Defines an export that another module's object holds; without a key it is that object.
const DEFINE: &str = "((exports, name, from, key) => { Object.defineProperty(exports, name, \
                      key === undefined ? { value: from, enumerable: true } : { get: () => from[key], enumerable: true }) })";

/// A script file.
pub(super) struct Loaded {
    /// Its layouts.
    pub module: Rc<Module>,
    /// Its path as `use` or `chain` gave it, where one of them has loaded it: what `__filename` is.
    pub given: RefCell<String>,
    /// Configuration objects made while the file ran.
    pub made: RefCell<Vec<Saved>>,
    /// What a classic file describes; nothing for others.
    pub config: RefCell<Option<Rc<Config>>>,
    /// Its value was a Configuration.
    pub is_classic: Cell<bool>,
    /// What of running it has been done.
    pub state: Cell<State>,
    /// What QuickJS runs; taken when it does.
    pub code: RefCell<String>,
    /// See [`rewrite::Rewritten::is_staged`].
    pub is_staged: bool,
    /// The rest of a staged one, after its first step.
    pub rest: RefCell<Option<Saved>>,
    /// Imports and exports.
    pub linkage: Linkage,
    /// Slots of its fiber variables.
    pub fibers: Vec<String>,
    /// Its object of exports.
    pub exports: Saved,
    /// Modules that its requests mean.
    pub targets: RefCell<Vec<usize>>,
    source: String,
}

/// See [`Loaded::state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has not run.
    New,
    /// It runs, or waits for what it imports.
    Running,
    /// It has run.
    Done,
    /// It, or something that it imports, cannot be loaded.
    Failed,
}

/// Why a name has no module.
#[derive(Debug, PartialEq, Eq)]
enum Unresolved {
    Missing,
    Cyclic,
}

/// Where a name comes from: a module, and the name on its object of exports, or the object itself.
type Origin = (usize, Option<String>);

/// All files of one realm, in the order in which they were found.
#[derive(Default)]
pub(super) struct Graph(RefCell<Vec<Rc<Loaded>>>);

impl Loaded {
    /// An error at an offset of the file.
    fn error(&self, at: u32, message: &str) -> ScriptError {
        let mut error = syntax_error(&self.module.path, &self.source, at as usize, "");
        error.message = format!("Error: {message}");
        error
    }
}

impl Graph {
    /// Number of files.
    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// File number `index`.
    pub(super) fn get(&self, index: usize) -> Option<Rc<Loaded>> {
        self.0.borrow().get(index).cloned()
    }

    /// All files.
    pub(super) fn all(&self) -> Vec<Rc<Loaded>> {
        self.0.borrow().clone()
    }

    /// Number of the file at this path.
    pub(super) fn find(&self, path: &str) -> Option<usize> {
        self.0.borrow().iter().position(|loaded| loaded.module.path == path)
    }

    /// Marks all files from `from` on that have not run.
    pub(super) fn fail(&self, from: usize) {
        for loaded in self.0.borrow().iter().skip(from) {
            if loaded.state.get() == State::New {
                loaded.state.set(State::Failed);
            }
        }
    }

    /// Reads a file and all that it imports, and checks the names. Returns its number.
    ///
    /// # Errors  What does not parse, is missing, or does not fit together, with the place.
    pub(super) fn prepare(&self, ctx: &Ctx<'_>, path: &str) -> Result<usize, ScriptError> {
        let first = self.len();
        let found = self.add(ctx, path)?;
        if !found {
            return Err(ScriptError::new(format!(
                "Error: cannot find module {path} in the codebase"
            )));
        }
        let mut next = first;
        while let Some(loaded) = self.get(next) {
            for (specifier, at) in &loaded.linkage.requests {
                let Some(target) = locate(specifier, &loaded.module.path) else {
                    let message = format!("cannot resolve module '{specifier}': a path starts with '/' or '.'");
                    return Err(loaded.error(*at, &message));
                };
                if self.find(&target).is_none() && !self.add(ctx, &target)? {
                    return Err(loaded.error(*at, &format!("cannot find module {target} in the codebase")));
                }
                loaded.targets.borrow_mut().extend(self.find(&target));
            }
            next += 1;
        }
        for index in first..self.len() {
            self.check(index)?;
        }
        Ok(first)
    }

    /// Adds one file; false when there is none.
    fn add(&self, ctx: &Ctx<'_>, path: &str) -> Result<bool, ScriptError> {
        let Some(bytes) = js::host(ctx).load(path) else {
            return Ok(false);
        };
        let id = self.len();
        if id >= limits::MODULES {
            let message = format!("Error: more than {} modules in the codebase", limits::MODULES);
            return Err(ScriptError::in_file(path, message));
        }
        let source = String::from_utf8_lossy(&bytes).into_owned();
        let globals = ctx.globals();
        let is_global = |name: &str| globals.contains_key(name).unwrap_or(false);
        let rewritten = rewrite::rewrite(path, &source, id, &is_global)?;
        Positions::of(ctx).add(path, &source, &rewritten.edits);
        let exports = Object::new_proto(ctx.clone(), None);
        let exports = exports.map_err(|error| ScriptError::in_file(path, format!("Error: {error}")))?;
        self.0.borrow_mut().push(Rc::new(Loaded {
            given: RefCell::new(path.to_owned()),
            module: Module::new(id, path),
            made: RefCell::default(),
            config: RefCell::default(),
            is_classic: Cell::new(false),
            state: Cell::new(State::New),
            code: RefCell::new(rewritten.code),
            is_staged: rewritten.is_staged,
            rest: RefCell::default(),
            linkage: rewritten.linkage,
            fibers: rewritten.fibers,
            exports: Saved::new(ctx, exports.into_value()),
            targets: RefCell::default(),
            source,
        }));
        Ok(true)
    }

    /// Every name that a file imports or passes on comes from somewhere.
    fn check(&self, index: usize) -> Result<(), ScriptError> {
        let Some(loaded) = self.get(index) else { return Ok(()) };
        for import in loaded.linkage.imports.iter().chain(loaded.linkage.indirect.values()) {
            let Err(why) = self.origin(&loaded, import, &mut Vec::new()) else {
                continue;
            };
            let name = import.name.as_deref().unwrap_or_default();
            let message = match why {
                Unresolved::Cyclic => format!("cyclic import: {name} is only passed on from module to module"),
                Unresolved::Missing => {
                    let (specifier, _) = &loaded.linkage.requests[import.request];
                    format!("cannot import {name}: '{specifier}' does not export it")
                }
            };
            return Err(loaded.error(import.at, &message));
        }
        Ok(())
    }

    fn origin(&self, loaded: &Loaded, import: &Import, seen: &mut Vec<(usize, String)>) -> Result<Origin, Unresolved> {
        let target = loaded.targets.borrow().get(import.request).copied();
        let target = target.ok_or(Unresolved::Missing)?;
        match &import.name {
            None => Ok((target, None)),
            Some(name) => self.resolve(target, name, seen),
        }
    }

    /// The module that has a name, and the name there.
    fn resolve(&self, index: usize, name: &str, seen: &mut Vec<(usize, String)>) -> Result<Origin, Unresolved> {
        let loaded = self.get(index).ok_or(Unresolved::Missing)?;
        if seen.iter().any(|(module, known)| *module == index && known == name) {
            return Err(Unresolved::Cyclic);
        }
        seen.push((index, name.to_owned()));
        if loaded.linkage.locals.contains(name) {
            return Ok((index, Some(name.to_owned())));
        }
        if let Some(import) = loaded.linkage.indirect.get(name) {
            return self.origin(&loaded, import, seen);
        }
        if name != "default" {
            let targets = loaded.targets.borrow().clone();
            let stars = loaded.linkage.stars.iter().filter_map(|star| targets.get(*star));
            for star in stars {
                if let Ok(origin) = self.resolve(*star, name, seen) {
                    return Ok(origin);
                }
            }
        }
        Err(Unresolved::Missing)
    }

    /// All names that a file exports.
    fn names(&self, index: usize, seen: &mut BTreeSet<usize>, names: &mut BTreeSet<String>) {
        let Some(loaded) = self.get(index).filter(|_| seen.insert(index)) else {
            return;
        };
        names.extend(loaded.linkage.locals.iter().cloned());
        names.extend(loaded.linkage.indirect.keys().cloned());
        for star in &loaded.linkage.stars {
            if let Some(target) = loaded.targets.borrow().get(*star) {
                self.names(*target, seen, names);
            }
        }
    }

    /// Puts what files from `from` on pass on from others on their objects of exports.
    pub(super) fn link(&self, ctx: &Ctx<'_>, from: usize) -> js::Result<()> {
        for index in from..self.len() {
            let Some(loaded) = self.get(index) else { continue };
            if loaded.linkage.indirect.is_empty() && loaded.linkage.stars.is_empty() {
                continue;
            }
            let define: Function = ctx.eval(DEFINE)?;
            let mut names = BTreeSet::new();
            self.names(index, &mut BTreeSet::new(), &mut names);
            for name in names {
                if loaded.linkage.locals.contains(&name) {
                    continue;
                }
                let Ok((target, key)) = self.resolve(index, &name, &mut Vec::new()) else {
                    continue;
                };
                if let Some(target) = self.get(target) {
                    define.call::<_, ()>((loaded.exports.get(ctx), name, target.exports.get(ctx), key))?;
                }
            }
        }
        Ok(())
    }

    /// The files to run before file `index` and itself, in order: what has not run and is imported, innermost first.
    pub(super) fn order(&self, index: usize) -> Vec<usize> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::from([index]);
        let mut open = vec![(index, 0)];
        while let Some((index, next)) = open.pop() {
            let target = self
                .get(index)
                .and_then(|loaded| loaded.targets.borrow().get(next).copied());
            let Some(target) = target else {
                order.push(index);
                continue;
            };
            open.push((index, next + 1));
            let is_new = self.get(target).is_some_and(|loaded| loaded.state.get() != State::Done);
            if is_new && seen.insert(target) {
                open.push((target, 0));
            }
        }
        order
    }
}

/// The path that an import in the file `importer` means.
pub(super) fn locate(specifier: &str, importer: &str) -> Option<String> {
    if specifier.starts_with('/') {
        return Some(normalize(specifier));
    }
    let folder = importer.rsplit_once('/').map_or("", |(folder, _)| folder);
    specifier
        .starts_with('.')
        .then(|| normalize(&format!("{folder}/{specifier}")))
}

#[cfg(test)]
mod tests {
    use super::locate;

    #[test]
    fn paths_are_relative_to_the_importing_file() {
        for (specifier, importer, expected) in [
            ("./a.js", "/main.js", Some("/a.js")),
            ("./a.js", "/x/y.js", Some("/x/a.js")),
            ("../a.js", "/x/y.js", Some("/a.js")),
            ("../../../a.js", "/x/y.js", Some("/a.js")),
            ("/a.js", "/x/y.js", Some("/a.js")),
            ("a.js", "/x/y.js", None),
            ("", "/x/y.js", None),
        ] {
            assert_eq!(
                locate(specifier, importer).as_deref(),
                expected,
                "{specifier} in {importer}"
            );
        }
    }
}
