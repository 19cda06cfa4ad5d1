//! READ FIRST: what a filter is. One file a filter in filters/, all of one shape: `SPEC`, options, struct, impl, tests.

use super::{Args, Child, Cx, Instance, Layout, Module, Output, Port, Sub, Work};
use crate::event::{Event, Reason};
use crate::js::{self, Callback, Context, Options};
use crate::message::Whole;
use rquickjs::{Ctx, Function, Value};
use std::any::Any;
use std::rc::Rc;

/// A running filter, one a pipeline. Synchronous: waiting is a task that wakes it later.
///
/// It does not know its neighbours, sockets' owners or threads. Rules: a StreamEnd leaves at most once and nothing
/// follows it; input may be split anywhere; `reset` gives back the state after `build`, for instances are pooled.
pub(crate) trait Filter {
    /// An input event.
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>);

    /// An event that the sub-pipeline `key` output; by default it becomes the filter's own output.
    fn output(&mut self, cx: &mut Cx<'_>, key: u64, event: Event, out: &mut Out<'_>) {
        let _ = (cx, key);
        out.emit(event);
    }

    /// A message whose events have all come. A filter that does with it at once just what it would do with its events one by one takes
    /// it; others, and all in any doubt, give it back untouched, and get the events.
    ///
    /// That is so where nothing leaves the filter before the last event, or where each event leaves as it comes and the first one alone
    /// means anything to the filter: then nothing can happen between them.
    fn message(&mut self, cx: &mut Cx<'_>, message: Whole, out: &mut Out<'_>) -> Option<Whole> {
        let _ = (cx, out);
        Some(message)
    }

    /// The same of the sub-pipeline `key`.
    fn output_message(&mut self, cx: &mut Cx<'_>, key: u64, message: Whole, out: &mut Out<'_>) -> Option<Whole> {
        let _ = (cx, key, out);
        Some(message)
    }

    /// Something that the filter waited for has come.
    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        let _ = (cx, wake, out);
    }

    /// Back to the state after `build`: drops children, tasks, timers and buffers.
    fn reset(&mut self);
}

/// Why a filter was woken. Tags are the filter's own.
pub(crate) enum Wake {
    /// A timer is due.
    Timer,
    /// A promise was resolved (Ok) or rejected (Err).
    Settled(u32, Result<crate::value::Saved, crate::value::Saved>),
    /// Time to look again: the end of a turn (`wait`), a response that is complete (`muxHTTP`), the end of the worker
    /// (HTTP servers).
    Gate,
    /// The output that was gathered in this turn is to be passed on.
    Batch,
    /// Whatever a task of the filter sends.
    Message(Box<dyn Any>),
}

/// A row of the table of filters (filters/mod.rs). Front ends, reference page and tests are made from it.
pub(crate) struct Spec {
    /// The literal name in scripts.
    pub name: &'static str,
    /// Arguments as a reader would write them, for example `(fn, options?)`.
    pub args: &'static str,
    /// One line: what it does.
    pub about: &'static str,
    /// Whether it owns a sub-pipeline.
    pub subs: Subs,
    /// Checks the arguments once, when the layout is built, and returns the maker of instances.
    pub build: for<'a, 'js> fn(&mut Build<'a, 'js>) -> js::Result<Make>,
}

/// How a filter gets its sub-pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subs {
    /// It has none (or names them in its arguments, as `branch` does).
    None,
    /// It needs one: `.to(...)`, or a layout name before its other arguments (E1).
    Joint,
    /// As `Joint`, but a lone string is a layout name only when no `.to` follows (`mux`, `muxHTTP`, `fork`).
    JointOrKey,
    /// It may have one (`serveHTTP`).
    Optional,
}

/// Makes a filter instance of a layout.
pub(crate) type Make = Rc<dyn Fn() -> Box<dyn Filter>>;

/// What a filter's `build` works with.
pub(crate) struct Build<'a, 'js> {
    /// The script engine.
    pub ctx: &'a Ctx<'js>,
    /// Arguments as given, without the layout name of the E1 form.
    pub args: Vec<Value<'js>>,
    /// The module whose script is being loaded.
    pub module: Rc<Module>,
    /// Whether loading fails when no sub-pipeline is given; from the Spec, for `build` to decide otherwise.
    pub needs_sub: bool,
    /// The sub-pipeline, filled in by `.to` or the name; resolved before anything runs.
    pub sub: Sub,
    /// Runs a builder function `$ => $...` on a new layout.
    pub layout_of: &'a dyn Fn(&Ctx<'js>, Function<'js>) -> js::Result<Rc<Layout>>,
}

