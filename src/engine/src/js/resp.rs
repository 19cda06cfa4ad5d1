//! Values of RESP as scripts see them: strings, numbers, Errors, Data, arrays, null. Source: pipyjs/filters.md section 8.

use super::{JsData, List, Result, error_value, throw_type};
use crate::data::Data;
use ballast_codec::resp::{MAX_DEPTH, Value as Resp};
use rquickjs::{Array, Ctx, Value};

/// The script's value. Bulk strings become Data, for they hold any bytes.
pub(crate) fn resp_value<'js>(ctx: &Ctx<'js>, value: &Resp) -> Result<Value<'js>> {
    Ok(match value {
        Resp::Simple(text) => rquickjs::String::from_str(ctx.clone(), text)?.into_value(),
        Resp::Error(text) => error_value(ctx, text)?,
        Resp::Integer(number) => Value::new_number(ctx.clone(), *number as f64),
        Resp::Bulk(bytes) => {
            let data = Data::from(bytes.clone());
            JsData::object(ctx, data)?.into_value()
        }
        Resp::Array(values) => {
            let array = Array::new(ctx.clone())?;
            for (index, value) in values.iter().enumerate() {
                array.set(index, resp_value(ctx, value)?)?;
            }
            array.into_value()
        }
        Resp::Null => Value::new_null(ctx.clone()),
    })
}

/// The value to send; undefined is null, true and false are 1 and 0, a fraction is a string.
///
/// # Errors  Throws for objects of no form in RESP, and for arrays that nest too deeply.
pub(crate) fn resp_of<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Resp> {
    of(ctx, value, 0)
}

fn of<'js>(ctx: &Ctx<'js>, value: &Value<'js>, depth: usize) -> Result<Resp> {
    if super::is_nullish(value) {
        return Ok(Resp::Null);
    }
    if let Some(flag) = value.as_bool() {
        return Ok(Resp::Integer(i64::from(flag)));
    }
    if let Some(number) = value.as_number() {
        return Ok(match number.fract() == 0.0 && number.abs() < 9.0e15 {
            true => Resp::Integer(number as i64),
            false => Resp::Bulk(number.to_string().into()),
        });
    }
    if let Some(text) = value.as_string() {
        return Ok(Resp::Simple(text.to_string()?));
    }
    if let Some(array) = value.as_list() {
        if depth >= MAX_DEPTH {
            return Err(throw_type(ctx, &format!("RESP: arrays nest deeper than {MAX_DEPTH}")));
        }
        let all = array.iter::<Value>().map(|value| of(ctx, &value?, depth + 1));
        return Ok(Resp::Array(all.collect::<Result<_>>()?));
    }
    if let Some(data) = super::value_to_data(ctx, value) {
        return Ok(Resp::Bulk(data.to_bytes()));
    }
    if let Some(error) = value.as_object().filter(|_| value.is_error()) {
        return Ok(Resp::Error(error.get("message")?));
    }
    Err(throw_type(
        ctx,
        "RESP: a value is a string, number, Error, Data, array or null",
    ))
}
