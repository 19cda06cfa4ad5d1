//! Heads and tails between their native form and JavaScript objects. Source: pipyjs/http.md section 1.
//! The object is made when a script first looks: head_object.rs.

use super::head_object::{Hops, add_header, left_as, object_of, standing};
use super::websocket::websocket_object;
use super::{List, Result, bounds, is_nullish, number_of, throw_error, throw_type, value_to_text};
use crate::event::{Head, HeadKind, Shown, Tail};
use crate::limits;
use crate::value::Saved;
use ballast_codec::http1::{Headers, Method, RequestHead, ResponseHead, Scheme, Version};
use bytes::Bytes;
use rquickjs::{Ctx, Object, Value};
use std::rc::Rc;

/// The object that scripts see as `head`; null for none.
pub(crate) fn head_value<'js>(ctx: &Ctx<'js>, head: Option<&Rc<Head>>) -> Result<Value<'js>> {
    let Some(head) = head else {
        return Ok(Value::new_null(ctx.clone()));
    };
    let (value, shown) = match &*head.0.borrow() {
        HeadKind::Js(saved) => return Ok(saved.get(ctx)),
        HeadKind::WebSocket(head) => (websocket_object(ctx, *head)?.into_value(), None),
        HeadKind::Request(_) | HeadKind::Response(_) => {
            let shown = Rc::new(Shown::default());
            shown.share.set(Some(bounds::charge(ctx, limits::SCRIPT_HEAD_BYTES)?));
            (object_of(ctx, shown.clone())?, Some(shown))
        }
    };
    head.show(Saved::new(ctx, value.clone()), shown);
    Ok(value)
}

/// A head of its own with what is in this one, its headers too: changing one does not change the other.
///
/// # Errors  When the script engine is out of memory, or a getter of the object throws.
pub(crate) fn copy_of_head(ctx: &Ctx<'_>, head: &Head) -> Result<Rc<Head>> {
    let kind = match &*head.0.borrow() {
        HeadKind::Request(head) => Ok(HeadKind::Request(head.clone())),
        HeadKind::Response(head) => Ok(HeadKind::Response(head.clone())),
        HeadKind::WebSocket(head) => Ok(HeadKind::WebSocket(*head)),
        HeadKind::Js(saved) => Err(saved.get(ctx)),
    };
    let kind = match kind {
        Ok(native) => native,
        Err(value) => {
            let copy = copy_of(ctx, &value)?;
            if let Some(object) = copy.as_object() {
                let headers: Value<'_> = object.get("headers")?;
                if headers.is_object() {
                    object.set("headers", copy_of(ctx, &headers)?)?;
                }
            }
            HeadKind::Js(Saved::new(ctx, copy))
        }
    };
    Ok(Rc::new(Head::new(kind)))
}

/// A shallow copy of a plain object; any other value is itself.
fn copy_of<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Value<'js>> {
    let Some(object) = value.as_object().filter(|_| !value.is_array() && !value.is_function()) else {
        return Ok(value.clone());
    };
    let copy = Object::new(ctx.clone())?;
    copy.set_prototype(object.get_prototype().as_ref())?;
    for entry in object.props::<Value<'_>, Value<'_>>() {
        let (name, value) = entry?;
        copy.set(name, value)?;
    }
    Ok(copy.into_value())
}

/// The object that scripts see as `tail`; null for none. Fields: `headers`, `headSize`, `bodySize`.
pub(crate) fn tail_value<'js>(ctx: &Ctx<'js>, tail: Option<&Tail>) -> Result<Value<'js>> {
    match tail {
        None => Ok(Value::new_null(ctx.clone())),
        Some(Tail::Js(saved)) => Ok(saved.get(ctx)),
        Some(Tail::Sizes { head, body }) => {
            let object = Object::new(ctx.clone())?;
            object.set("headers", Value::new_null(ctx.clone()))?;
            object.set("headSize", *head as f64)?;
            object.set("bodySize", *body as f64)?;
            Ok(object.into_value())
        }
        Some(Tail::Trailers { headers, body }) => {
            let object = Object::new(ctx.clone())?;
            object.set("headers", trailers_object(ctx, headers)?)?;
            object.set("headSize", 0)?;
            object.set("bodySize", *body as f64)?;
            Ok(object.into_value())
        }
    }
}

/// The trailers that a tail means: `headers` of a script's object; None when there are none.
///
/// # Errors  Throws for header names or values that cannot be sent.
pub(crate) fn trailers_of(ctx: &Ctx<'_>, tail: Option<&Tail>) -> Result<Option<Rc<Headers>>> {
    let saved = match tail {
        None | Some(Tail::Sizes { .. }) => return Ok(None),
        Some(Tail::Trailers { headers, .. }) => return Ok(Some(headers.clone())),
        Some(Tail::Js(saved)) => saved,
    };
    let Some(object) = saved.get(ctx).into_object() else {
        return Ok(None);
    };
    let headers = headers_of(ctx, &object)?;
    Ok((!headers.is_empty()).then(|| Rc::new(headers)))
}

/// The trailers as `headers`.
fn trailers_object<'js>(ctx: &Ctx<'js>, headers: &Headers) -> Result<Object<'js>> {
    let values = Object::new(ctx.clone())?;
    for (name, value) in headers.iter() {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let value = rquickjs::String::from_str(ctx.clone(), &String::from_utf8_lossy(value))?;
        add_header(&values, &name, value.into_value())?;
    }
    Ok(values)
}

