//! What a filter may use while it runs: the script engine, the realm, the source of the turn.

use super::{Out, Realm, Tap};
use crate::event::{Event, Reason};
use crate::js::{self, Callback, Context};
use crate::metrics::Blame;
use crate::value::Saved;
use rquickjs::function::IntoArgs;
use rquickjs::{Ctx, IntoJs, Promise, Value};
use std::rc::Rc;

/// The current turn.
pub(crate) struct Cx<'js> {
    /// The script engine.
    pub js: Ctx<'js>,
    /// The loaded scripts that run on this thread.
    pub realm: Rc<Realm>,
    /// The source whose input opened the turn, for back-pressure.
    pub tap: Option<Rc<Tap>>,
    /// What is passed on are frames about a connection. Who carries them inside of another connection (a stream of HTTP/2) must not
    /// close the tap for them: the source is then the connection that would bring the room for them.
    pub is_control: bool,
}

/// An event as an argument of a callback.
pub(crate) struct EventArg<'a>(pub &'a Event);

impl<'js> IntoJs<'js> for EventArg<'_> {
    fn into_js(self, ctx: &Ctx<'js>) -> js::Result<Value<'js>> {
        js::to_js(ctx, self.0)
    }
}

impl<'js> Cx<'js> {
    /// Calls a function of a script in the context of the filter's pipeline.
    ///
    /// # Errors  An exception was logged; the reason to end the stream with.
    pub(crate) fn call<A: IntoArgs<'js>>(
        &mut self,
        out: &Out<'_>,
        callback: &Callback,
        args: A,
    ) -> Result<Value<'js>, Reason> {
        let context = out.instance().context.clone();
        self.call_in(&context, callback, args)
            .map_err(|error| self.failed(&out.place(), error))
    }

    /// Calls a function of a script in this context.
    ///
    /// # Errors  An exception is pending.
    pub(crate) fn call_in<A: IntoArgs<'js>>(
        &mut self,
        context: &Rc<Context>,
        callback: &Callback,
        args: A,
    ) -> js::Result<Value<'js>> {
        self.realm.scope.enter(&self.js, Some(context))?;
        self.realm.clock.start();
        callback.call(&self.js, args)
    }

    /// Logs the pending exception and makes it the reason of a StreamEnd.
    pub(crate) fn failed(&mut self, place: &str, error: rquickjs::Error) -> Reason {
        let (described, value) = js::caught(&self.js, error);
        self.realm.counters.blame(Blame::Script).add(1);
        tracing::error!(target: "pjs", filter = place, "{described}");
        Reason::Value(value)
    }

    /// Logs `message` at error level with the filter's place, and outputs a StreamEnd with an Error of it: what the
    /// specification calls error(message).
    pub(crate) fn fail(&mut self, out: &mut Out<'_>, message: &str) {
        tracing::error!(target: "pjs", filter = out.place(), "{message}");
        let reason = match js::error_value(&self.js, message) {
            Ok(value) => Reason::Value(Saved::new(&self.js, value)),
            Err(error) => self.failed("", error),
        };
        out.end(reason);
    }

    /// Wakes the filter with `Wake::Settled(tag, ...)` when the promise settles.
    ///
    /// # Errors  An exception was logged; the reason to end the stream with.
    pub(crate) fn settle(&mut self, out: &Out<'_>, promise: &Promise<'js>, tag: u32) -> Result<(), Reason> {
        let port = out.port();
        let realm = Rc::downgrade(&self.realm);
        let watching = js::on_settled(&self.js, promise, move |settled| {
            if let Some(realm) = realm.upgrade() {
                port.wake_soon(&realm, super::Wake::Settled(tag, settled));
            }
        });
        watching.map_err(|error| self.failed(&out.place(), error))
    }

    /// A copy of the filter's context, for a sub-pipeline that must not share variables.
    ///
    /// # Errors  The reason to end the stream with.
    pub(crate) fn copy_context(&mut self, out: &Out<'_>) -> Result<Rc<Context>, Reason> {
        let context = out.context();
        self.realm
            .scope
            .copy(&self.js, &context)
            .map_err(|error| self.failed(&out.place(), error))
    }
}

impl Out<'_> {
    /// Name and place of the filter in the script, for logs.
    pub(crate) fn place(&self) -> String {
        self.instance.layout.place(self.index)
    }
}
