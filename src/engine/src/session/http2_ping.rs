//! PINGs that a script wants to send on an HTTP/2 session. Source: pipyjs/http.md section 5, option `ping`.

use super::http2_client::Http2Session;
use crate::data::Data;
use crate::event::Event;
use crate::js;
use crate::pipeline::{Cx, Realm, Work};
use bytes::Bytes;
use rquickjs::Value;
use std::rc::Rc;

impl Http2Session {
    /// `ping` of the options is asked what to send.
    pub(super) fn ask_for_ping(self: &Rc<Self>, cx: &mut Cx<'_>, answer: Option<[u8; 8]>) {
        let (Some(callback), Some(context)) = (&self.options.ping, self.context()) else {
            return;
        };
        let answer =
            answer.map(|payload| js::to_js(&cx.js, &Event::Data(Data::from(Bytes::copy_from_slice(&payload)))));
        let result = match answer {
            None => cx.call_in(&context, callback, ()),
            Some(Ok(value)) => cx.call_in(&context, callback, (value,)),
            Some(Err(error)) => Err(error),
        };
        match result {
            Ok(value) => self.ping(cx, &value),
            Err(error) => drop(cx.failed("muxHTTP ping", error)),
        }
    }

    /// Sends a PING of eight bytes, now or when the promise of them is fulfilled; anything else sends none.
    pub(super) fn ping<'js>(self: &Rc<Self>, cx: &mut Cx<'js>, value: &Value<'js>) {
        if let Some(promise) = js::promise_of(value) {
            let (session, realm) = (self.me.clone(), self.realm.clone());
            let watching = js::on_settled(&cx.js, &promise, move |settled| {
                if let (Some(session), Some(realm), Ok(value)) = (session.upgrade(), realm.upgrade(), settled) {
                    session.inner.borrow_mut().ping = Some(value);
                    session.wake_soon(&realm);
                }
            });
            if let Err(error) = watching {
                cx.failed("muxHTTP ping", error);
            }
            return;
        }
        let data = js::value_to_data(&cx.js, value).map(|data| data.to_vec());
        if let Some(payload) = data.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()) {
            let inner = &mut *self.inner.borrow_mut();
            inner.connection.ping(payload);
            self.batch(inner);
        }
    }

    /// Has `received` called later in this turn.
    fn wake_soon(&self, realm: &Realm) {
        if let Some(child) = &self.inner.borrow().child {
            // Beyond the last filter: the output, which comes back here.
            realm.defer(Work::Input(child.instance().clone(), usize::MAX, Event::flush()));
        }
    }
}
