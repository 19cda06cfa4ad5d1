//! The classes `MessageEnd`, `StreamEnd` and `Message` of scripts. Source: pipyjs/model.md 1.1,
//! globals.md section 3.

use super::head_object::shown_of;
use super::{JsData, Result, bounds, head_value, is_nullish, tail_value, throw_type, value_to_data};
use crate::budget::Share;
use crate::data::Data;
use crate::event::{Head, Reason, StreamError, Tail};
use crate::limits;
use crate::message::Message;
use crate::metrics::{Alive, Kind};
use crate::value::Saved;
use rquickjs::class::Trace;
use rquickjs::prelude::Opt;
use rquickjs::{Ctx, JsLifetime, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// The head that `value` means as an argument; None for none.
pub(super) fn head_of<'js>(ctx: &Ctx<'js>, value: Option<Value<'js>>) -> Option<Rc<Head>> {
    let value = value.filter(|value| !is_nullish(value))?;
    // The head of another message: the same object, with what is behind it.
    let shown = shown_of(&value);
    Some(Rc::new(Head::of_object(Saved::new(ctx, value), shown)))
}

fn tail_of<'js>(ctx: &Ctx<'js>, value: Option<Value<'js>>) -> Option<Tail> {
    value
        .filter(|value| !is_nullish(value))
        .map(|value| Tail::Js(Saved::new(ctx, value)))
}

fn saved<'js>(ctx: &Ctx<'js>, value: Option<Value<'js>>) -> Option<Saved> {
    value
        .filter(|value| !value.is_undefined())
        .map(|value| Saved::new(ctx, value))
}

fn restored<'js>(ctx: &Ctx<'js>, saved: Option<&Saved>) -> Value<'js> {
    saved.map_or_else(|| Value::new_undefined(ctx.clone()), |saved| saved.get(ctx))
}

/// What a message's head takes of the scripts' budget beside their heap: a native one is not in that.
pub(super) fn head_cost(head: Option<&Rc<Head>>) -> usize {
    head.map_or(0, |_| limits::SCRIPT_HEAD_BYTES)
}

/// `new MessageEnd(tail?, payload?)`.
#[derive(Trace, JsLifetime)]
#[rquickjs::class(rename = "MessageEnd")]
pub struct JsMessageEnd {
    /// The tail.
    #[qjs(skip_trace)]
    pub tail: Option<Tail>,
    /// The payload.
    #[qjs(skip_trace)]
    pub payload: Option<Saved>,
}

#[rquickjs::methods(rename_all = "camelCase")]
impl JsMessageEnd {
    /// See the class.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, tail: Opt<Value<'js>>, payload: Opt<Value<'js>>) -> Self {
        JsMessageEnd {
            tail: tail_of(&ctx, tail.0),
            payload: saved(&ctx, payload.0),
        }
    }
    /// `'MessageEnd'`.
    #[qjs(get, rename = "type")]
    pub fn kind(&self) -> &'static str {
        "MessageEnd"
    }
    /// The tail object, or null.
    #[qjs(get, rename = "tail")]
    pub fn get_tail<'js>(&self, ctx: Ctx<'js>) -> Result<Value<'js>> {
        tail_value(&ctx, self.tail.as_ref())
    }
    /// The payload, or undefined.
    #[qjs(get, rename = "payload")]
    pub fn get_payload<'js>(&self, ctx: Ctx<'js>) -> Value<'js> {
        restored(&ctx, self.payload.as_ref())
    }
}

/// `new StreamEnd(error?)`.
#[derive(Trace, JsLifetime)]
#[rquickjs::class(rename = "StreamEnd")]
pub struct JsStreamEnd {
    /// Why the stream ended.
    #[qjs(skip_trace)]
    pub reason: Reason,
}

#[rquickjs::methods(rename_all = "camelCase")]
impl JsStreamEnd {
    /// A name of an error gives that error, nothing or an empty name a clean end, anything else is kept as a value.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, error: Opt<Value<'js>>) -> Result<Self> {
        let Some(error) = error.0.filter(|value| !is_nullish(value)) else {
            return Ok(JsStreamEnd { reason: Reason::Clean });
        };
        let text = error.as_string().map(|text| text.to_string()).transpose()?;
        let reason = match text.as_deref() {
            Some("") => Reason::Clean,
            Some(name) => match StreamError::from_name(name) {
                Some(known) => Reason::Named(known),
                None => Reason::Value(Saved::new(&ctx, error)),
            },
            None => Reason::Value(Saved::new(&ctx, error)),
        };
        Ok(JsStreamEnd { reason })
    }
    /// `'StreamEnd'`.
    #[qjs(get, rename = "type")]
    pub fn kind(&self) -> &'static str {
        "StreamEnd"
    }
    /// undefined, a name, or the value that was given.
    #[qjs(get)]
    pub fn error<'js>(&self, ctx: Ctx<'js>) -> Result<Value<'js>> {
        match &self.reason {
            Reason::Clean => Ok(Value::new_undefined(ctx)),
            Reason::Named(name) => Ok(rquickjs::String::from_str(ctx, name.name())?.into_value()),
            Reason::Value(saved) => Ok(saved.get(&ctx)),
        }
    }
}

