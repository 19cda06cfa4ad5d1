//! `http.File`: a file of the codebase as a response. Source: pipyjs/globals.md section 8.
//! Example: `http.File.from(req.head.path)?.toMessage(req.head.headers['accept-encoding'])`.

use crate::data::Data;
use crate::event::{HeadKind, MessageStart};
use crate::js::{self, JsMessage, host, throw_error};
use crate::limits;
use crate::message::Message;
use ballast_codec::http1::ResponseHead;
use brotli_decompressor::Decompressor;
use bytes::Bytes;
use flate2::read::GzDecoder;
use rquickjs::class::Trace;
use rquickjs::prelude::Opt;
use rquickjs::{Class, Ctx, JsLifetime, Value};
use std::io::Read;

/// What scripts hold. The contents are shared with the codebase.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct File {
    #[qjs(skip_trace)]
    content_type: &'static str,
    #[qjs(skip_trace)]
    plain: Option<Bytes>,
    #[qjs(skip_trace)]
    gzip: Option<Bytes>,
    #[qjs(skip_trace)]
    brotli: Option<Bytes>,
}

/// Content types by what follows the last dot of a name.
pub(super) const TYPES: &[(&str, &str)] = &[
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("gif", "image/gif"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/x-icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "application/javascript"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("md", "text/markdown"),
    ("mjs", "application/javascript"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain"),
    ("wasm", "application/wasm"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xml", "text/xml"),
];

fn content_type(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let known = TYPES.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known));
    known.map_or("application/octet-stream", |(_, kind)| kind)
}

fn find(ctx: &Ctx<'_>, path: &str) -> Option<File> {
    let path = match path.ends_with('/') {
        true => format!("{path}index.html"),
        false => path.to_owned(),
    };
    let host = host(ctx);
    let file = File {
        content_type: content_type(&path),
        plain: host.load(&path),
        gzip: host.load(&format!("{path}.gz")),
        brotli: host.load(&format!("{path}.br")),
    };
    (file.plain.is_some() || file.gzip.is_some() || file.brotli.is_some()).then_some(file)
}

#[rquickjs::methods(rename_all = "camelCase")]
impl File {
    /// As `from`, but a missing file throws.
    #[qjs(constructor)]
    pub fn new(ctx: Ctx<'_>, path: String) -> js::Result<Self> {
        find(&ctx, &path).ok_or_else(|| throw_error(&ctx, &format!("file not found in the codebase: {path}")))
    }

    /// A file of the codebase, or null.
    #[qjs(static)]
    pub fn from<'js>(ctx: Ctx<'js>, path: String) -> js::Result<Value<'js>> {
        match find(&ctx, &path) {
            Some(file) => Ok(Class::instance(ctx, file)?.into_value()),
            None => Ok(Value::new_null(ctx)),
        }
    }

    /// A response with the contents, compressed when there is such a variant and the client takes it.
    pub fn to_message<'js>(&self, ctx: Ctx<'js>, accepts: Opt<Value<'js>>) -> js::Result<Class<'js, JsMessage>> {
        let accepts = accepts.0.filter(|value| !js::is_nullish(value));
        let accepts = accepts.map_or_else(String::new, |value| js::value_to_text(&ctx, &value));
        let weight = |coding: &str, variant: &Option<Bytes>| variant.as_ref().map_or(0.0, |_| takes(&accepts, coding));
        let (br, gz) = (weight("br", &self.brotli), weight("gzip", &self.gzip));
        let (encoding, body) = match (&self.plain, &self.gzip, &self.brotli) {
            // What the client likes best; br where it likes both.
            (_, _, Some(brotli)) if br > 0.0 && br >= gz => (Some("br"), brotli.clone()),
            (_, Some(gzip), _) if gz > 0.0 => (Some("gzip"), gzip.clone()),
            (Some(plain), ..) => (None, plain.clone()),
            (None, Some(gzip), _) => (None, unpack(&ctx, GzDecoder::new(&**gzip))?),
            (None, None, Some(brotli)) => (None, unpack(&ctx, Decompressor::new(&**brotli, limits::READ_BYTES))?),
            (None, None, None) => (None, Bytes::new()),
        };
        let mut head = ResponseHead::default();
        let failed = |error| throw_error(&ctx, &format!("cannot set a header: {error}"));
        head.headers
            .push(b"content-type", self.content_type.as_bytes())
            .map_err(failed)?;
        if let Some(encoding) = encoding {
            head.headers
                .push(b"content-encoding", encoding.as_bytes())
                .map_err(failed)?;
        }
        let message = Message {
            head: MessageStart::new(HeadKind::Response(head)).head,
            body: Some(Data::from(body)),
            ..Message::default()
        };
        Class::instance(ctx.clone(), JsMessage::wrap(&ctx, message)?)
    }
}

/// How much a client that sends this `accept-encoding` likes a coding, 0 (not at all) to 1. Source: RFC 9110 section 12.5.3.
pub(super) fn takes(accepts: &str, coding: &str) -> f64 {
    let weight = |name: &str| {
        accepts.split(',').find_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let is_named = parts.next().is_some_and(|given| given.eq_ignore_ascii_case(name));
            let weight = parts.find_map(|part| {
                let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="))?;
                weight.trim().parse::<f64>().ok()
            });
            is_named.then(|| weight.unwrap_or(1.0).clamp(0.0, 1.0))
        })
    };
    weight(coding).or_else(|| weight("*")).unwrap_or(0.0)
}

fn unpack(ctx: &Ctx<'_>, packed: impl Read) -> js::Result<Bytes> {
    let mut plain = Vec::new();
    let read = packed.take(limits::HELD_BYTES as u64).read_to_end(&mut plain);
    match read {
        Ok(_) => Ok(plain.into()),
        Err(error) => Err(throw_error(
            ctx,
            &format!("cannot unpack a .gz or .br file of the codebase: {error}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{content_type, takes};

    #[test]
    fn codings_and_types() {
        for (accepts, taken) in [
            ("gzip", 1.0),
            ("br, GZIP", 1.0),
            ("gzip;q=0", 0.0),
            ("gzip; q=0.5", 0.5),
            ("br;q=1, *;q=0.1", 0.1),
            ("*, gzip;q=0", 0.0),
            ("xgzip", 0.0),
            ("", 0.0),
        ] {
            assert_eq!(takes(accepts, "gzip"), taken, "{accepts}");
        }
        for (path, kind) in [
            ("/a.b/index.HTML", "text/html"),
            ("/a.tar.json", "application/json"),
            ("/a", "application/octet-stream"),
        ] {
            assert_eq!(content_type(path), kind, "{path}");
        }
    }
}
