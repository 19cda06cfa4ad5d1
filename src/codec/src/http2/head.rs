//! Heads of messages from and to lists of headers.
//!
//! For: which pseudo headers a message must have, and what of an HTTP/1 head goes over HTTP/2. Not for: single headers (`field`).
//! DEVIATES: CONNECT may have a path in the place of an authority, as over HTTP/1, for scripts name the far end of their tunnels by
//! one; it is sent with the pseudo headers of any other request then (test `forms_of_requests`).
//! Source: RFC 9113 8.1.1, 8.2, 8.3, 8.5; pipyjs/http.md sections 1 and 5.
use super::SendError;
use super::field::{Fields, Path, Place};
use super::hpack::Encoder;
use crate::http1::grammar::{is_host, is_target};
use crate::http1::{Headers, Method, RequestHead, ResponseHead, Scheme, Version};
use bytes::{Bytes, BytesMut};

/// Why a list of headers is no head.
type Malformed = &'static str;

impl Fields {
    /// Takes the request.
    /// # Errors
    /// What is wrong with it.
    pub(super) fn take_request(&mut self) -> Result<(RequestHead, Option<u64>), Malformed> {
        let seen = std::mem::take(&mut self.seen);
        if let Some(why) = seen.malformed {
            return Err(why);
        }
        let Some(method) = seen.method else {
            return Err("request without :method");
        };
        if seen.status.is_some() {
            return Err("request with :status");
        }
        let has_path = match (&seen.path, &seen.scheme) {
            (Path::Absent, Scheme::Absent) if method == Method::Connect => false,
            (Path::Absent, _) => return Err("request without :path"),
            (_, Scheme::Absent) => return Err("request without :scheme"),
            _ => true,
        };
        if !has_path && seen.authority.is_none() {
            return Err("CONNECT without :authority");
        }
        let headers = self.take_headers();
        let block = headers.block();
        let slice = |place: Place| {
            let start = place.at as usize;
            block.slice(start..start + place.len as usize)
        };
        let authority = seen.authority.map_or_else(Bytes::new, slice);
        let target = match seen.path {
            Path::Root => Bytes::from_static(b"/"),
            Path::At(place) => slice(place),
            Path::Absent => authority.clone(),
        };
        let is_path = target.first() == Some(&b'/') || (&*target == b"*" && method == Method::Options);
        if has_path && !is_path {
            return Err(":path is no path");
        }
        let head = RequestHead {
            method,
            target,
            version: Version::Http2,
            scheme: seen.scheme,
            authority,
            headers,
        };
        Ok((head, seen.content_length))
    }

    /// Takes the response.
    /// # Errors
    /// What is wrong with it.
    pub(super) fn take_response(&mut self) -> Result<(ResponseHead, Option<u64>), Malformed> {
        let seen = std::mem::take(&mut self.seen);
        if let Some(why) = seen.malformed {
            return Err(why);
        }
        let Some(status) = seen.status else {
            return Err("response without :status");
        };
        let of_request = seen.method.is_some()
            || seen.scheme != Scheme::Absent
            || seen.path != Path::Absent
            || seen.authority.is_some();
        if of_request {
            return Err("response with a pseudo header of requests");
        }
        if status == 101 {
            return Err("status 101 in http/2");
        }
        let head = ResponseHead {
            status,
            reason: Bytes::new(),
            version: Version::Http2,
            headers: self.take_headers(),
        };
        Ok((head, seen.content_length))
    }

    /// Takes the trailers.
    /// # Errors
    /// What is wrong with them.
    pub(super) fn take_trailers(&mut self) -> Result<Headers, Malformed> {
        let seen = std::mem::take(&mut self.seen);
        match seen.malformed {
            Some(why) => Err(why),
            None if seen.has_pseudo() => Err("pseudo header in trailers"),
            None => Ok(self.take_headers()),
        }
    }

    fn take_headers(&mut self) -> Headers {
        let block = self.buf.split().freeze();
        Headers::from_block(block, self.list.as_slice().to_vec())
    }
}

