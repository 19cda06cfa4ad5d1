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
use crate::pipeline::{Cx, Port, Task, Wake, spawn};
use ballast_codec::http2::{ErrorCode, SendError};
use std::rc::Rc;
use std::time::Duration;

/// How a server says that it has not looked at a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cause {
    /// It takes no more over this connection.
    Goodbye,
    /// RST_STREAM with REFUSED_STREAM: this request, now; nothing is said of others.
    Reset,
}

/// A request that is to be sent again.
pub(super) struct Refused {
    kept: Kept,
    /// Wakes the filter; None: it may be sent now.
    pause: Option<Task>,
}

/// A request as it was given so far.
pub(crate) struct Kept {
    start: Option<Event>,
    body: Data,
    end: Option<Event>,
    share: Share,
    /// It cannot be sent again: the response has begun, or it is too long.
    is_lost: bool,
    times: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Kept {
            start: None,
            body: Data::new(),
            end: None,
            share: Share::of_copies(),
            is_lost: false,
            times: 0,
        }
    }
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
                false => self.refuse(cx, inner, call, Cause::Goodbye),
            }
            self.rest(cx, inner);
        }
    }

    /// The server has not looked at this request: its filter sends it again, after a pause. If it is not kept any more, or was sent
    /// too often, it fails.
    pub(super) fn refuse(self: &Rc<Self>, cx: &Cx<'_>, inner: &mut Inner, mut call: Call, cause: Cause) {
        inner.refusals += 1;
        // RFC 9113 8.7: one refused stream says nothing of the session, but a server that refuses all may be one that has gone.
        inner.is_leaving |= cause == Cause::Goodbye || inner.refusals >= limits::HTTP2_REFUSALS;
        let most = match cause {
            Cause::Reset => limits::HTTP2_REFUSED_AGAIN,
            // A session that has served some makes progress; one that has not may be all that there is to expect.
            Cause::Goodbye if inner.has_served => limits::HTTP2_GOODBYE_AGAIN,
            Cause::Goodbye => limits::HTTP2_UNSERVED_AGAIN,
        };
        let port = call
            .port
            .clone()
            .filter(|_| !call.kept.is_lost && call.kept.times < most);
        let Some(port) = port else {
            return call.fail(cx, &Reason::Named(StreamError::ConnectionReset));
        };
        call.kept.times += 1;
        let wait = pause(cause, call.kept.times);
        let pause = match wait.is_zero() {
            true => {
                port.wake_soon(&cx.realm, Wake::Gate);
                None
            }
            false => Some(self.wake_later(call.id, port, wait)),
        };
        inner.refused.insert(call.id, Refused { kept: call.kept, pause });
    }

    fn wake_later(self: &Rc<Self>, id: usize, port: Port, wait: Duration) -> Task {
        let session = self.me.clone();
        spawn(async move {
            tokio::time::sleep(wait).await;
            let Some(session) = session.upgrade() else { return };
            if let Some(refused) = session.inner.borrow_mut().refused.get_mut(&id) {
                refused.pause = None;
            }
            if let Some(realm) = session.realm.upgrade() {
                port.wake(&realm, Wake::Gate);
            }
        })
    }
}

/// How long to wait before a request is sent again, which was so often before. A server that says goodbye in good order is asked elsewhere at
/// once; who is refused once more waits, each its own time, so that not all come again together.
fn pause(cause: Cause, times: usize) -> Duration {
    let doublings = match cause {
        Cause::Goodbye => times.saturating_sub(2),
        Cause::Reset => times.saturating_sub(1),
    };
    if cause == Cause::Goodbye && times < 2 {
        return Duration::ZERO;
    }
    let (first, longest) = limits::HTTP2_AGAIN_PAUSE;
    let factor = u32::try_from(doublings).ok().and_then(|count| 1_u32.checked_shl(count));
    let wait = first.saturating_mul(factor.unwrap_or(u32::MAX)).min(longest);
    wait.mul_f64(0.5 + fastrand::f64() / 2.0)
}

impl Call2 {
    /// The request, if the server has not looked at it and it may be sent again now.
    pub(crate) fn take_refused(&self) -> Option<Kept> {
        let inner = &mut *self.session.inner.borrow_mut();
        if inner.refused.get(&self.id)?.pause.is_some() {
            return None;
        }
        inner.refused.remove(&self.id).map(|refused| refused.kept)
    }

    /// True while the request waits to be sent again.
    pub(super) fn is_resting(&self) -> bool {
        let inner = self.session.inner.borrow();
        inner
            .refused
            .get(&self.id)
            .is_some_and(|refused| refused.pause.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::{Cause, Data, Duration, Event, Kept, limits, pause};
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
            budget::set(budget * limits::HTTP2_AGAIN_PART, 0);
            let mut kept = Kept::default();
            kept.add(&Event::MessageStart(MessageStart::default()));
            for &size in &sizes {
                kept.add(&Event::Data(Data::from(vec![7; size])));
            }
            kept.add(&Event::MessageEnd(MessageEnd::default()));
            let total: usize = sizes.iter().sum();
            assert_eq!(kept.is_lost, !is_kept, "{name}");
            assert_eq!(budget::copies(), if is_kept { total } else { 0 }, "{name}");
            assert_eq!(budget::used().0, 0, "{name}: filters keep what they have");
            let expected = if is_kept {
                format!("start {total} end ")
            } else {
                String::new()
            };
            assert_eq!(events(kept), expected, "{name}");
            assert_eq!(budget::copies(), 0, "{name}: given back");
        }
    }

    #[test]
    fn pauses_grow_to_a_bound_and_differ() {
        let (first, longest) = limits::HTTP2_AGAIN_PAUSE;
        for (cause, times, whole) in [
            (Cause::Goodbye, 1, Duration::ZERO),
            (Cause::Goodbye, 2, first),
            (Cause::Goodbye, 3, 2 * first),
            (Cause::Goodbye, limits::HTTP2_GOODBYE_AGAIN, longest),
            (Cause::Reset, 1, first),
            (Cause::Reset, 2, 2 * first),
            (Cause::Reset, usize::MAX, longest),
        ] {
            let waits: Vec<Duration> = (0..50).map(|_| pause(cause, times)).collect();
            let is_in_bounds = |wait: &Duration| (whole / 2..=whole).contains(wait);
            assert!(waits.iter().all(is_in_bounds), "{cause:?} {times}: {waits:?}");
            let is_chance = waits.iter().any(|wait| wait != &waits[0]);
            assert_eq!(is_chance, !whole.is_zero(), "{cause:?} {times}");
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
