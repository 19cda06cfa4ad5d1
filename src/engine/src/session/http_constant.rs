//! A response that is the same for each request: made into bytes once, and again after scripts have run, which alone
//! could have changed it. Not for requests that make a difference (HEAD, HTTP/1.0, the last one of a connection).
//! Source: pipyjs/http.md section 4; globals.md section 3 (a Message is read at each use).

use super::http_encode::Encoder;
use super::http_response::ResponseWriter;
use crate::data::Data;
use crate::event::{HeadKind, MessageStart};
use crate::js;
use crate::message::Message;
use crate::pipeline::Cx;
use crate::value::Saved;
use std::cell::RefCell;

/// See the module.
pub(crate) struct Constant {
    value: Saved,
    buffer_size: usize,
    ready: RefCell<Option<Ready>>,
    /// The realm's count of script calls when it was made; None: it cannot be sent as it is.
    message: RefCell<Option<(u64, Option<Message>)>>,
}

struct Ready {
    /// The realm's count of script calls when it was made.
    calls: u64,
    /// None: it cannot be sent as it is; the usual way finds out why.
    bytes: Option<Data>,
}

impl Constant {
    /// Of a Message; `buffer_size` as for `Encoder::new`.
    pub(crate) fn new(value: Saved, buffer_size: usize) -> Self {
        Constant {
            value,
            buffer_size,
            ready: RefCell::new(None),
            message: RefCell::new(None),
        }
    }

    /// The Message.
    pub(crate) fn value(&self) -> &Saved {
        &self.value
    }

    /// What a request of HTTP/1.1 is answered with that lets the connection stay.
    pub(super) fn bytes(&self, cx: &Cx<'_>) -> Option<Data> {
        let calls = cx.realm.clock.calls();
        if let Some(ready) = &*self.ready.borrow()
            && ready.calls == calls
        {
            return ready.bytes.clone();
        }
        let bytes = self.encode(cx);
        *self.ready.borrow_mut() = Some(Ready {
            calls,
            bytes: bytes.clone(),
        });
        bytes
    }

    /// The Message with a native head, for HTTP/2: made anew, too, only after scripts have run.
    pub(super) fn message(&self, cx: &Cx<'_>) -> Option<Message> {
        let calls = cx.realm.clock.calls();
        if let Some((made, message)) = &*self.message.borrow()
            && *made == calls
        {
            return message.clone();
        }
        let message = self.resolve(cx);
        *self.message.borrow_mut() = Some((calls, message.clone()));
        message
    }

    fn resolve(&self, cx: &Cx<'_>) -> Option<Message> {
        let mut message = js::message_of(&cx.js, &self.value.get(&cx.js))?;
        let head = js::response_of(&cx.js, message.head.as_ref());
        let head = head
            .inspect_err(|_| {
                cx.js.catch();
            })
            .ok()?;
        message.head = MessageStart::new(HeadKind::Response(head)).head;
        Some(message)
    }

    fn encode(&self, cx: &Cx<'_>) -> Option<Data> {
        let message = js::message_of(&cx.js, &self.value.get(&cx.js))?;
        let mut encoder = Encoder::new(self.buffer_size);
        let mut bytes = Data::new();
        let mut is_done = false;
        for event in message.into_events() {
            let step = encoder.event(&cx.js, &ResponseWriter::to_plain(), event, &mut bytes);
            let step = step
                .inspect_err(|_| {
                    cx.js.catch();
                })
                .ok()?;
            if step
                .started
                .is_some_and(|info| info.close || info.interim || info.tunnel)
            {
                return None;
            }
            is_done |= step.done;
        }
        is_done.then_some(bytes)
    }
}
