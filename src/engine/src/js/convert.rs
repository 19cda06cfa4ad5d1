//! Between events and the values that scripts hold.

use super::{JsData, JsMessage, JsMessageEnd, JsMessageStart, JsStreamEnd, List, Result};
use crate::data::Data;
use crate::event::{Event, MessageEnd, MessageStart};
use crate::message::Message;
use rquickjs::{Class, Coerced, Ctx, FromJs, Value};

/// undefined or null.
pub(crate) fn is_nullish(value: &Value<'_>) -> bool {
    value.is_undefined() || value.is_null()
}

/// The object that a callback gets for an event. Shares head and bytes with it.
pub(crate) fn to_js<'js>(ctx: &Ctx<'js>, event: &Event) -> Result<Value<'js>> {
    let ctx = ctx.clone();
    Ok(match event {
        Event::Data(data) => JsData::of_stream(&ctx, data)?.into_value(),
        Event::MessageStart(start) => JsMessageStart::object(&ctx, start.head.clone())?.into_value(),
        Event::MessageEnd(end) => Class::instance(
            ctx,
            JsMessageEnd {
                tail: end.tail.clone(),
                payload: end.payload.clone(),
            },
        )?
        .into_value(),
        Event::StreamEnd(reason) => Class::instance(ctx, JsStreamEnd { reason: reason.clone() })?.into_value(),
    })
}

/// The object that a callback gets for a whole message.
pub(crate) fn message_value<'js>(ctx: &Ctx<'js>, message: Message) -> Result<Value<'js>> {
    Ok(Class::instance(ctx.clone(), JsMessage::wrap(ctx, message)?)?.into_value())
}

/// The Message that `value` is, if it is one.
pub(crate) fn message_of<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Option<Message> {
    let class = Class::<JsMessage>::from_value(value).ok()?;
    let message = class.borrow().message(ctx);
    Some(message)
}

/// Appends the events that a script gave: one event, one Message, or an array of these (nullish entries are skipped;
/// nothing for a nullish value). False when it is something else; `out` may then hold some of them.
pub(crate) fn events_of<'js>(ctx: &Ctx<'js>, value: &Value<'js>, out: &mut Vec<Event>) -> bool {
    if is_nullish(value) {
        return true;
    }
    if let Some(array) = value.as_list() {
        return array.iter::<Value>().all(|item| match item {
            Ok(item) if !item.is_array() => events_of(ctx, &item, out),
            _ => false,
        });
    }
    if let Some(head) = JsMessageStart::of(value) {
        out.push(Event::MessageStart(MessageStart { head }));
    } else if let Some(message) = message_of(ctx, value) {
        out.extend(message.into_events());
    } else if let Ok(data) = Class::<JsData>::from_value(value) {
        out.push(Event::Data(data.borrow().data().clone()));
    } else if let Ok(end) = Class::<JsMessageEnd>::from_value(value) {
        let end = end.borrow();
        out.push(Event::MessageEnd(MessageEnd {
            tail: end.tail.clone(),
            payload: end.payload.clone(),
        }));
    } else if let Ok(end) = Class::<JsStreamEnd>::from_value(value) {
        out.push(Event::StreamEnd(end.borrow().reason.clone()));
    } else {
        return false;
    }
    true
}

/// Bytes of a Data or, as UTF-8, of a string; None for anything else.
pub(crate) fn value_to_data<'js>(_ctx: &Ctx<'js>, value: &Value<'js>) -> Option<Data> {
    if let Some(text) = value.as_string() {
        return text.to_string().ok().map(|text| Data::from(text.as_str()));
    }
    Class::<JsData>::from_value(value)
        .ok()
        .map(|data| data.borrow().data().clone())
}

/// A value as text, as string conversion in a script gives it; never throws.
pub(crate) fn value_to_text<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> String {
    if let Some(text) = value.as_string().and_then(|text| text.to_string().ok()) {
        return text;
    }
    match Coerced::<String>::from_js(ctx, value.clone()) {
        Ok(text) => text.0,
        Err(_) => {
            ctx.catch();
            format!("[{}]", value.type_name())
        }
    }
}