impl<'js> Build<'_, 'js> {
    /// Argument `index`, undefined when missing.
    pub(crate) fn arg(&self, index: usize) -> Value<'js> {
        self.args
            .get(index)
            .cloned()
            .unwrap_or_else(|| Value::new_undefined(self.ctx.clone()))
    }

    /// A function argument.
    ///
    /// # Errors  Throws `argument N expects a function`.
    pub(crate) fn callback(&self, index: usize) -> js::Result<Callback> {
        self.optional_callback(index)
            .ok_or_else(|| self.expects(index, "a function"))
    }

    /// A function argument, if it is one.
    pub(crate) fn optional_callback(&self, index: usize) -> Option<Callback> {
        Callback::from_value(self.ctx, &self.arg(index))
    }

    /// An options argument.
    pub(crate) fn options(&self, index: usize) -> js::Result<Options<'js>> {
        Options::new(self.ctx, &self.arg(index))
    }

    /// A sub-pipeline given as an argument: a layout name, a builder function or a template.
    pub(crate) fn target(&self, index: usize) -> js::Result<Sub> {
        let value = self.arg(index);
        let sub = Sub::default();
        if let Some(name) = value.as_string() {
            sub.set_name(name.to_string()?, js::calling_place(self.ctx));
            self.module.resolve_later(sub.clone());
        } else if let Some(builder) = value.as_function() {
            sub.set((self.layout_of)(self.ctx, builder.clone())?);
        } else if let Some(layout) = super::template_of(&value) {
            sub.set(layout);
        } else {
            return Err(self.expects(index, "a pipeline name, a function or a template"));
        }
        Ok(sub)
    }

    /// The exception for a wrong argument.
    pub(crate) fn expects(&self, index: usize, what: &str) -> rquickjs::Error {
        js::throw_type(self.ctx, &format!("argument {} expects {what}", index + 1))
    }
}

/// Where a running filter's output goes.
pub(crate) struct Out<'a> {
    pub(super) instance: &'a Rc<Instance>,
    pub(super) index: usize,
    pub(super) work: &'a mut Vec<Work>,
}

