//! One request of a connection and what has become of its response. Source: pipyjs/http.md section 4.

use super::http_encode::{Encoder, Problem, Step};
use super::http_response::{ResponseInfo, ResponseWriter};
use crate::data::Data;
use crate::event::{Event, Reason};
use crate::message::Whole;
use crate::pipeline::{Child, Closed};
use rquickjs::Ctx;

/// A place in the order of responses.
pub(super) struct Slot {
    /// The pipeline that answers.
    pub child: Option<Child>,
    /// What the request means for the response.
    pub writer: ResponseWriter,
    /// Bytes that wait for the responses before.
    pub held: Data,
    /// Keeps the source of too much held output closed.
    pub closed: Option<Closed>,
    /// See [`Outcome`].
    pub outcome: Outcome,
    encoder: Encoder,
    started: ResponseInfo,
}

/// How far a response is.
pub(super) enum Outcome {
    /// Not complete.
    Open,
    /// Complete.
    Done {
        /// The connection closes after it.
        close: bool,
    },
    /// Complete, and the connection is a tunnel from here on.
    Tunnel,
    /// There will be none, or no more of it.
    Failed(Reason),
}

impl Slot {
    pub(super) fn new(writer: ResponseWriter, buffer_size: usize) -> Self {
        Slot {
            child: None,
            writer,
            held: Data::new(),
            closed: None,
            outcome: Outcome::Open,
            encoder: Encoder::new(buffer_size),
            started: ResponseInfo::default(),
        }
    }

    /// True while the response may still be replaced by another one.
    pub(super) fn is_unanswered(&self) -> bool {
        matches!(self.outcome, Outcome::Open) && !self.encoder.is_sending()
    }

    /// True when nothing of the request or the connection changes the response, and none has begun.
    pub(super) fn is_plain(&self) -> bool {
        self.writer.is_plain() && matches!(self.outcome, Outcome::Open) && !self.encoder.is_open()
    }

    /// Forgets what was collected of a response.
    pub(super) fn forget(&mut self) {
        self.child = None;
        self.encoder.reset();
    }

    /// Takes an event of the response. `is_last`: the connection closes after it. True: it decided to close.
    ///
    /// # Errors  The response cannot be sent.
    pub(super) fn answer(
        &mut self,
        js: &Ctx<'_>,
        event: Event,
        is_last: bool,
        out: &mut Data,
    ) -> Result<bool, Problem> {
        let mut writer = self.writer;
        writer.is_last |= is_last;
        let Step { started, done } = self.encoder.event(js, &writer, event, out)?;
        if let Some(info) = started {
            self.started = info;
        }
        if done {
            self.complete();
        }
        Ok(started.is_some_and(|info| info.close))
    }

    /// Whether `answer_whole` would take it.
    pub(super) fn takes(&self, message: &Whole) -> bool {
        matches!(self.outcome, Outcome::Open) && self.encoder.takes(message)
    }

    /// Takes a whole response that it `takes`: the same as `answer` with each of its events.
    ///
    /// # Errors  The response cannot be sent.
    pub(super) fn answer_whole(
        &mut self,
        js: &Ctx<'_>,
        message: Whole,
        is_last: bool,
        out: &mut Data,
    ) -> Result<bool, Problem> {
        let mut writer = self.writer;
        writer.is_last |= is_last;
        self.started = self.encoder.message(js, &writer, message, out)?;
        self.complete();
        Ok(self.started.close)
    }

    /// The last event of a message was taken.
    fn complete(&mut self) {
        if !self.started.interim {
            let ResponseInfo { close, tunnel, .. } = self.started;
            self.outcome = if tunnel {
                Outcome::Tunnel
            } else {
                Outcome::Done { close }
            };
        }
    }
}
