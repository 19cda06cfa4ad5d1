//! What a turn does, item by item: events enter filters, pipelines start and end. Source: pipyjs/model.md 1.2.

use super::instance::State;
use super::realm::Work;
use super::{Args, Cx, Instance, OnStart, Out, Output, Wake};
use crate::event::{Event, Reason};
use crate::js;
use crate::limits;
use crate::message::Whole;
use crate::metrics::Blame;
use crate::value::Saved;
use rquickjs::Value;
use std::rc::Rc;

/// Does one thing; what follows from it goes on the list.
pub(super) fn step(cx: &mut Cx<'_>, item: Work, work: &mut Vec<Work>) {
    match item {
        Work::Input(instance, index, event) => match instance.state.get() {
            State::Ended => {}
            // Only what enters from outside waits for `onStart`.
            State::Starting if index == 0 => {
                let held = instance.held.borrow_mut().get_or_insert_default().push(event);
                if let Err(error) = held {
                    instance.held.take();
                    instance.state.set(State::Running);
                    work.push(Work::Input(instance, 0, error.into()));
                }
            }
            _ if !instance.admits(index, &event) => {}
            _ if index >= instance.len => leave(cx, &instance, event, work),
            _ => run(cx, &instance, index, work, |filter, cx, out| {
                filter.process(cx, event, out)
            }),
        },
        Work::Message(instance, index, message) => enter(cx, instance, index, message, work),
        Work::Wake(instance, index, wake) if !instance.is_ended() && !instance.is_over(index) => {
            if let Wake::Settled(_, Err(error)) = &wake {
                rejected(cx, &instance.layout.place(index), error);
            }
            run(cx, &instance, index, work, |filter, cx, out| filter.wake(cx, wake, out));
        }
        Work::Wake(..) => {}
        Work::Run(later) => {
            let from = work.len();
            later(cx, work);
            work[from..].reverse();
        }
        Work::Source(tap) => {
            cx.tap = tap;
            cx.is_control = false;
        }
        Work::Control => cx.is_control = true,
        Work::Batch(batch) => {
            let from = work.len();
            batch.pass_on(cx, work);
            work[from..].reverse();
        }
        Work::Start(instance, args) => start(cx, &instance, args, work),
        Work::Started(instance, settled) => started(cx, &instance, settled, work),
    }
}

/// A message enters a filter, or leaves a pipeline: at once, or else as its events.
fn enter(cx: &mut Cx<'_>, instance: Rc<Instance>, index: usize, message: Whole, work: &mut Vec<Work>) {
    let mut refused = None;
    if !instance.admits_message(index) {
        refused = Some(message);
    } else if index < instance.len {
        run(cx, &instance, index, work, |filter, cx, out| {
            refused = filter.message(cx, message, out);
        });
    } else if let Output::Filter { parent, index, key } = &instance.output {
        let parent = parent.upgrade();
        if let Some(parent) = parent.filter(|parent| !parent.is_ended() && !parent.is_over(*index)) {
            run(cx, &parent, *index, work, |filter, cx, out| {
                refused = filter.output_message(cx, *key, message, out);
            });
        }
    } else {
        refused = Some(message);
    }
    if let Some(message) = refused {
        let events = message.into_events().rev();
        work.extend(events.map(|event| Work::Input(instance.clone(), index, event)));
    }
}

/// The promise that a filter waited for is rejected: the same as an exception of its callback.
fn rejected(cx: &Cx<'_>, place: &str, error: &Saved) {
    let described = js::describe(&cx.js, &error.get(&cx.js));
    cx.realm.counters.blame(Blame::Script).add(1);
    tracing::error!(target: "pjs", filter = place, "a promise is rejected: {described}");
}

/// Runs one filter; its outputs go on the run list, first on top.
fn run(
    cx: &mut Cx<'_>,
    instance: &Rc<Instance>,
    index: usize,
    work: &mut Vec<Work>,
    f: impl FnOnce(&mut dyn super::Filter, &mut Cx<'_>, &mut Out<'_>),
) {
    let taken = instance.filters.borrow_mut().get_mut(index).and_then(Option::take);
    let Some(mut filter) = taken else { return };
    let from = work.len();
    f(&mut *filter, cx, &mut Out { instance, index, work });
    if work.len() > from + 1 {
        work[from..].reverse();
    }
    if let Some(slot) = instance.filters.borrow_mut().get_mut(index) {
        *slot = Some(filter);
    }
}

/// An event leaves a pipeline.
fn leave(cx: &mut Cx<'_>, instance: &Rc<Instance>, event: Event, work: &mut Vec<Work>) {
    match &instance.output {
        Output::Filter { parent, index, key } => {
            let parent = parent.upgrade();
            if let Some(parent) = parent.filter(|parent| !parent.is_ended() && !parent.is_over(*index)) {
                run(cx, &parent, *index, work, |filter, cx, out| {
                    filter.output(cx, *key, event, out)
                });
            }
        }
        Output::Sink(sink) => sink.event(cx, event),
    }
}

