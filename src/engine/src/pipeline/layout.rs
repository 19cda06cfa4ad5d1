//! Pipeline layouts and the modules that hold them: made while scripts load, fixed when they are bound.
//! Source: pipyjs/model.md 1.2, 1.5.2.

use super::{Filter, Make};
use crate::error::ScriptError;
use crate::event::Event;
use crate::js::Callback;
use crate::limits;
use crate::metrics::{Alive, Kind};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Filter instances of one pipeline; a slot is empty while its filter runs.
type FilterSet = Vec<Option<Box<dyn Filter>>>;

/// An ordered list of filters with an optional start and end.
pub(crate) struct Layout {
    /// Name for logs and the graph.
    pub name: String,
    /// Module whose script made it.
    pub module: Rc<Module>,
    /// What to input first.
    pub on_start: RefCell<Option<OnStart>>,
    /// Called when a pipeline ends.
    pub on_end: RefCell<Option<Callback>>,
    /// The filters.
    pub filters: RefCell<Vec<FilterDef>>,
    pool: RefCell<Vec<(FilterSet, Alive)>>,
}

/// First input of a pipeline.
#[derive(Clone)]
pub(crate) enum OnStart {
    /// Called with the start arguments.
    Call(Callback),
    /// These events.
    Events(Vec<Event>),
}

/// A filter of a layout.
pub(crate) struct FilterDef {
    /// Script name.
    pub name: &'static str,
    /// Makes instances.
    pub make: Make,
    /// `file:line:column` of the call that added it.
    pub place: String,
    /// Its sub-pipeline, for joint filters.
    pub sub: Option<Sub>,
    /// Whether it cannot do without.
    pub needs_sub: bool,
}

impl Layout {
    /// An empty layout: it echoes its input.
    pub(crate) fn new(name: impl Into<String>, module: Rc<Module>) -> Rc<Self> {
        Rc::new(Layout {
            name: name.into(),
            module,
            on_start: RefCell::default(),
            on_end: RefCell::default(),
            filters: RefCell::default(),
            pool: RefCell::default(),
        })
    }

    /// A set of filter instances, from the pool or new.
    pub(super) fn instances(&self) -> Vec<Option<Box<dyn Filter>>> {
        let pooled = self.pool.borrow_mut().pop().map(|(filters, _)| filters);
        pooled.unwrap_or_else(|| self.filters.borrow().iter().map(|def| Some((def.make)())).collect())
    }

    /// Takes reset instances back.
    pub(super) fn recycle(&self, filters: Vec<Option<Box<dyn Filter>>>) {
        let mut pool = self.pool.borrow_mut();
        if pool.len() < limits::POOLED_INSTANCES && filters.iter().all(Option::is_some) {
            pool.push((filters, Alive::one(Kind::Spare)));
        }
    }

    /// Lets go of everything that holds functions or other layouts.
    pub(super) fn clear(&self) {
        let filters = std::mem::take(&mut *self.filters.borrow_mut());
        drop(filters);
        drop(self.pool.take());
        drop(self.on_start.take());
        drop(self.on_end.take());
    }

    /// Every joint filter has got its sub-pipeline.
    ///
    /// # Errors  `missing .to(...) for the last filter`, with the place of the filter.
    pub(crate) fn check_joints(&self) -> Result<(), ScriptError> {
        let filters = self.filters.borrow();
        let missing = filters
            .iter()
            .find(|def| def.needs_sub && def.sub.as_ref().is_none_or(|sub| sub.layout().is_none()));
        missing.map_or(Ok(()), |def| {
            let message = format!("Error: missing .to(...) for the last filter: {}", def.name);
            Err(ScriptError::at(&def.place, message))
        })
    }

    /// For logs: its name, or where it begins in the script.
    pub(crate) fn label(&self) -> String {
        match (self.name.is_empty(), self.filters.borrow().is_empty()) {
            (false, _) => self.name.clone(),
            (true, false) => self.place(0),
            (true, true) => self.module.path.clone(),
        }
    }

    /// Where filter `index` stands in the script.
    pub(crate) fn place(&self, index: usize) -> String {
        self.filters
            .borrow()
            .get(index)
            .map(|def| format!("{} at {}", def.name, def.place))
            .unwrap_or_default()
    }
}

/// A sub-pipeline of a filter: a layout, or a name until the module is bound. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Sub(Rc<SubCell>);

#[derive(Default)]
struct SubCell {
    /// With the place in the script that names it.
    name: RefCell<Option<(String, String)>>,
    layout: OnceCell<Rc<Layout>>,
}

impl Sub {
    /// Names it; resolved by [`Module::bind`].
    pub(crate) fn set_name(&self, name: String, place: String) {
        *self.0.name.borrow_mut() = Some((name, place));
    }

