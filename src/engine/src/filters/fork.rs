//! `fork(init?)`, `forkJoin(init?)`, `forkRace(init?)` with a sub-pipeline: a copy of the stream goes to one child, or to
//! one for each element of an array. Example: `.fork().to($ => $.handleMessage(log))`. Source: pipyjs/filters.md
//! section 4, model.md 1.4.

use crate::event::{Event, Reason};
use crate::js::{self, List};
use crate::limits;
use crate::pipeline::{Args, Build, Child, Cx, Filter, Given, Hold, Make, Out, Spec, Sub, Subs, Waiting, Wake};
use crate::value::Saved;
use rquickjs::Value;
use std::rc::Rc;

macro_rules! specs {
    ($($id:ident $name:literal $kind:ident $about:literal),* $(,)?) => {
        $(pub(super) static $id: Spec = Spec {
            name: $name,
            args: "(init | fn)",
            about: $about,
            subs: Subs::JointOrKey,
            build: |build| make(build, Kind::$kind),
        };)*
    };
}
specs!(
    FORK "fork" Fork "copies the stream to sub-pipelines",
    FORK_JOIN "forkJoin" Join "copies the stream to sub-pipelines and passes it on when all have ended",
    FORK_RACE "forkRace" Race "gives the stream to sub-pipelines and outputs what the first that answers does",
);

/// What becomes of the input and of the children's output.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Input passes at once; output is discarded.
    Fork,
    /// Input passes when all children have ended; output is discarded.
    Join,
    /// Input goes to the children only; the output of the first one that has any is the filter's.
    Race,
}

fn make(build: &mut Build<'_, '_>, kind: Kind) -> js::Result<Make> {
    let sub = build.sub.clone();
    let init = Given::argument(build, 0);
    Ok(Rc::new(move || {
        Box::new(Fork {
            kind,
            sub: sub.clone(),
            init: init.clone(),
            started: false,
            children: Vec::new(),
            waiting: Waiting::default(),
            joining: Hold::default(),
            winner: None,
        })
    }))
}

struct Fork {
    kind: Kind,
    sub: Sub,
    init: Given,
    /// `init` was evaluated, and is no promise or a resolved one.
    started: bool,
    /// By key; None once a child has ended.
    children: Vec<Option<Child>>,
    /// For the promise of `init`.
    waiting: Waiting,
    /// Input that waits for the children's end (`forkJoin`).
    joining: Hold,
    /// The child whose output counts (`forkRace`).
    winner: Option<u64>,
}

impl Fork {
    /// Evaluates `init`; false when it is a promise.
    fn begin(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<bool, Reason> {
        let init = self.init.get(cx, (), out)?;
        if self.waiting.begin(cx, &init, out)? {
            return Ok(false);
        }
        self.spawn(cx, &init, out).map(|()| true)
    }

    fn spawn<'js>(&mut self, cx: &mut Cx<'js>, init: &Value<'js>, out: &mut Out<'_>) -> Result<(), Reason> {
        self.started = true;
        let layout = self.sub.get();
        if let Some(array) = init.as_list() {
            if array.len() > limits::FORK_CHILDREN {
                let most = limits::FORK_CHILDREN;
                cx.fail(
                    out,
                    &format!("{} sub-pipelines for one stream; at most {most}", array.len()),
                );
                return Ok(());
            }
            for (index, item) in array.iter::<Value>().enumerate() {
                let item = item.map_err(|error| cx.failed(&out.place(), error))?;
                let index_value = Value::new_number(cx.js.clone(), index as f64);
                let args = Args::Values(vec![Saved::new(&cx.js, item), Saved::new(&cx.js, index_value)]);
                let context = cx.copy_context(out)?;
                self.children
                    .push(Some(out.spawn(&layout, context, index as u64, args)));
            }
        } else {
            let args = Args::Values(vec![Saved::new(&cx.js, init.clone())]);
            let context = match self.kind {
                Kind::Fork => out.context(),
                Kind::Join | Kind::Race => cx.copy_context(out)?,
            };
            self.children.push(Some(out.spawn(&layout, context, 0, args)));
        }
        Ok(())
    }

    fn copy(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        for child in self.children.iter().flatten() {
            let mut copy = event.clone();
            // Scripts change heads in place, and what one pipeline does is not to alter the others.
            if let Event::MessageStart(start) = &mut copy
                && let Some(head) = &start.head
            {
                match js::copy_of_head(&cx.js, head) {
                    Ok(head) => start.head = Some(head),
                    Err(error) => return out.end(cx.failed(&out.place(), error)),
                }
            }
            out.feed(child, copy);
        }
        let alone = self.children.iter().all(Option::is_none);
        match self.kind {
            Kind::Fork => out.emit(event),
            Kind::Join if alone && self.joining.is_empty() => out.emit(event),
            Kind::Join => out.hold(&mut self.joining, event),
            // Nobody is left who could end the stream.
            Kind::Race if alone && matches!(event, Event::StreamEnd(_)) => out.emit(event),
            Kind::Race => {}
        }
    }
}

impl Filter for Fork {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        let Some(event) = self.waiting.admit(event, out) else {
            return;
        };
        if !self.started {
            match self.begin(cx, out) {
                Ok(true) if out.is_over() => return,
                Ok(true) => {}
                Ok(false) => return self.waiting.hold(event, out),
                Err(reason) => return out.end(reason),
            }
        }
        self.copy(cx, event, out);
    }

    fn output(&mut self, _cx: &mut Cx<'_>, key: u64, event: Event, out: &mut Out<'_>) {
        let ends = matches!(event, Event::StreamEnd(_));
        if self.kind == Kind::Race {
            if self.winner.is_none() {
                self.winner = Some(key);
                let others = self.children.iter_mut().enumerate();
                others
                    .filter(|(index, _)| *index as u64 != key)
                    .for_each(|(_, child)| *child = None);
            }
            if self.winner == Some(key) {
                out.emit(event);
            }
        }
        if ends && let Some(child) = self.children.get_mut(key as usize) {
            *child = None;
        }
        if self.kind == Kind::Join && self.children.iter().all(Option::is_none) {
            self.joining.take().for_each(|event| out.emit(event));
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        let Some(init) = self.waiting.settled(cx, wake, out) else {
            return;
        };
        if let Err(reason) = self.spawn(cx, &init, out) {
            return out.end(reason);
        }
        if out.is_over() {
            return;
        }
        for event in self.waiting.take() {
            self.copy(cx, event, out);
        }
    }

    fn reset(&mut self) {
        self.started = false;
        self.children.clear();
        self.waiting.reset();
        self.joining.clear();
        self.winner = None;
    }
}
