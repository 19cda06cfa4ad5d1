//! PEM texts of certificates and keys. Source: RFC 7468.

use crate::data::Data;
use crate::js::{self, JsData, throw_type, value_to_data};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rquickjs::{Class, Ctx, Value};

/// The text that a script gave.
pub(super) fn source<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Vec<u8>> {
    let data = value_to_data(ctx, value).ok_or_else(|| throw_type(ctx, "argument 1 expects a string or a Data"))?;
    Ok(data.to_vec())
}

/// The first block with this label.
pub(super) fn from_pem(text: &[u8], label: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}

/// A block with this label.
pub(super) fn to_pem<'js>(ctx: Ctx<'js>, label: &str, der: &[u8]) -> js::Result<Class<'js, JsData>> {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in STANDARD.encode(der).as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    JsData::object(&ctx, Data::from(text.as_str()))
}
