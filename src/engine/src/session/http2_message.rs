//! A message on its way out over an HTTP/2 stream: events into head, data and trailers. What comes in one turn leaves
//! together, so that a short message is one or two frames; nothing is collected beyond the turn.
//! Not for who sends: http2_server.rs, http2_session.rs. Source: pipyjs/http.md sections 1, 3 and 5; RFC 9113 8.1.

use super::http_encode::Problem;
use crate::data::Data;
use crate::event::{Event, Head, HeadKind};
use crate::js;
use crate::limits;
use ballast_codec::http1::Headers;
use ballast_codec::http2::{Room, SendError};
use bytes::Bytes;
use rquickjs::Ctx;
use std::rc::Rc;

/// What is known of the rest of a message when its head is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// All of it: bytes of the body, and whether there are trailers.
    Whole(usize, bool),
    /// Something may follow.
    Open,
}

/// What a head means for what follows it.
#[derive(Clone, Copy, Default)]
pub(super) struct HeadInfo {
    /// 1xx: another head follows.
    pub interim: bool,
    /// Whatever body was given is not sent.
    pub bodiless: bool,
    /// The stream becomes a tunnel at the end of the message.
    pub tunnel: bool,
    /// The head ended the stream.
    pub ended: bool,
}

/// One stream of a connection, for sending.
pub(super) trait Line {
    /// Writes a head.
    ///
    /// # Errors  See [`Problem`]; nothing was written then.
    fn head(&mut self, js: &Ctx<'_>, head: Option<&Rc<Head>>, rest: Rest) -> Result<HeadInfo, Problem>;

    /// Writes a piece of the body.
    ///
    /// # Errors  The stream has ended.
    fn data(&mut self, bytes: Bytes, end: bool) -> Result<Room, SendError>;

    /// Writes trailers, which end the stream.
    ///
    /// # Errors  The stream has ended.
    fn trailers(&mut self, headers: Headers) -> Result<(), SendError>;
}

#[derive(Default)]
enum Stage {
    /// Before a head.
    #[default]
    Idle,
    /// A head waits for what may go with it.
    Held(Option<Rc<Head>>),
    /// The head is out.
    Sending(HeadInfo),
    /// Raw bytes.
    Tunnel,
    /// Nothing may follow.
    Done,
}

/// See the module.
#[derive(Default)]
pub(super) struct Outgoing {
    stage: Stage,
    body: Data,
}

/// What an event led to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// More may come, or has to be passed on at the end of the turn.
    More,
    /// The message is complete.
    Done,
    /// The message is complete, and made a tunnel of the stream.
    Opened,
}

impl Outgoing {
    /// True while nothing has left.
    pub(super) fn is_unsent(&self) -> bool {
        matches!(self.stage, Stage::Idle | Stage::Held(_))
    }

    /// True for a tunnel.
    pub(super) fn is_tunnel(&self) -> bool {
        matches!(self.stage, Stage::Tunnel)
    }

    /// True when the message is complete.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// Makes a script's head native by `read`.
    ///
    /// # Errors  Those of `read`; the message is forgotten then.
    pub(super) fn resolve(&mut self, read: impl FnOnce(Option<&Rc<Head>>) -> js::Result<HeadKind>) -> js::Result<()> {
        if let Stage::Held(Some(head)) = &self.stage
            && matches!(&*head.0.borrow(), HeadKind::Js(_))
        {
            let native = read(Some(head));
            let native = native.inspect_err(|_| self.forget())?;
            self.stage = Stage::Held(Some(Rc::new(Head::new(native))));
        }
        Ok(())
    }

    /// Forgets what has not left.
    pub(super) fn forget(&mut self) {
        self.stage = Stage::Idle;
        self.body = Data::new();
    }