/// The request head that a head means; fields of a script's object have defaults: GET, `/`, HTTP/1.1.
///
/// # Errors  Throws for header names or values that cannot be sent.
pub(crate) fn request_of(ctx: &Ctx<'_>, head: Option<&Rc<Head>>) -> Result<RequestHead> {
    let Some(head) = head else {
        return Ok(RequestHead::default());
    };
    let object = match &*head.0.borrow() {
        HeadKind::Request(request) => return Ok(request.clone()),
        HeadKind::Response(_) => return Err(throw_type(ctx, "a response's head was given for a request")),
        HeadKind::WebSocket(_) => return Ok(RequestHead::default()),
        HeadKind::Js(saved) => saved.get(ctx),
    };
    if let Some(HeadKind::Request(request)) = head.shown().and_then(|shown| left_as(&shown)) {
        return Ok(request);
    }
    let Some(object) = object.as_object().map(standing) else {
        return Ok(RequestHead::default());
    };
    let object = &object;
    let hops = head.shown().and_then(|shown| Hops::of(&shown));
    let mut headers = headers_of(ctx, object)?;
    hops.iter().for_each(|hops| hops.leave(&mut headers));
    let method = text(object, "method")?;
    let target = text(object, "path")?;
    let scheme = text(object, "scheme")?.unwrap_or_default();
    Ok(RequestHead {
        method: method.map_or(Method::Get, |method| Method::new(method.as_bytes())),
        target: target.map_or(Bytes::from_static(b"/"), Bytes::from),
        version: version(object)?,
        scheme: Scheme::new(scheme.as_bytes()),
        authority: text(object, "authority")?.map_or_else(Bytes::new, Bytes::from),
        headers,
    })
}

/// The response head that a head means; defaults: 200, standard reason phrase, HTTP/1.1.
///
/// # Errors  Throws for a status that is no number, and for header names or values that cannot be sent.
pub(crate) fn response_of(ctx: &Ctx<'_>, head: Option<&Rc<Head>>) -> Result<ResponseHead> {
    let Some(head) = head else {
        return Ok(ResponseHead::default());
    };
    let object = match &*head.0.borrow() {
        HeadKind::Response(response) => return Ok(response.clone()),
        HeadKind::Request(_) | HeadKind::WebSocket(_) => return Ok(ResponseHead::default()),
        HeadKind::Js(saved) => saved.get(ctx),
    };
    if let Some(HeadKind::Response(response)) = head.shown().and_then(|shown| left_as(&shown)) {
        return Ok(response);
    }
    let Some(object) = object.as_object().map(standing) else {
        return Ok(ResponseHead::default());
    };
    let object = &object;
    let status: Value = object.get("status")?;
    let status = match is_nullish(&status) {
        true => 200,
        false => match number_of(&status, 1.0).filter(|status| (100.0..1000.0).contains(status)) {
            Some(status) => status as u16,
            None => {
                let given = value_to_text(ctx, &status);
                return Err(throw_error(
                    ctx,
                    &format!("response status {given} is not between 100 and 999"),
                ));
            }
        },
    };
    let hops = head.shown().and_then(|shown| Hops::of(&shown));
    let mut headers = headers_of(ctx, object)?;
    hops.iter().for_each(|hops| hops.leave(&mut headers));
    Ok(ResponseHead {
        status,
        reason: text(object, "statusText")?.map_or_else(Bytes::new, Bytes::from),
        version: version(object)?,
        headers,
    })
}

fn text(object: &Object<'_>, name: &str) -> Result<Option<String>> {
    let value: Value = object.get(name)?;
    Ok((!is_nullish(&value)).then(|| value_to_text(value.ctx(), &value)))
}

fn version(object: &Object<'_>) -> Result<Version> {
    let protocol = text(object, "protocol")?;
    Ok(if protocol.as_deref() == Some("HTTP/1.0") {
        Version::Http10
    } else {
        Version::Http11
    })
}

/// Header lines with their original spelling; arrays become repeated lines, nullish values are left out.
fn headers_of(ctx: &Ctx<'_>, head: &Object<'_>) -> Result<Headers> {
    let mut headers = Headers::new();
    let values: Value = head.get("headers")?;
    let Some(values) = values.as_object().map(standing) else {
        return Ok(headers);
    };
    let names: Value = head.get("headerNames")?;
    let names = names.as_object();
    for entry in values.props::<String, Value>() {
        let (name, value) = entry?;
        let spelled: Option<Value> = names.map(|names| names.get(&*name)).transpose()?;
        let spelled = spelled.and_then(|name| name.as_string()?.to_string().ok());
        let spelled = spelled
            .filter(|spelled| spelled.eq_ignore_ascii_case(&name))
            .unwrap_or(name);
        let mut push = |value: &Value<'_>| -> Result<()> {
            if is_nullish(value) {
                return Ok(());
            }
            let value = value_to_text(value.ctx(), value);
            headers
                .push(spelled.as_bytes(), value.as_bytes())
                .map_err(|error| throw_error(ctx, &format!("cannot send header {spelled}: {error}")))
        };
        match value.as_list() {
            Some(array) => array.iter::<Value>().try_for_each(|value| push(&value?))?,
            None => push(&value)?,
        }
    }
    Ok(headers)
}
