//! `decodeMultipart()`: the parts of a message whose `content-type` is multipart, each as a message of its own between the start
//! and the end of the whole. A part's `head.headers` have names in lower case; `content-disposition` and `content-type` are objects
//! of their parameters, with what stands before these as `value`, and are the header's text as strings.
//! Example: `.decodeMultipart().handleMessageStart(({ head }) => console.log(head?.headers?.['content-disposition']?.name))`.
//! Source: pipyjs/filters.md section 8, RFC 7578, RFC 2046 section 5.1.

use super::content_coding::header_of;
use crate::event::{Event, HeadKind, MessageEnd, MessageStart, Reason, StreamError};
use crate::js;
use crate::pipeline::{Cx, Filter, Out, Spec, Subs};
use crate::value::Saved;
use ballast_codec::multipart::{self, Decoder, Error, Frame};
use rquickjs::{Ctx, Function, Object};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "decodeMultipart",
    args: "()",
    about: "decodes multipart bodies: each part is a message within the message",
    subs: Subs::None,
    build: |_| Ok(Rc::new(|| Box::new(DecodeMultipart { decoder: None }))),
};

struct DecodeMultipart {
    /// None outside of a multipart body: such events pass.
    decoder: Option<Decoder>,
}

impl DecodeMultipart {
    fn broken(&mut self, error: &Error, out: &mut Out<'_>) {
        tracing::debug!(target: "tcp", %error, "not multipart");
        self.decoder = None;
        out.end(Reason::Named(StreamError::ProtocolError));
    }

    /// A message begins.
    fn begin(&mut self, cx: &mut Cx<'_>, start: MessageStart, out: &mut Out<'_>) {
        self.decoder = None;
        let kind = start.head.as_ref().map(|head| header_of(cx, head, "content-type"));
        let kind = match kind.transpose() {
            Ok(kind) => kind.flatten().unwrap_or_default(),
            Err(error) => {
                let reason = cx.failed(&out.place(), error);
                return out.end(reason);
            }
        };
        let kind = String::from_utf8_lossy(&kind).into_owned();
        if let Some(boundary) = multipart::boundary(&kind) {
            self.decoder = Some(Decoder::new(&boundary));
        }
        out.emit(Event::MessageStart(start));
    }

    /// All that the decoder has.
    fn drain(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) {
        while let Some(decoder) = &mut self.decoder {
            match decoder.decode() {
                Ok(Some(Frame::Part(headers))) => match part_head(&cx.js, &headers) {
                    Ok(head) => {
                        let head = HeadKind::Js(Saved::new(&cx.js, head.into_value()));
                        out.emit(Event::MessageStart(MessageStart::new(head)));
                    }
                    Err(error) => {
                        self.decoder = None;
                        let reason = cx.failed(&out.place(), error);
                        out.end(reason);
                    }
                },
                Ok(Some(Frame::Body(bytes))) => out.emit(Event::Data(bytes.into())),
                Ok(Some(Frame::PartEnd)) => out.emit(Event::MessageEnd(MessageEnd::default())),
                Ok(None) => return,
                Err(error) => self.broken(&error, out),
            }
        }
    }
}

/// The head of a part. Of a header that comes twice the last one counts, as in heads of HTTP.
fn part_head<'js>(ctx: &Ctx<'js>, headers: &[(String, String)]) -> js::Result<Object<'js>> {
    let head = Object::new(ctx.clone())?;
    let object = Object::new(ctx.clone())?;
    for (name, value) in headers {
        if matches!(name.as_str(), "content-disposition" | "content-type") {
            object.set(name.as_str(), parsed(ctx, value)?)?;
        } else {
            object.set(name.as_str(), value.as_str())?;
        }
    }
    head.set("headers", object)?;
    Ok(head)
}

/// Parameters as an object that is the text where a string is wanted.
fn parsed<'js>(ctx: &Ctx<'js>, text: &str) -> js::Result<Object<'js>> {
    let make: Function = ctx.eval("text => Object.create({ toString: () => text })")?;
    let object: Object = make.call((text,))?;
    let (value, parameters) = multipart::parameters(text);
    object.set("value", value)?;
    for (name, value) in parameters {
        object.set(name, value)?;
    }
    Ok(object)
}

impl Filter for DecodeMultipart {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match (event, &mut self.decoder) {
            (Event::MessageStart(start), _) => self.begin(cx, start, out),
            (Event::Data(data), Some(decoder)) => {
                data.chunks().for_each(|chunk| decoder.push(chunk));
                self.drain(cx, out);
            }
            (Event::MessageEnd(end), Some(decoder)) => match decoder.finish() {
                Ok(()) => {
                    self.decoder = None;
                    out.emit(Event::MessageEnd(end));
                }
                Err(error) => self.broken(&error, out),
            },
            (Event::StreamEnd(reason), _) => {
                self.decoder = None;
                out.end(reason);
            }
            (event, None) => out.emit(event),
        }
    }

    fn reset(&mut self) {
        self.decoder = None;
    }
}
