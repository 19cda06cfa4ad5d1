//! The server's side of an HTTP/1 connection: requests out of bytes, responses into bytes in the order of the requests.
//! Not for who answers: `demuxHTTP` and `serveHTTP` do. Source: pipyjs/http.md sections 2 to 4; RFC 9112 2.2, 8, 9.

use super::http_constant::Constant;
use super::http_encode::report;
use super::http_error;
use super::http_options::HttpOptions;
use super::http_response::ResponseWriter;
use super::http_slot::{Outcome, Slot};
use crate::data::Data;
use crate::event::{Event, MessageEnd, Reason, StreamError, Tail};
use crate::limits;
use crate::message::{Message, Whole};
use crate::pipeline::{Child, Closed, Cx, Out, Tap};
use ballast_codec::Chunks;
use ballast_codec::http1::{self, Expect, Frame, RequestDecoder, RequestHead};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

thread_local! {
    // Room for the requests of the next connections that have one: those that wait hold none.
    static SPARE: RefCell<Vec<VecDeque<Slot>>> = const { RefCell::new(Vec::new()) };
}

/// What arrived.
pub(crate) enum Incoming {
    /// A request; its number is the key of all that concerns it.
    Head(u64, RequestHead),
    /// Bytes of its body.
    Body(u64, Data),
    /// It is complete.
    End(u64, MessageEnd),
    /// Bytes of the tunnel.
    Raw(u64, Data),
    /// The end of the tunnel's input.
    RawEnd(u64, Reason),
    /// The response made a tunnel of it.
    Tunnel(u64),
    /// It has gone: nobody waits for a response (HTTP/2).
    Reset(u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Requests,
    Tunnel,
    /// What still comes is dropped.
    Stopped,
}

/// See the module.
pub(crate) struct Server {
    options: Rc<HttpOptions>,
    decoder: RequestDecoder,
    input: Chunks,
    /// Requests whose responses have not been sent, oldest first.
    slots: VecDeque<Slot>,
    /// Key of the first slot.
    first: u64,
    /// The request whose body is being read.
    open: Option<u64>,
    reading: Reading,
    /// No request after the one being read is taken.
    closing: bool,
    /// The peer's end, held until all responses are sent.
    end: Option<Reason>,
    requests: usize,
    /// Keeps the peer from sending more requests.
    tap: Option<Closed>,
    ended: bool,
    /// It has just become a tunnel.
    opened: bool,
    /// The worker tells when it ends.
    told_of_drain: bool,
    /// The source of the connection's bytes.
    source: Option<Rc<Tap>>,
}

impl Server {
    /// For a new connection.
    pub(crate) fn new(options: Rc<HttpOptions>) -> Self {
        Server {
            decoder: RequestDecoder::new(options.limits.clone()),
            options,
            input: Chunks::new(),
            slots: VecDeque::new(),
            first: 0,
            open: None,
            reading: Reading::Requests,
            closing: false,
            end: None,
            requests: 0,
            tap: None,
            ended: false,
            opened: false,
            told_of_drain: false,
            source: None,
        }
    }

    /// Back to the state of a new connection.
    pub(crate) fn reset(&mut self) {
        self.decoder.reset();
        self.input.clear();
        self.slots.clear();
        self.first = 0;
        self.open = None;
        self.reading = Reading::Requests;
        self.closing = false;
        self.end = None;
        self.requests = 0;
        self.tap = None;
        self.ended = false;
        self.opened = false;
        self.told_of_drain = false;
        self.source = None;
    }

    /// Takes received bytes; then ask `next` until there is nothing.
    pub(crate) fn push(&mut self, cx: &Cx<'_>, data: Data, out: &Out<'_>) {
        if !self.told_of_drain {
            self.told_of_drain = true;
            self.source = cx.tap.clone();
            cx.realm.wake_at_drain(out.port(), false);
        }
        if self.ended || self.reading == Reading::Stopped {
            return;
        }
        self.input.extend(data);
        // Nothing is decoded while a tunnel is being decided.
        if self.decoder.is_paused() && self.input.len() >= limits::READ_BYTES {
            self.hold(cx);
        }
    }

    /// Takes the end of the input; then ask `next`.
    pub(crate) fn push_end(&mut self, reason: Reason, out: &mut Out<'_>) {
        if self.ended {
            return;
        }
        if reason.is_clean() {
            self.end = Some(reason);
        } else {
            self.close(reason, out);
        }
    }

    /// The worker ends: closes a connection that has no request under way. Others close with their last response.
    pub(super) fn leave(&mut self, cx: &Cx<'_>, out: &mut Out<'_>) {
        if !cx.realm.is_draining() {
            return;
        }
        let is_idle = self.slots.is_empty() && self.input.is_empty() && self.decoder.is_idle();
        if is_idle && self.reading == Reading::Requests {
            self.close(Reason::Clean, out);
        }
    }

