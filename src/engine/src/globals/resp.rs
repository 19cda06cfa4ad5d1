//! `RESP.decode(data)` and `RESP.encode(value)`. Source: pipyjs/globals.md section 12.

use crate::data::Data;
use crate::js::{self, JsData, throw_error};
use crate::limits;
use ballast_codec::Chunks;
use ballast_codec::resp::{self, Decoder};
use bytes::BytesMut;
use rquickjs::function::Function;
use rquickjs::{Array, Class, Ctx, Object, Value};

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let global = Object::new(ctx.clone())?;
    global.set("decode", Function::new(ctx.clone(), decode)?)?;
    global.set("encode", Function::new(ctx.clone(), encode)?)?;
    ctx.globals().set("RESP", global)
}

/// The values in `data`: an array, for there may be several.
///
/// # Errors  Throws for bytes that are no RESP, or not whole.
fn decode<'js>(ctx: Ctx<'js>, data: Value<'js>) -> js::Result<Array<'js>> {
    let bytes = JsData::bytes_of(&ctx, &data)?.to_bytes();
    let mut decoder = Decoder::new(limits::HELD_BYTES);
    let mut input = Chunks::new();
    input.push(bytes);
    let wrong = |error: resp::Error| throw_error(&ctx, &format!("RESP.decode: {error}"));
    let values = Array::new(ctx.clone())?;
    while let Some(value) = decoder.decode(&mut input).map_err(wrong)? {
        values.set(values.len(), js::resp_value(&ctx, &value)?)?;
    }
    decoder.finish().map_err(wrong)?;
    Ok(values)
}

fn encode<'js>(ctx: Ctx<'js>, value: Value<'js>) -> js::Result<Class<'js, JsData>> {
    let mut bytes = BytesMut::new();
    resp::encode(&js::resp_of(&ctx, &value)?, &mut bytes);
    let data = Data::from(bytes.freeze());
    JsData::object(&ctx, data)
}