    /// Takes MessageStart, Data or MessageEnd of the message; of a tunnel Data, and StreamEnd for its end. What is out of place is left
    /// out.
    ///
    /// # Errors  The head cannot be sent (then the message is forgotten), or the stream has ended.
    pub(super) fn event(
        &mut self,
        js: &Ctx<'_>,
        event: Event,
        line: &mut impl Line,
        room: &mut Room,
    ) -> Result<Progress, Problem> {
        match (event, &mut self.stage) {
            (Event::MessageStart(start), Stage::Idle) => self.stage = Stage::Held(start.head),
            (Event::Data(_), Stage::Sending(HeadInfo { bodiless: true, .. })) => {}
            (Event::Data(data), Stage::Held(_) | Stage::Sending(_) | Stage::Tunnel) => {
                self.body.append(data);
                if self.body.len() >= limits::HTTP2_GATHERED_BYTES {
                    self.pass_on(js, line, room)?;
                }
            }
            (Event::MessageEnd(end), Stage::Held(_) | Stage::Sending(_)) => {
                let trailers = js::trailers_of(js, end.tail.as_ref())?;
                return self.end(js, trailers, line, room);
            }
            (Event::StreamEnd(_), Stage::Tunnel) => {
                self.stage = Stage::Done;
                self.send_body(true, line, room)?;
                return Ok(Progress::Done);
            }
            _ => {}
        }
        Ok(Progress::More)
    }

    fn end(
        &mut self,
        js: &Ctx<'_>,
        trailers: Option<Rc<Headers>>,
        line: &mut impl Line,
        room: &mut Room,
    ) -> Result<Progress, Problem> {
        let rest = Rest::Whole(self.body.len(), trailers.is_some());
        let info = match std::mem::take(&mut self.stage) {
            Stage::Held(head) => line
                .head(js, head.as_ref(), rest)
                .inspect_err(|_| self.body = Data::new())?,
            Stage::Sending(info) => info,
            _ => return Ok(Progress::More),
        };
        if info.interim || info.tunnel || info.ended {
            self.body = Data::new();
        }
        if info.interim {
            return Ok(Progress::More);
        }
        if info.tunnel {
            self.stage = Stage::Tunnel;
            return Ok(Progress::Opened);
        }
        self.stage = Stage::Done;
        match trailers.filter(|_| !info.ended && !info.bodiless) {
            Some(trailers) => {
                self.send_body(false, line, room)?;
                line.trailers(Headers::clone(&trailers))?;
            }
            None if info.ended => {}
            None => self.send_body(true, line, room)?,
        }
        Ok(Progress::Done)
    }

    /// Sends what waits: at the end of the turn, or when it has become much.
    ///
    /// # Errors  As `event`.
    pub(super) fn pass_on(&mut self, js: &Ctx<'_>, line: &mut impl Line, room: &mut Room) -> Result<(), Problem> {
        if let Stage::Held(_) = self.stage
            && let Stage::Held(head) = std::mem::take(&mut self.stage)
        {
            let info = line
                .head(js, head.as_ref(), Rest::Open)
                .inspect_err(|_| self.body = Data::new())?;
            self.stage = Stage::Sending(info);
            if info.bodiless || info.interim {
                self.body = Data::new();
            }
        }
        match self.stage {
            Stage::Sending(_) | Stage::Tunnel if !self.body.is_empty() => Ok(self.send_body(false, line, room)?),
            _ => Ok(()),
        }
    }

    fn send_body(&mut self, end: bool, line: &mut impl Line, room: &mut Room) -> Result<(), SendError> {
        let mut body = std::mem::take(&mut self.body);
        while let Some(chunk) = body.pop_chunk() {
            let last = end && body.is_empty();
            if line.data(chunk, last)? == Room::Full {
                *room = Room::Full;
            }
            if last {
                return Ok(());
            }
        }
        if end {
            line.data(Bytes::new(), true)?;
        }
        Ok(())
    }
}

/// Whether `content-length` of these headers is another number than `size`: then a script has changed the body.
pub(super) fn has_other_length(headers: &Headers, size: usize) -> bool {
    headers
        .get("content-length")
        .is_some_and(|given| given != itoa(size).as_bytes())
}

/// Decimal digits.
pub(super) fn itoa(number: usize) -> String {
    number.to_string()
}