fn start(cx: &mut Cx<'_>, instance: &Rc<Instance>, args: Args, work: &mut Vec<Work>) {
    if instance.depth > limits::PIPELINE_DEPTH {
        tracing::error!(target: "pjs", depth = instance.depth, layout = instance.layout.label(), "pipelines are nested too deeply");
        work.push(Work::Input(
            instance.clone(),
            instance.len,
            crate::event::StreamError::RuntimeError.into(),
        ));
        // Nothing may enter it: that would go on nesting.
        instance.close_input();
        return;
    }
    let on_start = instance.layout.on_start.borrow().clone();
    match on_start {
        None => {}
        Some(OnStart::Events(events)) => {
            work.extend(
                events
                    .into_iter()
                    .rev()
                    .map(|event| Work::Input(instance.clone(), 0, event)),
            );
        }
        Some(OnStart::Call(callback)) => {
            let args: js::Result<Vec<Value<'_>>> = match args {
                Args::None => Ok(Vec::new()),
                Args::Inbound(inbound) => inbound.value(&cx.js).map(|value| vec![value]),
                Args::Values(values) => Ok(values.iter().map(|value| value.get(&cx.js)).collect()),
            };
            let result = args
                .and_then(|args| cx.call_in(&instance.context.clone(), &callback, (rquickjs::function::Rest(args),)));
            match result {
                Ok(value) => first_input(cx, instance, value, work),
                Err(error) => {
                    let reason = cx.failed(&format!("onStart of {}", instance.layout.label()), error);
                    work.push(Work::Input(instance.clone(), 0, Event::StreamEnd(reason)));
                }
            }
        }
    }
}

/// What `onStart` returned: events, a promise of events, or nothing.
fn first_input(cx: &mut Cx<'_>, instance: &Rc<Instance>, value: Value<'_>, work: &mut Vec<Work>) {
    let mut events = Vec::new();
    if let Some(promise) = js::promise_of(&value) {
        instance.state.set(State::Starting);
        // Weak: a promise that never settles would keep the pipeline, and with it all scripts of its version.
        let target = Rc::downgrade(instance);
        let realm = Rc::downgrade(&cx.realm);
        let watching = js::on_settled(&value.ctx().clone(), &promise, move |settled| {
            if let (Some(realm), Some(target)) = (realm.upgrade(), target.upgrade()) {
                realm.defer(Work::Started(target, settled));
            }
        });
        let Err(error) = watching else { return };
        instance.state.set(State::Running);
        events.push(Event::StreamEnd(cx.failed("onStart", error)));
    } else if !js::events_of(value.ctx(), &value, &mut events) {
        let message = "onStart did not return an event or Message or an array of those";
        tracing::error!(target: "pjs", layout = instance.layout.label(), "{message}");
        events.clear();
        let error = js::error_value(value.ctx(), message);
        events.push(Event::StreamEnd(match error {
            Ok(error) => Reason::Value(Saved::new(value.ctx(), error)),
            Err(error) => cx.failed("onStart", error),
        }));
    }
    work.extend(
        events
            .into_iter()
            .rev()
            .map(|event| Work::Input(instance.clone(), 0, event)),
    );
}

fn started(cx: &mut Cx<'_>, instance: &Rc<Instance>, settled: Result<Saved, Saved>, work: &mut Vec<Work>) {
    if instance.state.get() != State::Starting {
        return;
    }
    instance.state.set(State::Running);
    if let Some(mut held) = instance.held.take() {
        let held: Vec<Event> = held.take().collect();
        let held = held.into_iter().rev();
        work.extend(held.map(|event| Work::Input(instance.clone(), 0, event)));
    }
    match settled {
        Ok(value) => {
            let ctx = cx.js.clone();
            first_input(cx, instance, value.get(&ctx), work);
        }
        Err(error) => {
            let described = js::describe(&cx.js, &error.get(&cx.js));
            tracing::error!(target: "pjs", layout = instance.layout.label(), "the promise of onStart is rejected: {described}");
            work.push(Work::Input(instance.clone(), 0, Event::StreamEnd(Reason::Value(error))));
        }
    }
}

/// The end of a pipeline: `onEnd`, reset of all filters, back to the pool.
pub(super) fn finish(cx: &mut Cx<'_>, instance: &Rc<Instance>) {
    drop(instance.feeding.take());
    let on_end = instance.layout.on_end.borrow().clone();
    let result = on_end.map(|callback| cx.call_in(&instance.context.clone(), &callback, ()));
    let result = result.and_then(|result| {
        let failed = |error| drop(cx.failed(&format!("onEnd of {}", instance.layout.name), error));
        result.map_err(failed).ok()
    });
    if let Output::Sink(sink) = &instance.output {
        let result = result.unwrap_or_else(|| Value::new_undefined(cx.js.clone()));
        sink.ended(cx, result);
    }
    let mut filters = instance.filters.take();
    filters.iter_mut().flatten().for_each(|filter| filter.reset());
    instance.layout.recycle(filters);
}

/// Ends the pipelines of a turn that goes on for ever.
pub(super) fn stuck(item: Work, work: &mut Vec<Work>) {
    let end = |item: Work| match item {
        Work::Input(instance, ..)
        | Work::Message(instance, ..)
        | Work::Start(instance, _)
        | Work::Started(instance, _)
        | Work::Wake(instance, ..) => {
            instance.end();
        }
        Work::Run(_) | Work::Source(_) | Work::Control | Work::Batch(_) => {}
    };
    end(item);
    work.drain(..).for_each(end);
}
