//! Requests that an HTTP/2 server has not looked at, and that are sent again: those above the last stream of its GOAWAY, and those that
//! it reset with REFUSED_STREAM. Each is kept for that until its response begins, or until it is too long.
//! Source: pipyjs/http.md section 5 "let them finish"; RFC 9113 6.8, 8.7.

use super::http_encode::Problem;
use super::http2_call::Call;
use super::http2_client::{Call2, Http2Session, Inner};
use crate::budget::Share;
use crate::data::Data;
use crate::event::{Event, Reason, StreamError};
use crate::js;
use crate::limits;
use crate::pipeline::{Cx, Wake};
use ballast_codec::http2::{ErrorCode, SendError};
use std::rc::Rc;

/// A request as it was given so far.
#[derive(Default)]
pub(crate) struct Kept {
    start: Option<Event>,
    body: Data,
    end: Option<Event>,
    share: Share,
    /// It cannot be sent again: the response has begun, or it is too long.
    is_lost: bool,
    times: usize,
}

impl Kept {
    /// One that has been sent so often before.
    pub(super) fn sent(times: usize) -> Self {
        Kept {
            times,
            ..Kept::default()
        }
    }

    /// Takes the next event.
    pub(super) fn add(&mut self, event: &Event) {
        if self.is_lost {
            return;
        }
        match event {
            Event::MessageStart(_) if self.start.is_none() => self.start = Some(event.clone()),
            Event::Data(data) if data.is_empty() => {}
            Event::Data(data) if self.end.is_none() && self.has_room(data.len()) => {
                // A few bytes must not keep the block that they were read into.
                self.body.append(match data.len() < limits::SMALL_CHUNK_BYTES {
                    true => Data::from(data.to_vec()),
                    false => data.clone(),
                });
            }
            Event::MessageEnd(_) if self.end.is_none() => self.end = Some(event.clone()),
            // What follows a message are the bytes of a tunnel.
            _ => self.forget(),
        }
    }

    fn has_room(&mut self, bytes: usize) -> bool {
        self.body.len() + bytes <= limits::HTTP2_AGAIN_BYTES && self.share.grow(bytes)
    }

    /// It will not be sent again.
    pub(super) fn forget(&mut self) {
        *self = Kept {
            is_lost: true,
            ..Kept::default()
        };
    }

    /// How often it has been sent.
    pub(crate) fn times(&self) -> usize {
        self.times
    }

    /// What was given of it.
    pub(crate) fn into_events(self) -> impl Iterator<Item = Event> {
        let body = Some(self.body).filter(|body| !body.is_empty()).map(Event::Data);
        [self.start, body, self.end].into_iter().flatten()
    }
}

impl Http2Session {
    /// A request that cannot be sent fails alone.
    pub(super) fn unsendable(self: &Rc<Self>, cx: &mut Cx<'_>, key: usize, problem: Problem) {
        let mut was_sent = true;
        let reason = match problem {
            Problem::Http2(SendError::Closed | SendError::TooManyStreams | SendError::GoingAway) => {
                was_sent = false;
                Reason::Named(StreamError::ConnectionReset)
            }
            Problem::Http2(error) => {
                let error = js::throw_error(&cx.js, &error.to_string());
                cx.failed("muxHTTP", error)
            }
            Problem::Head(error) => {
                let error = js::throw_error(&cx.js, &error.to_string());
                cx.failed("muxHTTP", error)
            }
            Problem::Script(error) => cx.failed("muxHTTP", error),
        };
        let inner = &mut *self.inner.borrow_mut();
        if let Some(call) = inner.calls.try_remove(key) {
            if let Some(stream) = call.stream {
                was_sent = true;
                inner.keys.remove(&stream);
                inner.connection.reset(stream, ErrorCode::CANCEL);
            }
            match was_sent {
                true => call.fail(cx, &reason),
                false => Self::refuse(cx, inner, call),
            }
            self.rest(cx, inner);
        }
    }

    /// The server has not looked at this request: its filter sends it over another session. If it is not kept any more, or was sent
    /// too often, it fails.
    pub(super) fn refuse(cx: &Cx<'_>, inner: &mut Inner, mut call: Call) {
        inner.is_leaving = true;
        // A session that has served some makes progress; one that has not may be all that there is to expect.
        let most = if inner.has_served {
            limits::HTTP2_GOODBYE_AGAIN
        } else {
            limits::HTTP2_REFUSED_AGAIN
        };
        let work = call.port.as_ref().and_then(|port| port.waking(Wake::Gate));
        match work {
            Some(work) if !call.kept.is_lost && call.kept.times < most => {
                call.kept.times += 1;
                inner.refused.insert(call.id, call.kept);
                cx.realm.defer(work);
            }
            _ => call.fail(cx, &Reason::Named(StreamError::ConnectionReset)),
        }
    }
}

impl Call2 {
    /// The request, if the server has not looked at it: it is to be sent again.
    pub(crate) fn take_refused(&self) -> Option<Kept> {
        let inner = &mut *self.session.inner.borrow_mut();
        if inner.refused.is_empty() {
            return None;
        }
        inner.refused.remove(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::{Data, Event, Kept, limits};
    use crate::budget;
    use crate::event::{MessageEnd, MessageStart};

    fn events(kept: Kept) -> String {
        let name = |event| match event {
            Event::MessageStart(_) => "start ".to_owned(),
            Event::Data(data) => format!("{} ", data.len()),
            Event::MessageEnd(_) => "end ".to_owned(),
            Event::StreamEnd(_) => "over ".to_owned(),
        };
        kept.into_events().map(name).collect()
    }

    #[test]
    fn a_request_is_kept_up_to_a_bound_and_counted() {
        let room = limits::HTTP2_AGAIN_BYTES;
        for (name, budget, sizes, is_kept) in [
            ("short", 1 << 20, vec![3, 0, 2000], true),
            ("as long as may be", 1 << 20, vec![room - 1, 1], true),
            ("too long", 1 << 20, vec![room, 1], false),
            ("more than the worker has", 2000, vec![1000, 1001], false),
        ] {
            budget::set(budget, 0);
            let mut kept = Kept::default();
            kept.add(&Event::MessageStart(MessageStart::default()));
            for &size in &sizes {
                kept.add(&Event::Data(Data::from(vec![7; size])));
            }
            kept.add(&Event::MessageEnd(MessageEnd::default()));
            let total: usize = sizes.iter().sum();
            assert_eq!(kept.is_lost, !is_kept, "{name}");
            assert_eq!(budget::used().0, if is_kept { total } else { 0 }, "{name}");
            let expected = if is_kept {
                format!("start {total} end ")
            } else {
                String::new()
            };
            assert_eq!(events(kept), expected, "{name}");
            assert_eq!(budget::used().0, 0, "{name}: given back");
        }
    }

    #[test]
    fn a_tunnel_is_not_kept() {
        let mut kept = Kept::default();
        kept.add(&Event::MessageStart(MessageStart::default()));
        kept.add(&Event::MessageEnd(MessageEnd::default()));
        assert!(!kept.is_lost);
        kept.add(&Event::Data(Data::from(vec![7])));
        assert!(kept.is_lost);
    }
}
