//! `encodeHTTPRequest(fn?, options?)`, `encodeHTTPResponse(fn?, options?)`: messages into HTTP/1 bytes.
//! Example: `.encodeHTTPRequest({ bufferSize: '64k' })`. Source: pipyjs/filters.md section 8, http.md section 3.

use crate::data::Data;
use crate::event::{Event, Reason};
use crate::js::{self, Callback};
use crate::pipeline::{Build, Cx, Filter, Make, Out, Spec, Subs};
use crate::session::{Encoder, HttpOptions, RequestWriter, ResponseWriter, report};
use ballast_codec::http1::{Expect, Method};
use std::rc::Rc;

pub(super) static REQUEST: Spec = Spec {
    name: "encodeHTTPRequest",
    args: "(fn?, options?)",
    about: "encodes HTTP/1 requests",
    subs: Subs::None,
    build: |build| {
        let (_, buffer_size) = arguments(build)?;
        Ok(Rc::new(move || {
            Box::new(EncodeRequest {
                encoder: Encoder::new(buffer_size),
            })
        }))
    },
};

pub(super) static RESPONSE: Spec = Spec {
    name: "encodeHTTPResponse",
    args: "(fn?, options?)",
    about: "encodes HTTP/1 responses; fn() gives { method } of the request",
    subs: Subs::None,
    build: response,
};

fn response(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let (request, buffer_size) = arguments(build)?;
    Ok(Rc::new(move || {
        Box::new(EncodeResponse {
            request: request.clone(),
            encoder: Encoder::new(buffer_size),
            writer: ResponseWriter::default(),
            close: false,
            interim: false,
        })
    }))
}

/// The function, and the bytes to collect; options may come alone.
fn arguments(build: &Build<'_, '_>) -> js::Result<(Option<Callback>, usize)> {
    let callback = build.optional_callback(0);
    let options = match callback.is_some() || js::is_nullish(&build.arg(0)) {
        true => build.options(1)?,
        false => build.options(0)?,
    };
    Ok((callback, HttpOptions::parse(&options)?.buffer_size))
}

struct EncodeRequest {
    encoder: Encoder,
}

struct EncodeResponse {
    request: Option<Callback>,
    encoder: Encoder,
    writer: ResponseWriter,
    close: bool,
    interim: bool,
}

impl Filter for EncodeRequest {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if matches!(event, Event::StreamEnd(_)) {
            return out.emit(event);
        }
        // Outside of messages: the bytes of a tunnel.
        if !self.encoder.is_open() && matches!(event, Event::Data(_)) {
            return out.emit(event);
        }
        let mut bytes = Data::new();
        if let Err(problem) = self.encoder.event(&cx.js, &RequestWriter::default(), event, &mut bytes) {
            let reason = report(cx, out, problem);
            return out.end(reason);
        }
        if !bytes.is_empty() {
            out.emit(Event::Data(bytes));
        }
    }

    fn reset(&mut self) {
        self.encoder.reset();
    }
}

impl EncodeResponse {
    /// What the request of the response that begins was.
    fn ask(&mut self, cx: &mut Cx<'_>, out: &Out<'_>) -> Result<(), Reason> {
        let Some(callback) = &self.request else { return Ok(()) };
        let value = cx.call(out, callback, ())?;
        let method = match value.as_object() {
            Some(object) => object.get::<_, Option<String>>("method"),
            None => Ok(None),
        };
        let method = method.map_err(|error| cx.failed(&out.place(), error))?;
        let method = method.map_or(Method::Get, |method| Method::new(method.as_bytes()));
        self.writer.to = Expect::from(&method);
        Ok(())
    }
}

impl Filter for EncodeResponse {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match &event {
            Event::StreamEnd(_) => return out.emit(event),
            Event::Data(_) if !self.encoder.is_open() => return out.emit(event),
            Event::MessageStart(_) if !self.encoder.is_open() && !self.interim => {
                if let Err(reason) = self.ask(cx, out) {
                    return out.end(reason);
                }
            }
            _ => {}
        }
        let mut bytes = Data::new();
        let step = match self.encoder.event(&cx.js, &self.writer, event, &mut bytes) {
            Ok(step) => step,
            Err(problem) => {
                let reason = report(cx, out, problem);
                return out.end(reason);
            }
        };
        if let Some(info) = step.started {
            self.close = info.close;
            self.interim = info.interim;
        }
        if !bytes.is_empty() {
            out.emit(Event::Data(bytes));
        }
        if step.done && self.close {
            out.end(Reason::Clean);
        }
    }

    fn reset(&mut self) {
        self.encoder.reset();
        self.writer = ResponseWriter::default();
        self.close = false;
        self.interim = false;
    }
}
