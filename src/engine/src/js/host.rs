//! What scripts may ask of the layers above: the one call upwards (style: never an import).

use crate::series::Metric;
use bytes::Bytes;
use rquickjs::{Ctx, JsLifetime, Value};
use std::rc::Rc;

/// The worker that runs the scripts, as `pipy.*` and the front ends see it.
pub(crate) trait Host {
    /// Contents of a codebase file.
    fn load(&self, path: &str) -> Option<Bytes>;
    /// Paths below `dir`, relative to it.
    fn list(&self, dir: &str) -> Vec<String>;
    /// Evaluates a file as one expression, once per worker and path (`pipy.solve`).
    fn solve<'js>(&self, ctx: &Ctx<'js>, path: &str) -> rquickjs::Result<Value<'js>>;
    /// Ends the process with this code (`pipy.exit(n)`).
    fn exit(&self, code: i32);
    /// Shows the files of a folder of the operating system as `/name/...`.
    ///
    /// # Errors  What stands against it.
    fn mount(&self, name: &str, dir: &str) -> Result<(), String>;
    /// Takes such a folder away.
    fn unmount(&self, name: &str);
    /// Replaces the contents of a codebase file in memory.
    ///
    /// # Errors  What stands against it.
    fn patch(&self, path: &str, contents: Bytes) -> Result<(), String>;
    /// Runs `callback` when the worker ends gracefully; shutdown waits for a promise that it returns. False: no more.
    fn on_exit(&self, callback: super::Callback) -> bool;
    /// Fetches the codebase again and reloads (`pipy.restart()`).
    fn restart(&self);
    /// Calls `fire` once with the changed paths when a file, or one in a directory (trailing `/`), changes in place.
    /// False: no more.
    fn watch(&self, path: &str, fire: Box<dyn FnOnce(Vec<String>)>) -> bool;
    /// Keeps a line of a logger of the scripts, with its newline, for whoever runs the engine.
    fn log(&self, name: &str, line: &[u8]);
    /// Calls `done` with the metrics of all threads, summed; outside of a turn.
    fn gather(&self, done: Box<dyn FnOnce(Vec<Metric>)>);
    /// Facts about this process and thread.
    fn facts(&self) -> Facts;
}

/// See [`Host::facts`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Script arguments, the program first.
    pub argv: Vec<String>,
    /// Index of this worker thread.
    pub thread: usize,
    /// Number of worker threads.
    pub threads: usize,
    /// Instance name of the command line.
    pub name: String,
    /// Instance UUID.
    pub uuid: String,
    /// File, folder or URL on the command line.
    pub source: String,
    /// Start of the process, milliseconds since 1970.
    pub since_ms: f64,
}

#[derive(JsLifetime)]
struct HostSlot(Rc<dyn Host>);

/// The host of the scripts in `ctx`.
pub(crate) fn host(ctx: &Ctx<'_>) -> Rc<dyn Host> {
    ctx.userdata::<HostSlot>()
        .expect("every realm is given a host before scripts load")
        .0
        .clone()
}

/// Gives the scripts in `ctx` their host; once, before anything is loaded.
pub(crate) fn set_host(ctx: &Ctx<'_>, host: Rc<dyn Host>) {
    let stored = ctx.store_userdata(HostSlot(host));
    debug_assert!(stored.is_ok(), "user data is not borrowed while a realm is set up");
}
