//! The header `content-encoding` of a message's head, native or of a script: for `compressHTTP` and `decompressHTTP`.
//! Source: RFC 9110 section 8.4.

use crate::event::{Head, HeadKind};
use crate::js;
use crate::pipeline::Cx;
use rquickjs::Object;
use std::rc::Rc;

const HEADER: &str = "content-encoding";

/// Not true any more: HTTP/1 measures anew, HTTP/2 sends what stands in the head.
const LENGTH: &str = "content-length";

/// Its value in lower case.
///
/// # Errors  An exception of a script's head is pending.
pub(super) fn coding_of(cx: &Cx<'_>, head: &Head) -> js::Result<Option<Vec<u8>>> {
    let saved = match &*head.0.borrow() {
        HeadKind::Request(request) => return Ok(request.headers.get(HEADER).map(<[u8]>::to_ascii_lowercase)),
        HeadKind::Response(response) => return Ok(response.headers.get(HEADER).map(<[u8]>::to_ascii_lowercase)),
        HeadKind::Js(saved) => saved.clone(),
        HeadKind::WebSocket(_) => return Ok(None),
    };
    let value = saved.get(&cx.js);
    let Some(headers) = value.as_object().map(|head| head.get::<_, Option<Object>>("headers")) else {
        return Ok(None);
    };
    let coding = match headers? {
        Some(headers) => headers.get::<_, Option<String>>(HEADER)?,
        None => None,
    };
    Ok(coding.map(|coding| coding.to_ascii_lowercase().into_bytes()))
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
