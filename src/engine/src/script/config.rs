//! What a classic module describes: its variables, its root pipelines. Source: pipyjs/model.md 1.5.1 and section 2.

use crate::event::Event;
use crate::pipeline::{Layout, Module, OnStart};
use crate::value::Saved;
use std::cell::RefCell;
use std::rc::Rc;

/// The state behind a Configuration object.
pub(super) struct Config {
    /// The module whose script made it.
    pub module: Rc<Module>,
    /// The object given to `pipy(...)`: names and initial values of context variables.
    pub vars: Option<Saved>,
    /// `.export(ns, {...})`.
    pub exports: RefCell<Vec<(String, Saved)>>,
    /// `.import({ name: ns })`, as (name, namespace).
    pub imports: RefCell<Vec<(String, String)>>,
    /// Pipelines that the worker starts, in order.
    pub roots: RefCell<Vec<Root>>,
}

/// A pipeline that something outside starts.
#[derive(Clone)]
pub(crate) struct Root {
    /// What starts it.
    pub kind: RootKind,
    /// What it runs.
    pub layout: Rc<Layout>,
    /// Where the script asks for it, as `file:line:column`.
    pub place: String,
}

/// See [`Root`].
#[derive(Clone)]
pub(crate) enum RootKind {
    /// A port: the first argument of `listen` and its options, read when the worker opens it.
    Listen(Saved, Option<Saved>),
    /// `task(when?)`: once, an interval in seconds, or a signal's name.
    Task(When),
    /// `watch(path)`.
    Watch(String),
    /// `exit()`.
    Exit,
    /// `admin(path)`: requests to the admin port whose path begins so.
    Admin(String),
}

/// When a task runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum When {
    /// Once, at the start.
    Once,
    /// At the start, then every so many seconds.
    Every(f64),
    /// On a signal, by name.
    Signal(&'static str),
}

/// The signals that `task` may name.
pub(super) const SIGNALS: &[&str] = &[
    "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGINT", "SIGPIPE", "SIGQUIT", "SIGTERM", "SIGTSTP", "SIGTTIN",
    "SIGTTOU", "SIGURG", "SIGWINCH",
];

impl Config {
    /// A configuration without pipelines.
    pub(super) fn new(module: Rc<Module>, vars: Option<Saved>) -> Rc<Self> {
        Rc::new(Config {
            module,
            vars,
            exports: RefCell::default(),
            imports: RefCell::default(),
            roots: RefCell::default(),
        })
    }
}

/// The first input of a task from dialect E1, which had no `onStart`: an empty message.
pub(super) fn empty_message() -> OnStart {
    OnStart::Events(vec![
        Event::MessageStart(Default::default()),
        Event::MessageEnd(Default::default()),
    ])
}
