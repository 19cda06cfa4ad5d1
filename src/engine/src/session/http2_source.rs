//! The receiving side of an HTTP/2 stream as a source of its own: who cannot take more of one stream stops that stream, not the
//! connection. Source: pipyjs/http.md section 7; RFC 9113 5.2.

use crate::pipeline::{Tap, Task, spawn};
use ballast_codec::http2::{Connection, StreamId};
use std::future::poll_fn;
use std::rc::Rc;

/// See the module.
#[derive(Default)]
pub(super) struct Source {
    tap: Option<Rc<Tap>>,
    /// Bytes that were passed on while the tap was closed: the peer gets no window for them yet.
    withheld: usize,
    waiting: Option<Task>,
}

impl Source {
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
        connection.release(stream, std::mem::take(&mut self.withheld));
    }
}
