//! What `acceptSOCKS` and `acceptProxyProtocol` share: bytes before the connection proper, a script's verdict on them,
//! then the rest through a sub-pipeline. Source: pipyjs/filters.md section 6.

use crate::data::Data;
use crate::event::{Event, Reason, StreamError};
use crate::js::{self, Callback};
use crate::limits;
use crate::pipeline::{Args, Child, Closed, Cx, Filter, Out, Sub, Wake};
use ballast_codec::Chunks;
use rquickjs::Value;

/// What a connection begins with.
pub(crate) trait Preamble: Default {
    /// What the script is asked about.
    type Found;

    /// Takes it from `input`, no byte more; `reply` gets what is to be sent now. None: more input is needed.
    ///
    /// # Errors  What is wrong with it; the stream ends.
    fn decode(&mut self, input: &mut Chunks, reply: &mut Vec<u8>) -> Result<Option<Self::Found>, String>;

    /// Asks the script.
    ///
    /// # Errors  The reason to end the stream with.
    fn ask<'js>(
        cx: &mut Cx<'js>,
        callback: &Callback,
        found: &Self::Found,
        out: &Out<'_>,
    ) -> Result<Value<'js>, Reason>;

    /// Appends what the peer is told of the verdict.
    fn answer(&self, accepted: bool, reply: &mut Vec<u8>) {
        let _ = (accepted, reply);
    }
}

/// The filter.
pub(crate) struct Acceptor<P> {
    callback: Callback,
    sub: Sub,
    preamble: P,
    stage: Stage,
    /// Bytes that have come and are not the preamble's.
    input: Chunks,
    /// The end of the input, which came while the script was being asked.
    end: Option<Reason>,
    child: Option<Child>,
    /// Sources that are not read while too much waits for the script.
    blocked: Vec<Closed>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Reading,
    /// The script's promise is pending.
    Asked,
    Open,
    Over,
}

impl<P: Preamble> Acceptor<P> {
    /// A filter that has seen nothing. `callback`: who decides; `sub`: for what is accepted.
    pub(crate) fn new(callback: Callback, sub: Sub) -> Self {
        Acceptor {
            callback,
            sub,
            preamble: P::default(),
            stage: Stage::Reading,
            input: Chunks::new(),
            end: None,
            child: None,
            blocked: Vec::new(),
        }
    }

    fn read(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) {
        let mut reply = Vec::new();
        let found = self.preamble.decode(&mut self.input, &mut reply);
        if !reply.is_empty() {
            out.emit(Event::Data(reply.into()));
        }
        match found {
            Ok(None) => {}
            Ok(Some(found)) => {
                let verdict = P::ask(cx, &self.callback, &found, out);
                self.stage = Stage::Asked;
                match verdict.map(|verdict| (js::promise_of(&verdict), verdict)) {
                    Ok((None, verdict)) => self.decide(js::truthy(&verdict), out),
                    Ok((Some(promise), _)) => {
                        if let Err(reason) = cx.settle(out, &promise, 0) {
                            self.finish(reason, out);
                        }
                    }
                    Err(reason) => self.finish(reason, out),
                }
            }
            Err(error) => {
                tracing::debug!(target: "socket", filter = out.place(), error, "not accepted");
                self.finish(Reason::Clean, out);
            }
        }
    }

    fn decide(&mut self, accepted: bool, out: &mut Out<'_>) {
        let mut reply = Vec::new();
        self.preamble.answer(accepted, &mut reply);
        if !reply.is_empty() {
            out.emit(Event::Data(reply.into()));
        }
        if !accepted {
            return self.finish(Reason::Clean, out);
        }
        self.stage = Stage::Open;
        self.blocked.clear();
        let child = out.spawn(&self.sub.get(), out.context(), 0, Args::None);
        let mut rest = Data::new();
        while let Some(chunk) = self.input.pop_front() {
            rest.push(chunk);
        }
        // Also when it is empty: a flush makes a `connect` dial for a server that speaks first.
        out.feed(&child, Event::Data(rest));
        if let Some(reason) = self.end.take() {
            out.feed(&child, Event::StreamEnd(reason));
        }
        self.child = Some(child);
    }

    fn finish(&mut self, reason: Reason, out: &mut Out<'_>) {
        self.stage = Stage::Over;
        self.input.clear();
        self.blocked.clear();
        out.end(reason);
    }
}

impl<P: Preamble> Filter for Acceptor<P> {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match (self.stage, event) {
            (Stage::Reading, Event::Data(data)) => {
                self.input.extend(data);
                self.read(cx, out);
            }
            (Stage::Reading, Event::StreamEnd(reason)) => self.finish(reason, out),
            (Stage::Asked, Event::Data(data)) => {
                self.input.extend(data);
                if self.input.len() > limits::HELD_BYTES {
                    return self.finish(Reason::Named(StreamError::BufferOverflow), out);
                }
                if self.input.len() >= limits::CONGESTION_BYTES
                    && let Some(tap) = &cx.tap
                    && !self.blocked.iter().any(|closed| closed.is_of(tap))
                {
                    self.blocked.push(tap.close());
                }
            }
            (Stage::Asked, Event::StreamEnd(reason)) => self.end = Some(reason),
            (Stage::Open, event @ (Event::Data(_) | Event::StreamEnd(_))) => {
                if let Some(child) = &self.child {
                    out.feed(child, event);
                }
            }
            _ => {}
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        if let (Stage::Asked, Wake::Settled(_, settled)) = (self.stage, wake) {
            match settled {
                Ok(verdict) => self.decide(js::truthy(&verdict.get(&cx.js)), out),
                Err(error) => self.finish(Reason::Value(error), out),
            }
        }
    }

    fn reset(&mut self) {
        *self = Acceptor::new(self.callback.clone(), self.sub.clone());
    }
}
