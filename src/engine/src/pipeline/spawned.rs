//! Pipelines that scripts start by themselves: `template.spawn`, `template.process`, `pipy.read`. The pipeline owns itself
//! until it outputs a StreamEnd; its result is what `onEnd` returns. Source: pipyjs/model.md 1.2 "Ending", 1.3, 1.5.3.

use super::{Args, Child, Cx, Instance, Layout, Output, Realm, Sink, Tap, Work, spawn};
use crate::event::Event;
use crate::js::{self, Callback, Context, Deferred, throw_error};
use crate::limits;
use crate::value::Saved;
use rquickjs::{Ctx, Promise, Value};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use tokio::sync::oneshot;

/// What is fed into a spawned pipeline.
pub(crate) enum Feed {
    /// Nothing but what `onStart` yields.
    Nothing,
    /// These events, once.
    Events(Vec<Event>),
    /// What a function returns, call by call, until it returns no events.
    Calls(Callback),
    /// Given the pipeline as it starts, whoever feeds it then.
    Source(Box<Source>),
}

/// See [`Feed::Source`].
pub(crate) type Source = dyn FnOnce(&Rc<Realm>, &Rc<Instance>);

/// The output of a spawned pipeline: only its end matters.
struct Spawned {
    realm: Weak<Realm>,
    child: RefCell<Option<Child>>,
    deferred: RefCell<Option<Deferred>>,
    /// No pipeline has asked for it.
    is_stray: bool,
}

impl Sink for Spawned {
    fn event(&self, _cx: &mut Cx<'_>, event: Event) {
        if matches!(event, Event::StreamEnd(_)) {
            let ended = self.child.take();
            drop(ended);
        }
    }

    fn ended<'js>(&self, cx: &mut Cx<'js>, result: Value<'js>) {
        let child = self.child.take();
        drop(child);
        let deferred = self.deferred.take();
        // Promises of an old version stay pending (repo.md 1.1), unless a living connection waits for them.
        if let Some(deferred) = deferred.filter(|_| !(self.is_stray && cx.realm.is_superseded())) {
            deferred.settle(&cx.js, Ok(result));
        }
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        if let Some(realm) = self.realm.upgrade() {
            realm.spawned.set(realm.spawned.get().saturating_sub(1));
        }
    }
}

/// Starts a pipeline in a new context, at the next turn; returns a promise of its result.
///
/// # Errors  Throws beyond `limits::SPAWNED_PIPELINES`.
pub(crate) fn spawn_pipeline<'js>(
    ctx: &Ctx<'js>,
    realm: &Rc<Realm>,
    layout: Rc<Layout>,
    args: Vec<Value<'js>>,
    feed: Feed,
) -> js::Result<Promise<'js>> {
    if realm.spawned.get() >= limits::SPAWNED_PIPELINES {
        let message = format!("more than {} spawned pipelines at a time", limits::SPAWNED_PIPELINES);
        return Err(throw_error(ctx, &message));
    }
    let (promise, deferred) = Deferred::new(ctx)?;
    let caller = realm.scope.current();
    // Of an old version only what its connections do goes on.
    if realm.is_superseded() && caller.is_none() {
        return Ok(promise);
    }
    realm.spawned.set(realm.spawned.get() + 1);
    let args = args.into_iter().map(|value| Saved::new(ctx, value)).collect();
    let spawned = Rc::new(Spawned {
        realm: Rc::downgrade(realm),
        child: RefCell::default(),
        deferred: RefCell::new(Some(deferred)),
        is_stray: caller.is_none(),
    });
    // Not now: while scripts load there are no contexts yet, and names of layouts are not resolved.
    realm.defer(Work::Run(Box::new(move |cx, work| {
        let context = cx.realm.scope.context(None);
        let output = Output::Sink(spawned.clone());
        let instance = Instance::create(&cx.realm, &layout, context.clone(), output, None, 0);
        *spawned.child.borrow_mut() = Some(Child::new(instance.clone()));
        if caller.is_none() {
            cx.realm.adopt_stray(&instance);
        }
        work.push(Work::Start(instance.clone(), Args::Values(args)));
        match feed {
            Feed::Nothing => {}
            Feed::Events(events) => {
                work.extend(events.into_iter().map(|event| Work::Input(instance.clone(), 0, event)))
            }
            Feed::Calls(next) => Feeder::start(&cx.realm, &instance, next, caller.unwrap_or(context)),
            Feed::Source(start) => start(&cx.realm, &instance),
        }
    })));
    Ok(promise)
}