/// `new Message(head?, body?, tail?, payload?)` or `new Message(body)`. Re-read at each use, never consumed.
#[derive(Trace, JsLifetime)]
#[rquickjs::class(rename = "Message")]
pub struct JsMessage {
    #[qjs(skip_trace)]
    message: Message,
    /// The object that `body` was read as: changes of it are changes of the message.
    #[qjs(skip_trace)]
    body: RefCell<Option<Saved>>,
    /// Of head and body.
    #[qjs(skip_trace)]
    share: Share,
    #[qjs(skip_trace)]
    _alive: Alive,
}

impl JsMessage {
    /// Wraps a message for scripts.
    ///
    /// # Errors  Throws when what scripts keep of streams takes too much.
    pub(crate) fn wrap(ctx: &Ctx<'_>, message: Message) -> Result<Self> {
        let body_bytes = message.body.as_ref().map_or(0, Data::len);
        let share = bounds::charge(ctx, body_bytes + head_cost(message.head.as_ref()))?;
        Ok(JsMessage {
            message,
            body: RefCell::new(None),
            share,
            _alive: Alive::one(Kind::Message),
        })
    }

    /// The message as it stands now.
    pub fn message(&self, ctx: &Ctx<'_>) -> Message {
        let mut message = self.message.clone();
        if let Some(saved) = &*self.body.borrow() {
            message.body = value_to_data(ctx, &saved.get(ctx));
        }
        message
    }
}

#[rquickjs::methods(rename_all = "camelCase")]
impl JsMessage {
    /// See the class.
    #[qjs(constructor)]
    pub fn new<'js>(
        ctx: Ctx<'js>,
        head: Opt<Value<'js>>,
        body: Opt<Value<'js>>,
        tail: Opt<Value<'js>>,
        payload: Opt<Value<'js>>,
    ) -> Result<Self> {
        let alone = body.0.is_none() && tail.0.is_none();
        let only = head
            .0
            .as_ref()
            .filter(|_| alone)
            .and_then(|value| value_to_data(&ctx, value));
        if let Some(data) = only {
            let message = Message {
                body: Some(data),
                ..Message::default()
            };
            return JsMessage::wrap(&ctx, message);
        }
        let body = match body.0.filter(|value| !is_nullish(value)) {
            None => None,
            Some(value) => match value_to_data(&ctx, &value) {
                Some(data) => Some(data),
                None => return Err(throw_type(&ctx, "argument 2 expects a Data or a string")),
            },
        };
        let message = Message {
            head: head_of(&ctx, head.0),
            body,
            tail: tail_of(&ctx, tail.0),
            payload: saved(&ctx, payload.0),
        };
        JsMessage::wrap(&ctx, message)
    }
    /// The head object, or null.
    #[qjs(get, rename = "head")]
    pub fn get_head<'js>(&self, ctx: Ctx<'js>) -> Result<Value<'js>> {
        head_value(&ctx, self.message.head.as_ref())
    }
    /// Replaces the head.
    #[qjs(set, rename = "head")]
    pub fn set_head<'js>(&mut self, ctx: Ctx<'js>, head: Value<'js>) {
        self.message.head = head_of(&ctx, Some(head));
    }
    /// The body as Data, or null; the same object each time.
    #[qjs(get, rename = "body")]
    pub fn get_body<'js>(&mut self, ctx: Ctx<'js>) -> Result<Value<'js>> {
        if let Some(saved) = &*self.body.borrow() {
            return Ok(saved.get(&ctx));
        }
        let Some(data) = self.message.body.take() else {
            return Ok(Value::new_null(ctx));
        };
        // The object has the bytes from now on: they count once.
        self.share.shrink(data.len());
        let value = match JsData::of_stream(&ctx, &data) {
            Ok(object) => object.into_value(),
            Err(error) => {
                self.share.grow(data.len());
                self.message.body = Some(data);
                return Err(error);
            }
        };
        *self.body.borrow_mut() = Some(Saved::new(&ctx, value.clone()));
        Ok(value)
    }
    /// Replaces the body: Data, a string, or null.
    #[qjs(set, rename = "body")]
    pub fn set_body<'js>(&mut self, ctx: Ctx<'js>, body: Value<'js>) -> Result<()> {
        let data: Option<Data> = if is_nullish(&body) {
            None
        } else {
            Some(JsData::bytes_of(&ctx, &body)?)
        };
        let old = self.message.body.take().map_or(0, |body| body.len());
        self.share.shrink(old);
        *self.body.borrow_mut() = None;
        bounds::charge_more(&ctx, &mut self.share, data.as_ref().map_or(0, Data::len))?;
        self.message.body = data;
        Ok(())
    }
    /// The tail object, or null.
    #[qjs(get, rename = "tail")]
    pub fn get_tail<'js>(&self, ctx: Ctx<'js>) -> Result<Value<'js>> {
        tail_value(&ctx, self.message.tail.as_ref())
    }
    /// The payload, or undefined.
    #[qjs(get, rename = "payload")]
    pub fn get_payload<'js>(&self, ctx: Ctx<'js>) -> Value<'js> {
        restored(&ctx, self.message.payload.as_ref())
    }
}
