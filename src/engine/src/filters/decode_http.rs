//! `decodeHTTPRequest(fn?)`, `decodeHTTPResponse(fn?)`: bytes into HTTP/1 messages.
//! Example: `.decodeHTTPResponse(() => ({ method: 'HEAD' }))`. Source: pipyjs/filters.md section 8, http.md section 2.

use crate::event::{Event, HeadKind, MessageEnd, MessageStart, Reason, StreamError, Tail};
use crate::js::{self, Callback};
use crate::pipeline::{Build, Cx, Filter, Make, Out, Spec, Subs, Wake};
use crate::session::http_error;
use ballast_codec::Chunks;
use ballast_codec::http1::{self, Expect, Frame, Limits, Method, RequestDecoder, ResponseDecoder};
use std::rc::Rc;

pub(super) static REQUEST: Spec = Spec {
    name: "decodeHTTPRequest",
    args: "(fn?)",
    about: "decodes HTTP/1 requests",
    subs: Subs::None,
    build: |_| {
        Ok(Rc::new(|| {
            Box::new(DecodeRequest {
                decoder: RequestDecoder::new(Limits::default()),
                input: Chunks::new(),
                tunnels: false,
            })
        }))
    },
};

pub(super) static RESPONSE: Spec = Spec {
    name: "decodeHTTPResponse",
    args: "(fn?)",
    about: "decodes HTTP/1 responses; fn() gives { method } of the request",
    subs: Subs::None,
    build: response,
};

fn response(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let request = build.optional_callback(0);
    Ok(Rc::new(move || {
        Box::new(DecodeResponse {
            request: request.clone(),
            decoder: ResponseDecoder::new(Limits::default()),
            input: Chunks::new(),
            started: false,
        })
    }))
}

struct DecodeRequest {
    decoder: RequestDecoder,
    input: Chunks,
    /// The request being read is a CONNECT or asks for an upgrade.
    tunnels: bool,
}

struct DecodeResponse {
    request: Option<Callback>,
    decoder: ResponseDecoder,
    input: Chunks,
    /// The head of the response being read was given out.
    started: bool,
}

fn end_of(tail: http1::Tail) -> Event {
    Event::MessageEnd(MessageEnd {
        tail: Some(Tail::Sizes {
            head: tail.head_size,
            body: usize::try_from(tail.body_size).unwrap_or(usize::MAX),
        }),
        payload: None,
    })
}

impl DecodeRequest {
    fn decode(&mut self, out: &mut Out<'_>) {
        loop {
            match self.decoder.decode(&mut self.input) {
                Ok(Some(Frame::Head(head))) => {
                    self.tunnels = head.method == Method::Connect || head.is_upgrade() && !is_h2c(&head);
                    out.emit(Event::MessageStart(MessageStart::new(HeadKind::Request(head))));
                }
                Ok(Some(Frame::Body(bytes) | Frame::Raw(bytes))) => out.emit(Event::Data(bytes.into())),
                Ok(Some(Frame::End(tail))) => out.emit(end_of(tail)),
                // The response is not seen here: what asks for a tunnel is taken to get it (`acceptHTTPTunnel`).
                Ok(None) if self.decoder.is_paused() && self.tunnels => self.decoder.start_raw(&mut self.input),
                Ok(None) if self.decoder.is_paused() => self.decoder.resume(),
                Ok(None) => return,
                Err(error) => return broken(&error, &mut self.input, out),
            }
        }
    }
}

fn is_h2c(head: &http1::RequestHead) -> bool {
    head.headers.has_token("upgrade", "h2c")
}

fn broken(error: &http1::Error, input: &mut Chunks, out: &mut Out<'_>) {
    tracing::debug!(target: "http", %error, "not HTTP");
    input.clear();
    out.emit(StreamError::ProtocolError.into());
}

impl Filter for DecodeRequest {
    fn process(&mut self, _cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::Data(data) => {
                self.input.extend(data);
                self.decode(out);
            }
            Event::StreamEnd(reason) => {
                self.input.clear();
                out.end(reason);
            }
            Event::MessageStart(_) | Event::MessageEnd(_) => {}
        }
    }

    fn reset(&mut self) {
        self.decoder.reset();
        self.input.clear();
        self.tunnels = false;
    }
}

impl DecodeResponse {
    fn decode(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) {
        loop {
            if let Err(reason) = self.expect(cx, out) {
                return out.end(reason);
            }
            match self.decoder.decode(&mut self.input) {
                Ok(Some(Frame::Head(head))) => {
                    self.started = !head.is_interim();
                    out.emit(Event::MessageStart(MessageStart::new(HeadKind::Response(head))));
                }
                Ok(Some(Frame::Body(bytes) | Frame::Raw(bytes))) => out.emit(Event::Data(bytes.into())),
                Ok(Some(Frame::End(tail))) => {
                    self.started = false;
                    out.emit(end_of(tail));
                    if self.request.is_some() {
                        // What this response means to the filters below decides what the callback says of the next one.
                        return out.go_on_after();
                    }
                }
                Ok(None) => return,
                Err(error) => return broken(&error, &mut self.input, out),
            }
        }
    }

    /// Asks for the request's method when the first bytes of a response are there.
    fn expect(&mut self, cx: &mut Cx<'_>, out: &Out<'_>) -> Result<(), Reason> {
        let Some(callback) = &self.request else { return Ok(()) };
        if self.input.is_empty() || !self.decoder.is_idle() || self.decoder.pending() > 0 {
            return Ok(());
        }
        let value = cx.call(out, callback, ())?;
        let method = match value.as_object() {
            Some(object) => object.get::<_, Option<String>>("method"),
            None => Ok(None),
        };
        let method = method.map_err(|error| cx.failed(&out.place(), error))?;
        let method = method.map_or(Method::Get, |method| Method::new(method.as_bytes()));
        self.decoder.expect(Expect::from(&method));
        Ok(())
    }
}

impl Filter for DecodeResponse {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::Data(data) => {
                self.input.extend(data);
                self.decode(cx, out);
            }
            Event::StreamEnd(reason) => {
                if reason.is_clean() {
                    if let Ok(Some(Frame::End(tail))) = self.decoder.finish() {
                        out.emit(end_of(tail));
                    }
                } else if !self.started
                    && let Some(message) = http_error::response_for(&cx.js, &reason)
                {
                    message.into_events().for_each(|event| out.emit(event));
                }
                self.input.clear();
                out.end(reason);
            }
            Event::MessageStart(_) | Event::MessageEnd(_) => {}
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, _wake: Wake, out: &mut Out<'_>) {
        self.decode(cx, out);
    }

    fn reset(&mut self) {
        self.decoder.reset();
        self.input.clear();
        self.started = false;
    }
}