    /// Nothing has come and nothing is held back: how it is after most events of a response.
    fn is_quiet(&self) -> bool {
        self.input.is_empty()
            && self.decoder.is_idle()
            && self.reading == Reading::Requests
            && !(self.closing || self.opened)
            && self.end.is_none()
            && self.tap.is_none()
            && self.slots.len() < limits::PIPELINED_REQUESTS
    }

    /// What arrived next; None when more input or a response is needed.
    pub(crate) fn next(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Option<Incoming> {
        if self.is_quiet() {
            return None;
        }
        while !self.ended {
            if std::mem::take(&mut self.opened) {
                return Some(Incoming::Tunnel(self.first));
            }
            if self.reading == Reading::Stopped || (self.closing && self.open.is_none() && !self.decoder.is_paused()) {
                self.reading = Reading::Stopped;
                self.input.clear();
                self.tap = None;
                self.settle(out);
                return None;
            }
            if self.open.is_none() && self.slots.len() >= limits::PIPELINED_REQUESTS {
                self.hold(cx);
                return None;
            }
            match self.decoder.decode(&mut self.input) {
                Ok(Some(frame)) => {
                    if let Some(incoming) = self.take(frame) {
                        return Some(incoming);
                    }
                }
                Ok(None) if self.reading == Reading::Tunnel => {
                    self.tap = None;
                    let key = self.first;
                    return self.end.take().map(|reason| Incoming::RawEnd(key, reason));
                }
                Ok(None) if self.decoder.is_paused() => return None,
                Ok(None) => {
                    self.tap = None;
                    self.end.as_ref()?;
                    match self.decoder.finish() {
                        Ok(_) => self.reading = Reading::Stopped,
                        Err(error) => self.malformed(cx, &error, out),
                    }
                }
                Err(error) => self.malformed(cx, &error, out),
            }
        }
        None
    }

    fn take(&mut self, frame: Frame<RequestHead>) -> Option<Incoming> {
        Some(match frame {
            Frame::Head(head) => {
                self.requests += 1;
                let mut writer = ResponseWriter::to_request(&head);
                writer.is_last |= self.options.max_messages == self.requests;
                // A tunnel is decided by its response: nothing is read until then anyway.
                self.closing |= writer.is_last;
                let key = self.first + self.slots.len() as u64;
                if self.slots.capacity() == 0 {
                    self.slots = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
                    // Most connections have one request at a time.
                    self.slots.reserve_exact(1);
                }
                self.slots.push_back(Slot::new(writer, self.options.buffer_size));
                self.open = Some(key);
                Incoming::Head(key, head)
            }
            Frame::Body(bytes) => Incoming::Body(self.open?, bytes.into()),
            Frame::End(tail) => {
                let end = MessageEnd {
                    tail: Some(tail_of(tail)),
                    payload: None,
                };
                Incoming::End(self.open.take()?, end)
            }
            Frame::Raw(bytes) => Incoming::Raw(self.first, bytes.into()),
        })
    }

    fn hold(&mut self, cx: &Cx<'_>) {
        if self.tap.is_none() {
            self.tap = cx.tap.as_ref().map(|tap| tap.close());
        }
    }

    fn slot(&mut self, key: u64) -> Option<&mut Slot> {
        let index = usize::try_from(key.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(index)
    }

    /// The pipeline that answers a request; None when the response is complete.
    pub(crate) fn child(&mut self, key: u64) -> Option<&Child> {
        self.slot(key)?.child.as_ref()
    }

    /// Sets it; it is dropped with the request.
    pub(crate) fn set_child(&mut self, key: u64, child: Child) {
        if let Some(slot) = self.slot(key) {
            slot.child = Some(child);
        }
    }

    /// True when the request is the only one.
    pub(super) fn is_alone(&self, key: u64) -> bool {
        key == self.first && self.slots.len() == 1
    }

    /// What has come after the last request, for another protocol.
    pub(super) fn take_rest(&mut self) -> Data {
        self.decoder.start_raw(&mut self.input);
        let mut rest = Data::new();
        while let Some(chunk) = self.input.pop_front() {
            rest.push(chunk);
        }
        rest
    }

    /// The rest of the request whose head `next` has just given, if all of it is there.
    pub(crate) fn rest(&mut self) -> Option<(Data, Tail)> {
        let (body, tail) = self.decoder.rest(&mut self.input)?;
        self.open = None;
        Some((body.into(), tail_of(tail)))
    }

    /// Where request `key` is, and whether the connection closes after its response because a newer version runs.
    fn find(&self, cx: &Cx<'_>, key: u64) -> Option<(usize, bool)> {
        let index = usize::try_from(key.checked_sub(self.first)?).ok()?;
        if self.ended || index >= self.slots.len() {
            return None;
        }
        let is_only = index + 1 == self.slots.len() && self.input.is_empty();
        Some((index, is_only && cx.realm.is_retired()))
    }

    /// Takes a whole response to request `key`, or gives it back; then ask `next`.
    pub(crate) fn respond_whole(
        &mut self,
        cx: &mut Cx<'_>,
        key: u64,
        message: Whole,
        out: &mut Out<'_>,
    ) -> Option<Whole> {
        let (index, is_last) = self.find(cx, key)?;
        let slot = self.slots.get_mut(index)?;
        if !slot.takes(&message) {
            return Some(message);
        }
        let mut bytes = Data::new();
        match slot.answer_whole(&cx.js, message, is_last, &mut bytes) {
            Ok(closes) => {
                self.closing |= closes;
                self.send(cx, index, bytes, out);
            }
            Err(problem) => {
                let reason = report(cx, out, problem);
                self.respond(cx, key, Event::StreamEnd(reason), out);
            }
        }
        None
    }

    /// Takes an event of the response to request `key`; then ask `next`, for there may be room again. The first complete
    /// message counts.
    pub(crate) fn respond(&mut self, cx: &mut Cx<'_>, key: u64, event: Event, out: &mut Out<'_>) {
        let Some((index, is_last)) = self.find(cx, key) else {
            return;
        };
        let Some(slot) = self.slots.get_mut(index) else { return };
        let mut bytes = Data::new();
        match (&slot.outcome, event) {
            (Outcome::Open, Event::StreamEnd(reason)) => {
                if matches!(reason, Reason::Value(_)) && slot.is_unanswered() {
                    // DEVIATES: upstream closes without a word when a script threw.
                    return self.answer(cx, key, http_error::response(500, ""), out);
                }
                let reason = match slot.is_unanswered() {
                    true => reason,
                    // Part of the response is out: the peer must not take it for a whole one.
                    false if reason.is_clean() => Reason::Named(StreamError::ReadError),
                    false => reason,
                };
                slot.outcome = Outcome::Failed(reason);
            }
            (Outcome::Open, event) => match slot.answer(&cx.js, event, is_last, &mut bytes) {
                Ok(closes) => self.closing |= closes,
                Err(problem) => {
                    let reason = report(cx, out, problem);
                    return self.respond(cx, key, Event::StreamEnd(reason), out);
                }
            },
            (Outcome::Tunnel, Event::Data(data)) => bytes = data,
            (Outcome::Tunnel, Event::StreamEnd(reason)) => slot.outcome = Outcome::Failed(reason),
            _ => return,
        }
        self.send(cx, index, bytes, out);
    }

    /// Sends bytes of a response, or keeps them until those before it are sent.
    fn send(&mut self, cx: &Cx<'_>, index: usize, bytes: Data, out: &mut Out<'_>) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        if !bytes.is_empty() {
            if index == 0 && slot.held.is_empty() {
                out.emit(Event::Data(bytes));
            } else {
                slot.held.append(bytes);
                if slot.held.len() >= limits::HTTP_HELD_RESPONSE_BYTES && slot.closed.is_none() {
                    slot.closed = cx.tap.as_ref().map(|tap| tap.close());
                }
            }
        }
        if index == 0 && !matches!(self.slots.front().map(|slot| &slot.outcome), Some(Outcome::Open)) {
            self.settle(out);
        }
    }

    /// Answers request `key`, which is complete, with a constant; false when it takes the usual way.
    pub(crate) fn answer_constant(&mut self, cx: &Cx<'_>, key: u64, constant: &Constant, out: &mut Out<'_>) -> bool {
        if self.ended || cx.realm.is_retired() {
            return false;
        }
        let Some(slot) = self.slot(key).filter(|slot| slot.is_plain()) else {
            return false;
        };
        let Some(bytes) = constant.bytes(cx) else { return false };
        slot.outcome = Outcome::Done { close: false };
        let index = key.saturating_sub(self.first) as usize;
        self.send(cx, index, bytes, out);
        true
    }

    /// Gives request `key` no response: the connection closes after the responses before it.
    pub(crate) fn fail(&mut self, key: u64, reason: Reason, out: &mut Out<'_>) {
        if let Some(slot) = self.slot(key) {
            slot.forget();
            slot.outcome = Outcome::Failed(reason);
            self.settle(out);
        }
    }

    /// The pending request whose key has these lower 32 bits.
    pub(crate) fn key_of(&self, tag: u32) -> Option<u64> {
        (self.first..self.first + self.slots.len() as u64).find(|key| *key as u32 == tag)
    }

    /// Answers request `key` with this message, in place of what its pipeline may have begun.
    pub(crate) fn answer(&mut self, cx: &mut Cx<'_>, key: u64, message: Message, out: &mut Out<'_>) {
        let Some(slot) = self.slot(key) else { return };
        slot.forget();
        for event in message.into_events() {
            self.respond(cx, key, event, out);
        }
    }

    /// Answers request `key`, whose body is still coming, with this status; it is the last one of the connection.
    pub(crate) fn refuse(&mut self, cx: &mut Cx<'_>, key: u64, status: u16, out: &mut Out<'_>) {
        self.open = None;
        self.reading = Reading::Stopped;
        self.closing = true;
        self.input.clear();
        if let Some(slot) = self.slot(key) {
            slot.writer.is_last = true;
        }
        self.answer(cx, key, http_error::response(status, ""), out);
    }

    /// Sends what the order of the responses allows; the end when there is nothing more to come.
    fn settle(&mut self, out: &mut Out<'_>) {
        while let Some(slot) = self.slots.front_mut() {
            if !slot.held.is_empty() {
                out.emit(Event::Data(std::mem::take(&mut slot.held)));
                slot.closed = None;
            }
            match &slot.outcome {
                Outcome::Open => return,
                Outcome::Done { close: false } => {
                    self.slots.pop_front();
                    self.first += 1;
                    self.decoder.resume();
                    if self.slots.is_empty() {
                        self.spare();
                    }
                }
                Outcome::Done { close: true } => return self.close(Reason::Clean, out),
                Outcome::Failed(reason) => {
                    let reason = reason.clone();
                    return self.close(reason, out);
                }
                Outcome::Tunnel => {
                    if self.reading != Reading::Tunnel {
                        self.reading = Reading::Tunnel;
                        self.opened = true;
                        self.closing = false;
                        self.decoder.start_raw(&mut self.input);
                    }
                    return;
                }
            }
        }
        if self.reading == Reading::Stopped && (self.end.is_some() || self.closing) {
            let reason = self.end.take().unwrap_or_default();
            self.close(reason, out);
        }
    }

    /// No request is in progress: the room for them is another connection's.
    fn spare(&mut self) {
        let slots = std::mem::take(&mut self.slots);
        SPARE.with_borrow_mut(|spare| {
            // That of connections that have many at a time is not kept.
            if spare.len() < limits::SPARE_REQUEST_LISTS && slots.capacity() <= 1 {
                spare.push(slots);
            }
        });
    }

    /// Ends the connection; children go.
    fn close(&mut self, reason: Reason, out: &mut Out<'_>) {
        if self.ended {
            return;
        }
        // The sending side is shut down; a client that goes on sending is not read for ever.
        if let Some(source) = &self.source {
            source.disown();
        }
        self.reset();
        self.ended = true;
        out.end(reason);
    }

    /// Answers bytes that are no request, after the good requests before them, and closes. DEVIATES: upstream closes
    /// without a byte, and serves a body cut short as if it were whole (RFC 9112 sections 3 and 8).
    fn malformed(&mut self, cx: &mut Cx<'_>, error: &http1::Error, out: &mut Out<'_>) {
        tracing::debug!(target: "http", %error, "not a request");
        let open = self.open.take();
        self.reading = Reading::Stopped;
        self.closing = true;
        self.input.clear();
        let key = match open {
            None => {
                let writer = ResponseWriter {
                    is_last: true,
                    keep_version: false,
                    to: Expect::Other,
                    ..ResponseWriter::default()
                };
                self.slots.push_back(Slot::new(writer, 0));
                self.first + self.slots.len() as u64 - 1
            }
            Some(key) => key,
        };
        let Some(slot) = self.slot(key) else {
            // Answered before the body was complete.
            return self.settle(out);
        };
        if slot.is_unanswered() {
            slot.writer.is_last = true;
            return self.answer(cx, key, http_error::response(error.status(), ""), out);
        }
        match slot.outcome {
            Outcome::Open => {
                slot.child = None;
                slot.outcome = Outcome::Failed(Reason::Named(StreamError::ProtocolError));
            }
            Outcome::Done { ref mut close } => *close = true,
            Outcome::Tunnel | Outcome::Failed(_) => {}
        }
        self.settle(out);
    }
}

/// A message's tail as a decoder measured it.
pub(super) fn tail_of(tail: http1::Tail) -> Tail {
    Tail::Sizes {
        head: tail.head_size,
        body: usize::try_from(tail.body_size).unwrap_or(usize::MAX),
    }
}
