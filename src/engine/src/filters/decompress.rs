//! `decompress(algorithm | fn)`: decodes the bodies of messages; `decompressHTTP(fn?)`: by their `content-encoding`, which
//! is removed, if fn(messageStart) says so (E1). Example: `.decompressHTTP()`. Source: pipyjs/filters.md section 8.
//! Few bytes may stand for gigabytes: they come out piece by piece, while those downstream take more.

use super::content_coding::{coding_of, with_coding};
use super::inflate::Inflater;
use crate::event::{Event, MessageStart, Reason, StreamError};
use crate::js::{self, Callback};
use crate::limits;
use crate::pipeline::{Closed, Cx, EventArg, Filter, Given, Hold, Make, Out, Pace, Spec, Subs, Wake};
use std::io;
use std::rc::Rc;

pub(super) static DECOMPRESS: Spec = Spec {
    name: "decompress",
    args: "(algorithm | fn)",
    about: "decompresses the bodies of messages: 'inflate', 'gzip', 'brotli'",
    subs: Subs::None,
    build: |build| {
        if let Some(name) = build.arg(0).as_string() {
            let name = name.to_string()?;
            if Inflater::of(name.as_bytes()).is_none() {
                return Err(build.expects(0, "'inflate', 'gzip', 'brotli' or a function"));
            }
        } else if build.optional_callback(0).is_none() {
            return Err(build.expects(0, "'inflate', 'gzip', 'brotli' or a function"));
        }
        Ok(make(Choice::Named(Given::argument(build, 0))))
    },
};

pub(super) static DECOMPRESS_HTTP: Spec = Spec {
    name: "decompressHTTP",
    args: "(fn?)",
    about: "decompresses bodies by their content-encoding",
    subs: Subs::None,
    build: |build| Ok(make(Choice::ByHead(build.optional_callback(0)))),
};

/// How the algorithm of a message is known.
#[derive(Clone)]
enum Choice {
    /// By name.
    Named(Given),
    /// By the head; the function tells whether to look.
    ByHead(Option<Callback>),
}

fn make(choice: Choice) -> Make {
    Rc::new(move || {
        Box::new(Decompress {
            choice: choice.clone(),
            inflater: None,
            fed: false,
            draining: false,
            end: None,
            held: Hold::default(),
            pace: Pace::default(),
            paused: None,
        })
    })
}

struct Decompress {
    choice: Choice,
    /// None outside of a compressed body.
    inflater: Option<Inflater>,
    /// Bytes of the body have come: none at all (a response to HEAD) is no corrupt body.
    fed: bool,
    /// More pieces are to come out before more goes in.
    draining: bool,
    /// The end of the message, until all pieces are out.
    end: Option<Event>,
    /// Input that came meanwhile.
    held: Hold,
    pace: Pace,
    /// Keeps the source from being read meanwhile.
    paused: Option<Closed>,
}

impl Decompress {
    fn begin(&mut self, cx: &mut Cx<'_>, mut start: MessageStart, out: &mut Out<'_>) -> Result<MessageStart, Reason> {
        self.inflater = None;
        self.fed = false;
        let event = Event::MessageStart(start.clone());
        match &self.choice {
            Choice::Named(given) => {
                let name = given.get(cx, (EventArg(&event),), out)?;
                if js::is_nullish(&name) {
                    return Ok(start);
                }
                let name = js::value_to_text(&cx.js, &name);
                self.inflater = Inflater::of(name.as_bytes());
                if self.inflater.is_none() {
                    cx.fail(
                        out,
                        &format!("decompress: unknown algorithm '{name}'; known: inflate, gzip, brotli"),
                    );
                }
            }
            Choice::ByHead(wanted) => {
                if let Some(wanted) = wanted
                    && !js::truthy(&cx.call(out, wanted, (EventArg(&event),))?)
                {
                    return Ok(start);
                }
                let Some(head) = start.head.clone() else {
                    return Ok(start);
                };
                let failed = |cx: &mut Cx<'_>, error| cx.failed(&out.place(), error);
                let coding = coding_of(cx, &head).map_err(|error| failed(cx, error))?;
                self.inflater = coding.as_deref().and_then(Inflater::of);
                if self.inflater.is_some() {
                    let bare = with_coding(cx, &head, None).map_err(|error| failed(cx, error))?;
                    start.head = Some(bare);
                }
            }
        }
        Ok(start)
    }

    /// Outputs what is there, a turn's share of it.
    fn drain(&mut self, cx: &Cx<'_>, out: &mut Out<'_>) {
        self.draining = false;
        let mut share = limits::INFLATE_TURN_BYTES;
        while let Some(inflater) = &mut self.inflater {
            match inflater.pull() {
                Ok(piece) if piece.is_empty() => break,
                Ok(piece) => {
                    share = share.saturating_sub(piece.len());
                    out.emit(Event::Data(piece.into()));
                    if share == 0 {
                        self.draining = true;
                        self.pace.next_turn(cx, out);
                        return;
                    }
                }
                Err(error) => return self.corrupt(&error, out),
            }
        }
        if let Some(end) = self.end.take() {
            self.inflater = None;
            out.emit(end);
        }
    }

    /// Corrupt input ends the stream.
    fn corrupt(&mut self, error: &io::Error, out: &mut Out<'_>) {
        tracing::warn!(target: "http", %error, "cannot decompress a body");
        self.reset();
        out.end(Reason::Named(StreamError::ProtocolError));
    }

    fn input(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match (event, &mut self.inflater) {
            (Event::MessageStart(start), _) => match self.begin(cx, start, out) {
                Ok(_) if out.is_over() => {}
                Ok(start) => out.emit(Event::MessageStart(start)),
                Err(reason) => out.end(reason),
            },
            (Event::Data(data), Some(inflater)) if !data.is_empty() => {
                self.fed = true;
                inflater.push(data);
                self.drain(cx, out);
            }
            (event @ Event::MessageEnd(_), Some(inflater)) => {
                inflater.finish();
                if !self.fed {
                    self.inflater = None;
                }
                self.end = Some(event);
                self.drain(cx, out);
            }
            (event, _) => out.emit(event),
        }
    }
}

impl Filter for Decompress {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if !self.draining {
            return self.input(cx, event, out);
        }
        if self.paused.is_none() {
            self.paused = cx.tap.as_ref().map(|tap| tap.close());
        }
        out.hold(&mut self.held, event);
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        if !matches!(wake, Wake::Timer) {
            return;
        }
        self.drain(cx, out);
        while !self.draining && !out.is_over() {
            let Some(event) = self.held.pop() else {
                self.paused = None;
                return;
            };
            self.input(cx, event, out);
        }
    }

    fn reset(&mut self) {
        self.inflater = None;
        self.fed = false;
        self.draining = false;
        self.end = None;
        self.held.clear();
        self.pace.reset();
        self.paused = None;
    }
}
