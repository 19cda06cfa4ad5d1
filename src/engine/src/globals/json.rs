//! `JSON.parse`, `decode`, `stringify`, `encode`. Source: pipyjs/globals.md section 2. The text forms are those of the
//! script engine; ours are the Data forms, the replacer's third argument, and undefined for text that is not JSON in
//! codebases of dialect E1.

use crate::data::Data;
use crate::js::{self, Callback, JsData};
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
        move |ctx: Ctx<'js>, data: Opt<Value<'js>>, reviver: Opt<Value<'js>>| {
            let Some(data) = data.0.filter(|data| !js::is_nullish(data)) else {
                return Ok(Value::new_null(ctx.clone()));
            };
            let bytes = JsData::bytes_of(&ctx, &data)?.to_bytes();
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