/// Appends the block of a request.
/// # Errors
/// `Unsendable`; nothing is appended then, and the table is as before.
pub(super) fn encode_request(head: &RequestHead, encoder: &mut Encoder, out: &mut BytesMut) -> Result<(), SendError> {
    if !head.method.is_sendable() {
        return Err(SendError::Unsendable("method"));
    }
    let is_connect = head.method == Method::Connect;
    // Of `host:port`.
    let is_plain_connect = is_connect && head.target.first() != Some(&b'/');
    let (given_scheme, given_authority, target) = match split_url(&head.target) {
        Some(parts) if !is_connect => parts,
        _ => (&b""[..], &b""[..], &*head.target),
    };
    if !is_target(target) || !(is_plain_connect || target.first() == Some(&b'/') || target == b"*") {
        return Err(SendError::Unsendable("target"));
    }
    let authority = match given_authority {
        _ if is_plain_connect => target,
        b"" => head.headers.get("host").unwrap_or(&head.authority),
        given => given,
    };
    if !is_host(authority) || (is_plain_connect && authority.is_empty()) {
        return Err(SendError::Unsendable("authority"));
    }
    encoder.start(out);
    match head.method {
        Method::Get => encoder.put_static(2, out),
        Method::Post => encoder.put_static(3, out),
        _ => encoder.put_pseudo(2, b":method", head.method.as_bytes(), out),
    }
    if !is_plain_connect {
        match (&head.scheme, given_scheme) {
            (Scheme::Https, _) | (Scheme::Absent, b"https") => encoder.put_static(7, out),
            (Scheme::Http | Scheme::Absent, _) => encoder.put_static(6, out),
            (Scheme::Other(name), _) => encoder.put_pseudo(6, b":scheme", name, out),
        }
    }
    if !authority.is_empty() {
        encoder.put_pseudo(1, b":authority", authority, out);
    }
    match target {
        _ if is_plain_connect => {}
        b"/" => encoder.put_static(4, out),
        _ => encoder.put_pseudo(4, b":path", target, out),
    }
    encode_headers(&head.headers, head.version, true, encoder, out);
    Ok(())
}

/// Appends the block of a response.
/// # Errors
/// `Unsendable`; nothing is appended then, and the table is as before.
pub(super) fn encode_response(head: &ResponseHead, encoder: &mut Encoder, out: &mut BytesMut) -> Result<(), SendError> {
    if !(100..1000).contains(&head.status) || head.status == 101 {
        return Err(SendError::Unsendable("status"));
    }
    encoder.start(out);
    match head.status {
        200 => encoder.put_static(8, out),
        204 => encoder.put_static(9, out),
        206 => encoder.put_static(10, out),
        304 => encoder.put_static(11, out),
        400 => encoder.put_static(12, out),
        404 => encoder.put_static(13, out),
        500 => encoder.put_static(14, out),
        status => encoder.put_pseudo(8, b":status", itoa::Buffer::new().format(status).as_bytes(), out),
    }
    encode_headers(&head.headers, head.version, false, encoder, out);
    Ok(())
}

/// Appends the block of trailers.
pub(super) fn encode_trailers(headers: &Headers, encoder: &mut Encoder, out: &mut BytesMut) {
    encoder.start(out);
    encode_headers(headers, Version::Http2, false, encoder, out);
}

fn encode_headers(headers: &Headers, version: Version, is_request: bool, encoder: &mut Encoder, out: &mut BytesMut) {
    let is_http2 = version == Version::Http2;
    let form = u8::from(is_request) << 1 | u8::from(is_http2);
    encoder.put_list(headers, form, out, |encoder, out| {
        encode_lines(headers, is_http2, is_request, encoder, out);
    });
}

fn encode_lines(headers: &Headers, is_http2: bool, is_request: bool, encoder: &mut Encoder, out: &mut BytesMut) {
    // What `connection` names is about the HTTP/1 connection that the head came over (RFC 9110 7.6.1).
    let has_connection = !is_http2 && headers.contains("connection");
    for (name, value) in headers.iter() {
        let is_dropped = match name.len() {
            2 if name.eq_ignore_ascii_case(b"te") => {
                if headers.has_token("te", "trailers") {
                    encoder.put(b"te", b"trailers", out);
                }
                true
            }
            4 => is_request && name.eq_ignore_ascii_case(b"host"),
            7 => name.eq_ignore_ascii_case(b"upgrade"),
            10 => name.eq_ignore_ascii_case(b"connection") || name.eq_ignore_ascii_case(b"keep-alive"),
            14 => name.eq_ignore_ascii_case(b"http2-settings"),
            16 => name.eq_ignore_ascii_case(b"proxy-connection"),
            17 => name.eq_ignore_ascii_case(b"transfer-encoding"),
            _ => false,
        };
        let is_named = || std::str::from_utf8(name).is_ok_and(|name| headers.has_token("connection", name));
        if !(is_dropped || has_connection && is_named()) {
            encoder.put(name, value, out);
        }
    }
}

/// Scheme, authority and path of a target in absolute form, as proxies are sent; its path may be missing.
fn split_url(target: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    if target.first() == Some(&b'/') {
        return None;
    }
    let colon = target.windows(3).position(|three| three == b"://")?;
    let (scheme, rest) = target.split_at_checked(colon)?;
    let rest = rest.get(3..)?;
    let end = rest
        .iter()
        .position(|&octet| matches!(octet, b'/' | b'?'))
        .unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    Some((scheme, authority, if path.is_empty() { b"/" } else { path }))
}
