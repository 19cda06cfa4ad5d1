//! What the scripts of one version may ask of their worker.

use super::mounts::Mounts;
use super::{Collector, LogSink, Notice, Options};
use crate::codebase::{Codebase, normalize};
use crate::js::{self, Callback, Facts, Host};
use crate::limits;
use crate::pipeline::{Task, outbox, spawn};
use crate::script::Loader;
use crate::series::Metric;
use bytes::Bytes;
use rquickjs::{Ctx, Value};
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use tokio::sync::mpsc;

type Fire = Box<dyn FnOnce(Vec<String>)>;

/// See the module. Holds the scripts weakly: they hold it.
pub(super) struct WorkerHost {
    pub(super) index: usize,
    pub(super) options: Options,
    pub(super) codebase: Arc<Codebase>,
    pub(super) notices: mpsc::Sender<(usize, Notice)>,
    pub(super) loader: RefCell<Weak<Loader>>,
    /// Files changed in place since this version was loaded; None: removed.
    pub(super) changed: RefCell<HashMap<String, Option<Bytes>>>,
    pub(super) watches: RefCell<Vec<(String, Fire)>>,
    pub(super) exits: RefCell<Vec<Callback>>,
    pub(super) collector: Collector,
    /// Calls of `gather` under way.
    pub(super) gathering: Rc<RefCell<Slab<Option<Task>>>>,
    /// Folders of the operating system in the codebase.
    pub(super) mounts: RefCell<Mounts>,
    /// Sizes of what scripts have patched.
    pub(super) patched: RefCell<HashMap<String, usize>>,
    /// The first `pipy.exit(code)`.
    pub(super) exited: Cell<Option<i32>>,
}

impl WorkerHost {
    fn notify(&self, notice: Notice) {
        if self.notices.try_send((self.index, notice)).is_err() {
            tracing::warn!(target: "thread", thread = self.index, "the owner does not listen to its worker");
        }
    }

    /// A file changed in place: remembers it and fires the watches on it.
    pub(super) fn publish(&self, path: &str, contents: Option<Bytes>) {
        let path = normalize(path);
        self.changed.borrow_mut().insert(path.clone(), contents);
        let all: Vec<(String, Fire)> = self.watches.take();
        let (fired, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|(watched, _)| is_watched(watched, &path));
        self.watches.borrow_mut().extend(kept);
        for (_, fire) in fired {
            fire(vec![path.clone()]);
        }
    }
}

/// Whether a watch on `watched` (a file, or a folder with a trailing slash) covers `path`.
pub(super) fn is_watched(watched: &str, path: &str) -> bool {
    if watched.ends_with('/') {
        path.starts_with(watched)
    } else {
        watched == path
    }
}

impl Host for WorkerHost {
    fn load(&self, path: &str) -> Option<Bytes> {
        let path = normalize(path);
        match self.changed.borrow().get(&path) {
            Some(contents) => contents.clone(),
            None => self
                .mounts
                .borrow()
                .read(&path)
                .or_else(|| self.codebase.files.get(&path).cloned()),
        }
    }

    fn list(&self, dir: &str) -> Vec<String> {
        let dir = normalize(dir);
        let prefix = if dir == "/" { dir } else { format!("{dir}/") };
        let changed = self.changed.borrow();
        let added = changed
            .iter()
            .filter(|(path, contents)| contents.is_some() && !self.codebase.files.contains_key(*path));
        let kept = self
            .codebase
            .files
            .keys()
            .filter(|path| !matches!(changed.get(*path), Some(None)));
        let mut all: Vec<String> = kept
            .chain(added.map(|(path, _)| path))
            .filter_map(|path| path.strip_prefix(&prefix).map(str::to_owned))
            .collect();
        all.extend(self.mounts.borrow().list(&prefix));
        all.sort();
        all
    }

    fn solve<'js>(&self, ctx: &Ctx<'js>, path: &str) -> rquickjs::Result<Value<'js>> {
        match self.loader.borrow().upgrade() {
            Some(loader) => loader.solve(ctx, path),
            None => Err(js::throw_error(ctx, "the scripts have ended")),
        }
    }

    fn exit(&self, code: i32) {
        if self.exited.get().is_none() {
            self.exited.set(Some(code));
        }
        // What this turn answers is sent at its end: nobody waits for the worker.
        outbox::stop();
        self.notify(Notice::Exit(code));
    }

    fn mount(&self, name: &str, dir: &str) -> Result<(), String> {
        let inside = format!("/{name}/");
        let exists = self.codebase.files.keys().any(|path| path.starts_with(&inside));
        self.mounts.borrow_mut().add(name, dir, exists)
    }

    fn unmount(&self, name: &str) {
        self.mounts.borrow_mut().remove(name);
    }

    fn patch(&self, path: &str, contents: Bytes) -> Result<(), String> {
        let path = normalize(path);
        let mut patched = self.patched.borrow_mut();
        let others: usize = patched
            .iter()
            .filter(|(known, _)| **known != path)
            .map(|(_, size)| size)
            .sum();
        if others + contents.len() > limits::PATCH_BYTES {
            return Err(format!("patches hold more than {} bytes", limits::PATCH_BYTES));
        }
        patched.insert(path.clone(), contents.len());
        self.changed.borrow_mut().insert(path, Some(contents));
        Ok(())
    }

    fn on_exit(&self, callback: Callback) -> bool {
        let mut exits = self.exits.borrow_mut();
        let has_room = exits.len() < limits::EXIT_CALLBACKS;
        if has_room {
            exits.push(callback);
        }
        has_room
    }

    fn restart(&self) {
        self.notify(Notice::Restart);
    }

    fn watch(&self, path: &str, fire: Fire) -> bool {
        let folder = if path.ends_with('/') { "/" } else { "" };
        let mut watches = self.watches.borrow_mut();
        let has_room = watches.len() < limits::WATCHES;
        if has_room {
            watches.push((format!("{}{folder}", normalize(path)), fire));
        }
        has_room
    }

    fn log(&self, name: &str, line: &[u8]) {
        if let Some(LogSink(keep)) = &self.options.log_sink {
            keep(name, line);
        }
    }

    fn gather(&self, done: Box<dyn FnOnce(Vec<Metric>)>) {
        let key = self.gathering.borrow_mut().insert(None);
        let (collector, table) = (self.collector.clone(), Rc::downgrade(&self.gathering));
        let task = spawn(async move {
            done(collector.collect().await);
            // Last: this lets go of the task that runs.
            let this = table.upgrade().and_then(|table| table.borrow_mut().try_remove(key));
            drop(this);
        });
        if let Some(slot) = self.gathering.borrow_mut().get_mut(key) {
            *slot = Some(task);
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            argv: self.options.argv.clone(),
            thread: self.index,
            threads: self.options.threads,
            name: self.options.name.clone(),
            uuid: self.options.uuid.clone(),
            source: self.options.source.clone(),
            since_ms: self.options.since_ms,
        }
    }
}
