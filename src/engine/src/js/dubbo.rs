//! Heads of Dubbo's frames as scripts see them. Source: pipyjs/filters.md section 8.

use super::{Result, head_value, is_nullish, number_of, throw_error, truthy, value_to_text};
use crate::event::Head as AnyHead;
use ballast_codec::dubbo::{HESSIAN2, Head, OK};
use rquickjs::{Ctx, Object, Value};
use std::rc::Rc;

/// The largest number up to which all whole numbers are exact.
const EXACT: u64 = 1 << 53;

/// The object that scripts see. A `requestID` beyond 2^53, which a number would alter, is a string of digits.
pub(crate) fn dubbo_object<'js>(ctx: &Ctx<'js>, head: &Head) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    match head.request_id <= EXACT {
        true => object.set("requestID", head.request_id as f64)?,
        false => object.set("requestID", head.request_id.to_string())?,
    }
    object.set("isRequest", head.is_request)?;
    object.set("isTwoWay", head.is_two_way)?;
    object.set("isEvent", head.is_event)?;
    object.set("serializationType", head.serialization)?;
    object.set("status", head.status)?;
    Ok(object)
}

/// The head to send; what is missing is 0 or false, but for the serialization (Hessian 2) and the status of a response (OK).
///
/// # Errors  Throws for numbers that do not fit.
pub(crate) fn dubbo_head_of(ctx: &Ctx<'_>, head: Option<&Rc<AnyHead>>) -> Result<Head> {
    let value = head_value(ctx, head)?;
    let Some(object) = value.as_object() else {
        let (serialization, status) = (HESSIAN2, OK);
        return Ok(Head {
            serialization,
            status,
            ..Head::default()
        });
    };
    let is_request = truthy(&object.get("isRequest")?);
    let small = |name: &str, most: u8, default: u8| -> Result<u8> {
        let value: Value = object.get(name)?;
        if is_nullish(&value) {
            return Ok(default);
        }
        let number = number_of(&value, 1.0).filter(|number| (0.0..=f64::from(most)).contains(number));
        number.map(|number| number as u8).ok_or_else(|| {
            let given = value_to_text(ctx, &value);
            throw_error(
                ctx,
                &format!("{name} {given} of a Dubbo head is not between 0 and {most}"),
            )
        })
    };
    let id: Value = object.get("requestID")?;
    let request_id = match is_nullish(&id) {
        true => 0,
        // Of a number, a string of digits or a BigInt, the text is exact.
        false => value_to_text(ctx, &id).parse().map_err(|_| {
            let given = value_to_text(ctx, &id);
            throw_error(
                ctx,
                &format!("requestID {given} of a Dubbo head is no whole number of 64 bits"),
            )
        })?,
    };
    Ok(Head {
        request_id,
        is_request,
        is_two_way: truthy(&object.get("isTwoWay")?),
        is_event: truthy(&object.get("isEvent")?),
        serialization: small("serializationType", 31, HESSIAN2)?,
        status: small("status", 255, if is_request { 0 } else { OK })?,
    })
}