impl Out<'_> {
    /// Outputs an event: the filters after this one see it when this call has returned, in the order of the calls.
    pub(crate) fn emit(&mut self, event: Event) {
        self.work
            .push(Work::Input(self.instance.clone(), self.index + 1, event));
    }

    /// Outputs a message at once: see [`Filter::message`].
    pub(crate) fn emit_message(&mut self, message: Whole) {
        let to = Work::Message(self.instance.clone(), self.index + 1, message);
        self.work.push(to);
    }

    /// Ends the stream, and with it the filter: it gets no more input, no output of sub-pipelines, and is not woken.
    /// So a callback that threw is not asked again.
    pub(crate) fn end(&mut self, reason: Reason) {
        self.emit(Event::StreamEnd(reason));
        self.instance.finish(self.index);
    }

    /// True when the filter has ended its stream (`end`).
    pub(crate) fn is_over(&self) -> bool {
        self.instance.is_over(self.index)
    }

    /// Keeps an event in `held`; more than it takes ends the stream with BufferOverflow.
    pub(crate) fn hold(&mut self, held: &mut super::Hold, event: Event) {
        if let Err(error) = held.push(event) {
            held.clear();
            self.end(Reason::Named(error));
        }
    }

    /// Outputs an event from another filter, which may be of another pipeline.
    pub(crate) fn emit_from(&mut self, port: &Port, event: Event) {
        self.work.extend(port.output(event));
    }

    /// Outputs an event from the pipeline that this one is part of: a connection's, or a task's.
    pub(crate) fn emit_from_top(&mut self, event: Event) {
        let mut top = self.instance.clone();
        while let Some(parent) = top.parent() {
            top = parent;
        }
        let end = top.len;
        self.work.push(Work::Input(top, end, event));
    }

    /// Gives an event to a sub-pipeline as coming from `source`: who cannot take more of it closes that tap, not the one
    /// of the connection.
    pub(crate) fn feed_of(&mut self, cx: &Cx<'_>, source: Rc<super::Tap>, child: &Child, event: Event) {
        self.work.push(Work::Source(Some(source)));
        self.feed(child, event);
        self.work.push(Work::Source(cx.tap.clone()));
    }

    /// Outputs an event as coming from `source`.
    pub(crate) fn emit_of(&mut self, cx: &Cx<'_>, source: Option<Rc<super::Tap>>, event: Event) {
        self.work.push(Work::Source(source));
        self.emit(event);
        self.work.push(Work::Source(cx.tap.clone()));
    }

    /// Passes on, in a turn that another connection has opened, what was held until then: who cannot take more of it must not close
    /// the tap of that other connection, `turn`, which may be the very one that it goes to.
    pub(crate) fn without_source(&mut self, turn: Option<Rc<super::Tap>>, pass_on: impl FnOnce(&mut Self)) {
        self.work.push(Work::Source(None));
        pass_on(self);
        self.work.push(Work::Source(turn));
    }

    /// Outputs frames about a connection; see [`Cx::is_control`].
    pub(crate) fn emit_control(&mut self, cx: &Cx<'_>, event: Event) {
        self.work.push(Work::Control);
        self.emit(event);
        self.work.push(Work::Source(cx.tap.clone()));
    }

    /// Wakes the filter with `Wake::Batch` when nothing else is left to do in the turn.
    pub(crate) fn batch(&self, cx: &Cx<'_>) {
        cx.realm
            .batch(Work::Wake(self.instance.clone(), self.index, Wake::Batch));
    }

    /// Wakes the filter with `Wake::Gate` when what it has output so far has run all the way down, before it gets anything else.
    pub(crate) fn go_on_after(&mut self) {
        self.work
            .push(Work::Wake(self.instance.clone(), self.index, Wake::Gate));
    }

    /// Gives an event to a sub-pipeline.
    pub(crate) fn feed(&mut self, child: &Child, event: Event) {
        self.work.push(Work::Input(child.instance().clone(), 0, event));
    }

    /// Gives a message to a sub-pipeline at once: see [`Filter::message`].
    pub(crate) fn feed_message(&mut self, child: &Child, message: Whole) {
        self.work.push(Work::Message(child.instance().clone(), 0, message));
    }

    /// Makes and starts a sub-pipeline whose output comes back to this filter's `output` under `key`.
    pub(crate) fn spawn(&mut self, layout: &Rc<Layout>, context: Rc<Context>, key: u64, args: Args) -> Child {
        let chain = self.instance.chain.clone();
        self.spawn_chained(layout, context, key, args, chain)
    }

    /// As `spawn`, with another rest of a module chain.
    pub(crate) fn spawn_chained(
        &mut self,
        layout: &Rc<Layout>,
        context: Rc<Context>,
        key: u64,
        args: Args,
        chain: Option<Rc<super::Chain>>,
    ) -> Child {
        let output = Output::Filter {
            parent: Rc::downgrade(self.instance),
            index: self.index,
            key,
        };
        let child = Instance::create(
            &self.instance.realm,
            layout,
            context,
            output,
            chain,
            self.instance.depth + 1,
        );
        self.work.push(Work::Start(child.clone(), args));
        Child::new(child)
    }

    /// Makes and starts a pipeline that may outlive this one; its output goes to `sink`.
    pub(crate) fn spawn_to(
        &mut self,
        layout: &Rc<Layout>,
        context: Rc<Context>,
        sink: Rc<dyn super::Sink>,
        args: Args,
    ) -> Child {
        let (realm, chain) = (&self.instance.realm, self.instance.chain.clone());
        let depth = self.instance.depth + 1;
        let child = Instance::create(realm, layout, context, Output::Sink(sink), chain, depth);
        self.work.push(Work::Start(child.clone(), args));
        Child::new(child)
    }

    /// The context of the pipeline that the filter is in.
    pub(crate) fn context(&self) -> Rc<Context> {
        self.instance.context.clone()
    }

    /// The pipeline that the filter is in.
    pub(crate) fn instance(&self) -> &Rc<Instance> {
        self.instance
    }

    /// The socket that the pipeline belongs to, when this filter is all between what comes there and what goes there.
    pub(crate) fn socket_around(&self) -> Option<Rc<dyn Any>> {
        match &self.instance.output {
            Output::Sink(sink) if self.instance.len == 1 => sink.socket(),
            _ => None,
        }
    }

    /// This filter, for tasks that feed or wake it later.
    pub(crate) fn port(&self) -> Port {
        Port {
            instance: Rc::downgrade(self.instance),
            index: self.index,
        }
    }
}
