//! `JSON.parse`, `decode`, `stringify`, `encode`. Source: pipyjs/globals.md section 2. The text forms are those of the
//! script engine; ours are the Data forms, the replacer's third argument, and undefined for text that is not JSON in
//! codebases of dialect E1.

use crate::data::Data;
use crate::js::{self, Callback, JsData, Options};
use crate::pipeline::realm;
use rquickjs::function::{Function, Opt};
use rquickjs::{Ctx, Object, Value};
use std::borrow::Cow;

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let json: Object = ctx.globals().get("JSON")?;
    let parse = Callback::new(ctx, json.get("parse")?);
    // The standard replacer gets the object as `this`, which arrow functions do not see.
    let stringify: Function = ctx.eval(
        "(stringify => (value, replacer, space) => stringify(value, typeof replacer === 'function' \
         ? function (key, value) { return replacer(key, value, this) } : undefined, space))(JSON.stringify)",
    )?;
    let stringify = Callback::new(ctx, stringify);
    json.set("parse", parse_text(ctx, parse.clone())?)?;
    json.set("decode", decode(ctx, parse)?)?;
    json.set("stringify", stringify.get(ctx)?)?;
    json.set("encode", encode(ctx, stringify)?)
}

/// `JSON.parse(string, reviver?)`.
fn parse_text<'js>(ctx: &Ctx<'js>, parse: Callback) -> js::Result<Function<'js>> {
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, text: Opt<Value<'js>>, reviver: Opt<Value<'js>>| {
            let text = text.0.unwrap_or_else(|| Value::new_undefined(ctx.clone()));
            lenient(&ctx, parse.call(&ctx, (text, reviver.0)))
        },
    )
}

/// `JSON.decode(data, reviver?, options?)`.
fn decode<'js>(ctx: &Ctx<'js>, parse: Callback) -> js::Result<Function<'js>> {
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, data: Opt<Value<'js>>, reviver: Opt<Value<'js>>, options: Opt<Value<'js>>| {
            let Some(data) = data.0.filter(|data| !js::is_nullish(data)) else {
                return Ok(Value::new_null(ctx.clone()));
            };
            let options = options.0.unwrap_or_else(|| Value::new_undefined(ctx.clone()));
            let most = Options::new(&ctx, &options)?.size("maxStringSize")?;
            let bytes = JsData::bytes_of(&ctx, &data)?.to_bytes();
            if let Some(most) = most.filter(|most| has_string_beyond(&bytes, *most)) {
                return Err(js::throw_error(
                    &ctx,
                    &format!("a string of the JSON text has more than {most} bytes (options.maxStringSize)"),
                ));
            }
            let text = match String::from_utf8_lossy(&bytes) {
                Cow::Borrowed(_) => bytes.to_vec(),
                Cow::Owned(text) => text.into_bytes(),
            };
            let decoded = match reviver.0.filter(Value::is_function) {
                None => ctx.json_parse(text),
                Some(reviver) => {
                    let text = String::from_utf8_lossy(&text).into_owned();
                    parse.call(&ctx, (text, reviver))
                }
            };
            lenient(&ctx, decoded)
        },
    )
}

/// Whether a name or string of this text is longer than that, in bytes of its content. What is no JSON may give either.
fn has_string_beyond(text: &[u8], most_bytes: usize) -> bool {
    let mut inside = None;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        let length = match (byte, inside) {
            (b'"', None) => {
                inside = Some(0);
                continue;
            }
            (_, None) => continue,
            (b'"', Some(_)) => {
                inside = None;
                continue;
            }
            (b'\\', Some(length)) => match bytes.next() {
                Some(b'u') => {
                    let digits = bytes
                        .by_ref()
                        .take(4)
                        .map(|digit| char::from(*digit).to_digit(16).unwrap_or(0));
                    // A pair of surrogates, two such escapes, is one character of four bytes.
                    length
                        + match digits.fold(0, |code, digit| code * 16 + digit) {
                            0..0x80 => 1,
                            0x80..0x800 | 0xd800..0xe000 => 2,
                            _ => 3,
                        }
                }
                _ => length + 1,
            },
            (_, Some(length)) => length + 1,
        };
        if length > most_bytes {
            return true;
        }
        inside = Some(length);
    }
    false
}

/// Undefined instead of an exception, where scripts of 2021 rely on it.
fn lenient<'js>(ctx: &Ctx<'js>, parsed: js::Result<Value<'js>>) -> js::Result<Value<'js>> {
    if parsed.is_err() && realm(ctx).legacy.get() {
        ctx.catch();
        return Ok(Value::new_undefined(ctx.clone()));
    }
    parsed
}

/// `JSON.encode(value, replacer?, space?)`; empty for undefined.
fn encode<'js>(ctx: &Ctx<'js>, stringify: Callback) -> js::Result<Function<'js>> {
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, value: Opt<Value<'js>>, replacer: Opt<Value<'js>>, space: Opt<Value<'js>>| {
            let undefined = || Value::new_undefined(ctx.clone());
            let args = [value, replacer, space].map(|arg| arg.0.unwrap_or_else(undefined));
            let [value, replacer, space] = args;
            let text = stringify.call(&ctx, (value, replacer, space))?;
            let data = match text.as_string() {
                Some(text) => Data::from(text.to_string()?.as_str()),
                None => Data::new(),
            };
            JsData::object(&ctx, data)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::has_string_beyond;

    /// Lengths: of the characters in UTF-8 (RFC 3629), escapes of RFC 8259 section 7.
    #[test]
    fn long_strings_are_seen() {
        for (text, most, expected) in [
            ("{}", 0, false),
            (r#""""#, 0, false),
            (r#""a""#, 0, true),
            (r#"{"name":1}"#, 4, false),
            (r#"{"name":1}"#, 3, true),
            (r#"["abc","d"]"#, 3, false),
            (r#"["abc","defg"]"#, 3, true),
            (r#"["\"\\"]"#, 2, false),
            (r#"["\"\\"]"#, 1, true),
            (r#"["\u0041"]"#, 1, false),
            ("[\"\u{e4}\"]", 2, false),
            ("[\"\u{e4}\"]", 1, true),
            (r#"["\u00e4"]"#, 2, false),
            (r#"["\u00e4"]"#, 1, true),
            (r#"["\ud83d\ude00"]"#, 4, false),
            (r#"["\ud83d\ude00"]"#, 3, true),
            (r#"["\u20ac"]"#, 2, true),
            (r#"["open"#, 3, true),
            (r#"["\"#, 0, true),
        ] {
            assert_eq!(has_string_beyond(text.as_bytes(), most), expected, "{text} {most}");
        }
    }
}
