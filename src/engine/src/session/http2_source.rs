//! The receiving side of an HTTP/2 stream as a source of its own: who cannot take more of one stream stops that stream, not the
//! connection. Source: pipyjs/http.md section 7; RFC 9113 5.2.

use crate::limits;
use crate::pipeline::{Closed, Tap, Task, spawn};
use ballast_codec::http2::{Connection, StreamId};
use std::future::poll_fn;
use std::rc::Rc;

/// See the module.
#[derive(Default)]
pub(super) struct Source {
    tap: Option<Rc<Tap>>,
    /// Bytes that were passed on while the tap was closed: the peer gets no window for them yet.
    withheld: usize,
    /// Of those, bytes that the connection got window for: who is slow does not stop the other streams.
    kept: usize,
    waiting: Option<Task>,
}

impl Source {
    /// What is sent on the stream is more than the peer takes: its writer waits. So does what the peer sends, when it does not even
    /// take the answers to that, `control` bytes.
    pub(super) fn hold_back(&mut self, writer: Option<&Rc<Tap>>, control: usize, blocked: &mut Vec<Closed>) {
        let own = (control > limits::HTTP2_SEND_BYTES).then(|| self.tap());
        for tap in writer.into_iter().chain(&own) {
            if !blocked.iter().any(|closed| closed.is_of(tap)) {
                blocked.push(tap.close());
            }
        }
    }

    /// The tap of the stream.
    pub(super) fn tap(&mut self) -> Rc<Tap> {
        self.tap.get_or_insert_with(Rc::default).clone()
    }

    /// Bytes of the stream are passed on. `reopened` is called, in no turn, when a tap that is closed now opens again.
    pub(super) fn passed(
        &mut self,
        count: usize,
        connection: &mut Connection,
        stream: StreamId,
        reopened: impl FnOnce() + 'static,
    ) {
        let tap = match &self.tap {
            Some(tap) if !tap.is_open() => tap.clone(),
            _ => return connection.release(stream, count),
        };
        self.withheld += count;
        self.kept += connection.keep(stream, count);
        if self.waiting.is_none() {
            self.waiting = Some(spawn(async move {
                poll_fn(|cx| tap.poll_open(cx)).await;
                reopened();
            }));
        }
    }

    /// Keeps back the window for bytes that nobody has taken yet.
    pub(super) fn withhold(&mut self, count: usize) {
        self.withheld += count;
    }

    /// The tap has opened, or what was kept back has been passed on.
    pub(super) fn release(&mut self, connection: &mut Connection, stream: StreamId) {
        self.waiting = None;
        self.kept = 0;
        connection.release(stream, std::mem::take(&mut self.withheld));
    }

    /// The stream has ended: nobody will ask for the rest of its window, but the connection gets it.
    pub(super) fn ended(&mut self, connection: &mut Connection, stream: StreamId) {
        connection.release(stream, self.withheld - self.kept);
        *self = Source::default();
    }
}
