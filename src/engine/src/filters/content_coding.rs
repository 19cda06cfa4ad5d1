//! The header `content-encoding` of a message's head, native or of a script: for `compressHTTP` and `decompressHTTP`.
//! Source: RFC 9110 section 8.4.

use crate::event::{Head, HeadKind};
use crate::js;
use crate::pipeline::Cx;
use rquickjs::{Object, Value};
use std::rc::Rc;

const HEADER: &str = "content-encoding";

/// Not true any more: HTTP/1 measures anew, HTTP/2 sends what stands in the head.
const LENGTH: &str = "content-length";

/// Its value in lower case.
///
/// # Errors  An exception of a script's head is pending.
pub(super) fn coding_of(cx: &Cx<'_>, head: &Head) -> js::Result<Option<Vec<u8>>> {
    Ok(header_of(cx, head, HEADER)?.map(|coding| coding.to_ascii_lowercase()))
}

/// A header of a message's head, native or of a script; `name` in lower case.
///
/// # Errors  An exception of a script's head is pending.
pub(super) fn header_of(cx: &Cx<'_>, head: &Head, name: &str) -> js::Result<Option<Vec<u8>>> {
    let saved = match &*head.0.borrow() {
        HeadKind::Request(request) => return Ok(request.headers.get(name).map(<[u8]>::to_vec)),
        HeadKind::Response(response) => return Ok(response.headers.get(name).map(<[u8]>::to_vec)),
        HeadKind::Js(saved) => saved.clone(),
        HeadKind::WebSocket(_) => return Ok(None),
    };
    let value = saved.get(&cx.js);
    let Some(headers) = value.as_object().map(|head| head.get::<_, Option<Object>>("headers")) else {
        return Ok(None);
    };
    let Some(headers) = headers? else { return Ok(None) };
    let value = headers.get::<_, Value>(name)?;
    Ok((!js::is_nullish(&value)).then(|| js::value_to_text(&cx.js, &value).into_bytes()))
}

/// The head with another value of it, or without it. A native head is copied: others may hold it.
///
/// # Errors  An exception of a script's head is pending.
pub(super) fn with_coding(cx: &Cx<'_>, head: &Rc<Head>, coding: Option<&str>) -> js::Result<Rc<Head>> {
    let wrong = |error| js::throw_error(&cx.js, &format!("cannot set {HEADER}: {error}"));
    let kind = match &*head.0.borrow() {
        HeadKind::Request(request) => {
            let mut request = request.clone();
            request.headers.remove(HEADER);
            request.headers.remove(LENGTH);
            if let Some(coding) = coding {
                let pushed = request.headers.push(HEADER.as_bytes(), coding.as_bytes());
                pushed.map_err(wrong)?;
            }
            HeadKind::Request(request)
        }
        HeadKind::Response(response) => {
            let mut response = response.clone();
            response.headers.remove(HEADER);
            response.headers.remove(LENGTH);
            if let Some(coding) = coding {
                let pushed = response.headers.push(HEADER.as_bytes(), coding.as_bytes());
                pushed.map_err(wrong)?;
            }
            HeadKind::Response(response)
        }
        HeadKind::Js(saved) => {
            if let Some(object) = saved.get(&cx.js).as_object() {
                let headers = match object.get::<_, Option<Object>>("headers")? {
                    Some(headers) => headers,
                    None => {
                        let headers = Object::new(cx.js.clone())?;
                        object.set("headers", headers.clone())?;
                        headers
                    }
                };
                headers.remove(LENGTH)?;
                match coding {
                    Some(coding) => headers.set(HEADER, coding)?,
                    None => drop(headers.remove(HEADER)),
                }
            }
            return Ok(head.clone());
        }
        HeadKind::WebSocket(_) => return Ok(head.clone()),
    };
    Ok(Rc::new(Head::new(kind)))
}
