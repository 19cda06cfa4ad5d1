//! `demux({ outputCount = 1 })` with a sub-pipeline: each message to a new child, the answers in the order of the
//! questions. Example: `.demux().to($ => $.replaceMessage(answer))`. Source: pipyjs/filters.md section 5.

use crate::event::{Event, MessageStart, Reason};
use crate::js::{self, Callback};
use crate::limits;
use crate::pipeline::{Args, Build, Child, Closed, Cx, EventArg, Filter, Hold, Make, Out, Spec, Sub, Subs};
use std::collections::VecDeque;
use std::rc::Rc;

pub(super) static DEMUX: Spec = Spec {
    name: "demux",
    args: "({ outputCount })",
    about: "gives each message to a sub-pipeline of its own",
    subs: Subs::Joint,
    build: make,
};

/// How many messages each question is answered with; negative: until the StreamEnd.
#[derive(Clone)]
pub(super) enum OutputCount {
    /// As many.
    Fixed(i64),
    /// As many as the function says, which sees the MessageStart.
    Call(Callback),
}

impl OutputCount {
    /// The option `outputCount`, 1 by default.
    ///
    /// # Errors  Throws when it is neither a number nor a function.
    pub(super) fn parse(options: &js::Options<'_>) -> js::Result<Self> {
        Ok(match options.value("outputCount")? {
            Some(value) if value.is_function() => match options.callback("outputCount")? {
                Some(callback) => OutputCount::Call(callback),
                None => OutputCount::Fixed(1),
            },
            _ => OutputCount::Fixed(options.number("outputCount")?.map_or(1, |count| count as i64)),
        })
    }

    /// The number for a question with this start.
    ///
    /// # Errors  The function's exception, as the reason to end the stream with.
    pub(super) fn get(&self, cx: &mut Cx<'_>, start: &MessageStart, out: &Out<'_>) -> Result<i64, Reason> {
        match self {
            OutputCount::Fixed(count) => Ok(*count),
            OutputCount::Call(callback) => {
                let start = Event::MessageStart(start.clone());
                let value = cx.call(out, callback, (EventArg(&start),))?;
                Ok(js::number_of(&value, 1000.0).map_or(1, |count| count as i64))
            }
        }
    }
}

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let sub = build.sub.clone();
    let count = OutputCount::parse(&build.options(0)?)?;
    Ok(Rc::new(move || {
        Box::new(Demux {
            sub: sub.clone(),
            count: count.clone(),
            next: 0,
            open: false,
            slots: VecDeque::new(),
            silent: VecDeque::new(),
            end: None,
            paused: None,
        })
    }))
}

struct Demux {
    sub: Sub,
    count: OutputCount,
    /// Key of the next child.
    next: u64,
    /// The last child is still getting its message.
    open: bool,
    /// Questions whose answers have not all been output, oldest first.
    slots: VecDeque<Slot>,
    /// Children that are not waited for: of questions without an answer, or already answered.
    silent: VecDeque<(u64, Child)>,
    /// The StreamEnd, once it came in.
    end: Option<Reason>,
    /// Keeps the source from being read while too many questions are open.
    paused: Option<Closed>,
}

struct Slot {
    key: u64,
    child: Child,
    left: i64,
    started: bool,
    done: bool,
    /// Output that waits for the answers before it.
    held: Hold,
}

impl Demux {
    fn begin(&mut self, cx: &mut Cx<'_>, start: MessageStart, out: &mut Out<'_>) -> Result<(), Reason> {
        let left = self.count.get(cx, &start, out)?;
        let context = cx.copy_context(out)?;
        let key = self.next;
        self.next += 1;
        self.open = true;
        let child = out.spawn(&self.sub.get(), context, key, Args::None);
        out.feed(&child, Event::MessageStart(start));
        if left == 0 {
            self.keep(key, child);
        } else {
            self.slots.push_back(Slot {
                key,
                child,
                left,
                started: false,
                done: false,
                held: Hold::default(),
            });
            if self.slots.len() >= limits::PIPELINED_REQUESTS && self.paused.is_none() {
                self.paused = cx.tap.as_ref().map(|tap| tap.close());
            }
        }
        Ok(())
    }

    /// Lets a child finish what it does, though nobody waits for it.
    fn keep(&mut self, key: u64, child: Child) {
        if self.silent.len() >= limits::DEMUX_SILENT {
            self.silent.pop_front();
        }
        self.silent.push_back((key, child));
    }

    /// The child that the current message goes to, if it is still there.
    fn current(&self) -> Option<&Child> {
        let key = self.next.checked_sub(1)?;
        let slot = self.slots.back().filter(|slot| slot.key == key).map(|slot| &slot.child);
        slot.or_else(|| {
            self.silent
                .iter()
                .rev()
                .find(|(k, _)| *k == key)
                .map(|(_, child)| child)
        })
    }

    /// Ends answered questions at the front, and lets the next ones out.
    fn advance(&mut self, out: &mut Out<'_>) {
        while let Some(front) = self.slots.front_mut() {
            front.held.take().for_each(|event| out.emit(event));
            if !front.done {
                break;
            }
            if let Some(slot) = self.slots.pop_front()
                && self.open
                && slot.key + 1 == self.next
            {
                // Answered before the question was complete: it hears the rest.
                self.keep(slot.key, slot.child);
            }
        }
        if self.slots.len() < limits::PIPELINED_REQUESTS {
            self.paused = None;
        }
        if self.slots.is_empty()
            && let Some(reason) = self.end.take()
        {
            out.end(reason);
        }
    }
}

impl Filter for Demux {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::MessageStart(start) if !self.open => {
                if let Err(reason) = self.begin(cx, start, out) {
                    out.end(reason);
                }
            }
            Event::MessageStart(_) => {}
            Event::Data(_) | Event::MessageEnd(_) => {
                let ends = matches!(event, Event::MessageEnd(_));
                if let Some(child) = self.current().filter(|_| self.open) {
                    out.feed(child, event);
                }
                self.open &= !ends;
            }
            Event::StreamEnd(reason) => {
                // A child that waits for the rest of its message would wait for ever.
                if let Some(child) = self.current().filter(|_| self.open) {
                    out.feed(child, Event::StreamEnd(reason.clone()));
                }
                self.open = false;
                self.end = Some(reason);
                self.advance(out);
            }
        }
    }

    fn output(&mut self, _cx: &mut Cx<'_>, key: u64, event: Event, out: &mut Out<'_>) {
        let ends = matches!(event, Event::StreamEnd(_));
        let Some(index) = self.slots.iter().position(|slot| slot.key == key) else {
            if ends {
                self.silent.retain(|(silent, _)| *silent != key);
            }
            return;
        };
        let Some(slot) = self.slots.get_mut(index).filter(|slot| !slot.done) else {
            return;
        };
        match &event {
            Event::MessageStart(_) => slot.started = true,
            Event::MessageEnd(_) if slot.left > 0 => {
                slot.left -= 1;
                slot.done = slot.left == 0;
            }
            Event::StreamEnd(_) => slot.done = true,
            Event::Data(_) | Event::MessageEnd(_) => {}
        }
        if !(ends && slot.started) {
            if index == 0 {
                out.emit(event);
            } else {
                out.hold(&mut slot.held, event);
            }
        }
        if index == 0 && self.slots.front().is_some_and(|slot| slot.done) {
            self.advance(out);
        }
    }

    fn reset(&mut self) {
        self.next = 0;
        self.open = false;
        self.slots.clear();
        self.silent.clear();
        self.end = None;
        self.paused = None;
    }
}
