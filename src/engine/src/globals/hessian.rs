//! `Hessian.decode(data)` and `Hessian.encode(...values)`. Source: pipyjs/globals.md section 12.

use crate::data::Data;
use crate::js::{self, HessianReader, HessianWriter, JsData, throw_error};
use ballast_codec::hessian::{self, Decoder};
use bytes::BytesMut;
use rquickjs::function::{Function, Rest};
use rquickjs::{Array, Class, Ctx, Object, Value};

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let global = Object::new(ctx.clone())?;
    global.set("decode", Function::new(ctx.clone(), decode)?)?;
    global.set("encode", Function::new(ctx.clone(), encode)?)?;
    ctx.globals().set("Hessian", global)
}

/// The values in `data`: an array, for a payload of Dubbo holds several.
///
/// # Errors  Throws for bytes that are no Hessian 2, or not whole.
fn decode<'js>(ctx: Ctx<'js>, data: Value<'js>) -> js::Result<Array<'js>> {
    let bytes = JsData::bytes_of(&ctx, &data)?.to_bytes();
    let mut decoder = Decoder::new(bytes);
    let mut reader = HessianReader::default();
    let values = Array::new(ctx.clone())?;
    let wrong = |error: hessian::Error| throw_error(&ctx, &format!("Hessian.decode: {error}"));
    while let Some(value) = decoder.decode().map_err(wrong)? {
        values.set(values.len(), reader.value(&ctx, &value)?)?;
    }
    Ok(values)
}

/// One value after the other: an array is a list, not several values.
fn encode<'js>(ctx: Ctx<'js>, values: Rest<Value<'js>>) -> js::Result<Class<'js, JsData>> {
    let (mut writer, mut bytes) = (HessianWriter::default(), BytesMut::new());
    for value in values.0 {
        hessian::encode(&writer.value(&ctx, &value)?, &mut bytes);
    }
    let data = Data::from(bytes.freeze());
    JsData::object(&ctx, data)
}