/// Calls a function again and again for the input of a pipeline; no faster than its output is taken.
struct Feeder {
    realm: Weak<Realm>,
    instance: Weak<Instance>,
    context: Rc<Context>,
    next: Callback,
    tap: Rc<Tap>,
}

/// What comes after a call.
enum Then {
    Stop,
    Again,
    Wait(oneshot::Receiver<Result<Saved, Saved>>),
}

impl Feeder {
    fn start(realm: &Rc<Realm>, instance: &Rc<Instance>, next: Callback, context: Rc<Context>) {
        let feeder = Feeder {
            realm: Rc::downgrade(realm),
            instance: Rc::downgrade(instance),
            context,
            next,
            tap: Rc::default(),
        };
        let task = spawn(feeder.run());
        instance.feed(task);
    }

    async fn run(self) {
        let mut settled = None;
        loop {
            poll_fn(|cx| self.tap.poll_open(cx)).await;
            match self.step(settled.take()) {
                Then::Stop => return,
                Then::Again => tokio::task::yield_now().await,
                // Dropped unsettled: the scripts have gone.
                Then::Wait(value) => match value.await {
                    Ok(value) => settled = Some(value),
                    Err(_) => return,
                },
            }
        }
    }

    /// A turn with the next events: a call, or what the promise of the last one was settled with.
    fn step(&self, settled: Option<Result<Saved, Saved>>) -> Then {
        let then = Cell::new(Then::Stop);
        let (Some(realm), Some(instance)) = (self.realm.upgrade(), self.instance.upgrade()) else {
            return Then::Stop;
        };
        if instance.is_ended() {
            return Then::Stop;
        }
        realm.turn(Some(&self.tap), |cx, work| {
            let value = match settled {
                None => cx.call_in(&self.context, &self.next, ()),
                Some(Ok(value)) => Ok(value.get(&cx.js)),
                Some(Err(error)) => Err(cx.js.throw(error.get(&cx.js))),
            };
            match value.and_then(|value| self.take(cx, &instance, &value, work)) {
                Ok(next) => then.set(next),
                Err(error) => {
                    let reason = cx.failed("process", error);
                    work.push(Work::Input(instance.clone(), 0, Event::StreamEnd(reason)));
                }
            }
        });
        then.into_inner()
    }

    fn take<'js>(
        &self,
        cx: &mut Cx<'js>,
        instance: &Rc<Instance>,
        value: &Value<'js>,
        work: &mut Vec<Work>,
    ) -> js::Result<Then> {
        if let Some(promise) = js::promise_of(value) {
            let (send, receive) = oneshot::channel();
            js::on_settled(&cx.js, &promise, move |settled| {
                // Nobody waits when the pipeline has ended.
                send.send(settled).ok();
            })?;
            return Ok(Then::Wait(receive));
        }
        let mut events = Vec::new();
        if js::is_nullish(value) || !js::events_of(&cx.js, value, &mut events) {
            return Ok(Then::Stop);
        }
        let ends = events.iter().any(|event| matches!(event, Event::StreamEnd(_)));
        work.extend(events.into_iter().map(|event| Work::Input(instance.clone(), 0, event)));
        Ok(if ends { Then::Stop } else { Then::Again })
    }
}