    /// Takes its name back: it was none.
    pub(crate) fn clear_name(&self) {
        *self.0.name.borrow_mut() = None;
    }

    /// Sets it; the first one stays.
    pub(crate) fn set(&self, layout: Rc<Layout>) {
        *self.0.name.borrow_mut() = None;
        // A second `.to` cannot reach the same filter: it needs a joint filter before it.
        drop(self.0.layout.set(layout));
    }

    /// The layout; None before binding, or when none was given.
    pub(crate) fn layout(&self) -> Option<Rc<Layout>> {
        self.0.layout.get().cloned()
    }

    /// The layout of a joint filter.
    pub(crate) fn get(&self) -> Rc<Layout> {
        self.layout().expect("binding fails when a joint filter has no layout")
    }
}

/// A loaded script file with its named layouts.
pub(crate) struct Module {
    /// Index in load order: the number in its variables' slots.
    pub id: usize,
    /// Path in the codebase.
    pub path: String,
    /// `pipeline('name')` layouts.
    pub named: RefCell<HashMap<String, Rc<Layout>>>,
    /// `pipeline()`, the target of `use(file)` and `chain`.
    pub entrance: RefCell<Option<Rc<Layout>>>,
    /// An ES module (dialect E3), where a datagram is a Data and no message. Set when that is known.
    pub is_modern: Cell<bool>,
    waiting: RefCell<Vec<Sub>>,
    entering: RefCell<Vec<Sub>>,
    is_bound: Cell<bool>,
}

impl Module {
    /// A module without layouts yet.
    pub(crate) fn new(id: usize, path: impl Into<String>) -> Rc<Self> {
        Rc::new(Module {
            id,
            path: path.into(),
            named: RefCell::default(),
            entrance: RefCell::default(),
            is_modern: Cell::new(false),
            waiting: RefCell::default(),
            entering: RefCell::default(),
            is_bound: Cell::new(false),
        })
    }

    /// The layout of that name.
    pub(crate) fn layout(&self, name: &str) -> Option<Rc<Layout>> {
        self.named.borrow().get(name).cloned()
    }

    /// Looks the name in `sub` up when the whole script has run: forward references are fine.
    pub(crate) fn resolve_later(&self, sub: Sub) {
        self.waiting.borrow_mut().push(sub);
    }

    /// Makes `sub` the module's entrance when all scripts have run.
    pub(crate) fn enter_later(&self, sub: Sub) {
        self.entering.borrow_mut().push(sub);
    }

    /// True once the names of all scripts are resolved: layouts that are made later are complete when their builder
    /// returns.
    pub(crate) fn is_bound(&self) -> bool {
        self.is_bound.get()
    }

    /// Resolves all names that wait for it.
    ///
    /// # Errors  `pipeline not found with name: X`, `empty pipeline name`, or `entrance pipeline not found`.
    pub(crate) fn bind(self: &Rc<Self>) -> Result<(), ScriptError> {
        for sub in self.waiting.borrow_mut().drain(..) {
            let name = sub.0.name.borrow().clone();
            let Some((name, place)) = name else { continue };
            if name.is_empty() {
                return Err(ScriptError::at(&place, "Error: empty pipeline name"));
            }
            let missing = || ScriptError::at(&place, format!("Error: pipeline not found with name: {name}"));
            let layout = self.layout(&name).ok_or_else(missing)?;
            sub.set(layout);
        }
        for sub in self.entering.borrow_mut().drain(..) {
            let entrance = self.entrance.borrow().clone();
            let message = "Error: entrance pipeline not found: the module has no pipeline() without a name";
            sub.set(entrance.ok_or_else(|| ScriptError::in_file(&self.path, message))?);
        }
        self.is_bound.set(true);
        Ok(())
    }
}

/// What filters and globals ask of the loaded scripts; implemented by script/.
pub(crate) trait Modules {
    /// The module at `path`, loaded once; in the middle of loading itself for circular `use`.
    fn module(&self, ctx: &rquickjs::Ctx<'_>, path: &str) -> rquickjs::Result<Rc<Module>>;
    /// The object of what a module exports, by a path relative to the script that calls; loaded once.
    fn import<'js>(&self, ctx: &rquickjs::Ctx<'js>, path: &str) -> rquickjs::Result<rquickjs::Value<'js>>;
    /// Runs `$ => $...` on a new layout of the script that calls; also after loading.
    fn layout<'js>(&self, ctx: &rquickjs::Ctx<'js>, builder: &rquickjs::Function<'js>) -> rquickjs::Result<Rc<Layout>>;
}
