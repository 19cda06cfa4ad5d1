//! `pack(batchSize = 1, { timeout = 5, interval = 5, prefix, postfix, separator })`: several messages into one, with the
//! head of the first. Example: `.pack(1000, { separator: '\n' })`. Source: pipyjs/filters.md section 3.

use crate::data::Data;
use crate::event::{Event, Head, MessageEnd, MessageStart, Reason, StreamError};
use crate::js::{self, Options};
use crate::limits;
use crate::message::{Message, MessageBuilder};
use crate::pipeline::{Build, Cx, Filter, Make, Out, Spec, Subs, Task, Wake, timer};
use std::rc::Rc;
use std::time::{Duration, Instant};

pub(super) static PACK: Spec = Spec {
    name: "pack",
    args: "(batchSize, { timeout, interval, prefix, postfix, separator })",
    about: "merges messages into one",
    subs: Subs::None,
    build: make,
};

#[derive(Clone)]
struct Settings {
    batch: f64,
    /// Zero: off.
    timeout: f64,
    interval: f64,
    prefix: Data,
    postfix: Data,
    separator: Data,
}

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let batch = match build.arg(0) {
        nothing if js::is_nullish(&nothing) => 1.0,
        value => js::number_of(&value, 1000.0).ok_or_else(|| build.expects(0, "a number"))?,
    };
    let options = build.options(1)?;
    let settings = Rc::new(Settings {
        batch,
        timeout: options.seconds("timeout")?.unwrap_or(5.0),
        interval: options.seconds("interval")?.unwrap_or(5.0),
        prefix: bytes(build, &options, "prefix")?,
        postfix: bytes(build, &options, "postfix")?,
        separator: bytes(build, &options, "separator")?,
    });
    Ok(Rc::new(move || {
        Box::new(Pack {
            settings: settings.clone(),
            message: MessageBuilder::default(),
            batch: None,
            last_output: None,
            last_input: Instant::now(),
            check: None,
        })
    }))
}

fn bytes<'js>(build: &Build<'_, 'js>, options: &Options<'js>, name: &str) -> js::Result<Data> {
    let Some(value) = options.value(name)? else {
        return Ok(Data::new());
    };
    let wrong = || js::throw_type(build.ctx, &format!("options.{name} expects a string or Data"));
    js::value_to_data(build.ctx, &value).ok_or_else(wrong)
}

struct Pack {
    settings: Rc<Settings>,
    /// The message that comes in.
    message: MessageBuilder,
    batch: Option<Batch>,
    last_output: Option<Instant>,
    last_input: Instant,
    /// Looks whether messages stay away.
    check: Option<Task>,
}

/// Complete messages that wait.
struct Batch {
    head: Option<Rc<Head>>,
    body: Data,
    count: f64,
}

impl Pack {
    fn add(&mut self, message: Message, out: &mut Out<'_>) {
        let body = message.body.unwrap_or_default();
        match &mut self.batch {
            None => {
                let mut all = self.settings.prefix.clone();
                all.append(body);
                self.batch = Some(Batch {
                    head: message.head,
                    body: all,
                    count: 1.0,
                });
            }
            Some(batch) => {
                batch.body.append(self.settings.separator.clone());
                batch.body.append(body);
                batch.count += 1.0;
            }
        }
        if self.held_bytes() > limits::HELD_BYTES {
            self.batch = None;
            out.end(Reason::Named(StreamError::BufferOverflow));
        }
    }

    fn held_bytes(&self) -> usize {
        let batch = self.batch.as_ref().map_or(0, |batch| batch.body.len());
        self.message.held_bytes().saturating_add(batch)
    }

    /// Whether a message that is complete now makes the batch go out.
    fn is_due(&self) -> bool {
        let full = self
            .batch
            .as_ref()
            .is_some_and(|batch| batch.count >= self.settings.batch);
        let since = self.last_output.map(|last| last.elapsed().as_secs_f64());
        // Before the first output any time has passed.
        full || self.settings.interval > 0.0 && since.is_none_or(|since| since >= self.settings.interval)
    }

    fn flush(&mut self, out: &mut Out<'_>) {
        self.check = None;
        let Some(mut batch) = self.batch.take() else { return };
        self.last_output = Some(Instant::now());
        batch.body.append(self.settings.postfix.clone());
        out.emit(Event::MessageStart(MessageStart { head: batch.head }));
        if !batch.body.is_empty() {
            out.emit(Event::Data(batch.body));
        }
        out.emit(Event::MessageEnd(MessageEnd::default()));
    }

    /// Looks once a second, or when the time is over if that is sooner.
    fn watch(&mut self, cx: &Cx<'_>, out: &Out<'_>) {
        let timeout = self.settings.timeout;
        if self.batch.is_some() && self.check.is_none() && timeout > 0.0 {
            self.check = Some(timer(&cx.realm, out.port(), timeout.min(1.0)));
        }
    }
}

impl Filter for Pack {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if matches!(event, Event::Data(_)) && !self.message.is_open() {
            return out.emit(event);
        }
        self.last_input = Instant::now();
        let message = self.message.push(&event);
        let ends = matches!(event, Event::StreamEnd(_));
        if let Some(message) = message {
            self.add(message, out);
        } else if self.held_bytes() > limits::HELD_BYTES {
            self.message.reset();
            return out.end(Reason::Named(StreamError::BufferOverflow));
        }
        if ends || matches!(event, Event::MessageEnd(_)) && self.is_due() {
            self.flush(out);
        }
        if ends {
            return out.emit(event);
        }
        self.watch(cx, out);
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        if !matches!(wake, Wake::Timer) {
            return;
        }
        self.check = None;
        let timeout = Duration::try_from_secs_f64(self.settings.timeout).unwrap_or(Duration::MAX);
        match self.last_input.elapsed() >= timeout {
            true => self.flush(out),
            false => self.watch(cx, out),
        }
    }

    fn reset(&mut self) {
        self.message.reset();
        self.batch = None;
        self.last_output = None;
        self.check = None;
    }
}
