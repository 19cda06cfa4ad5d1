//! Heads of WebSocket messages between their native form and JavaScript objects. Source: pipyjs/filters.md section 8.

use super::{Result, is_nullish, number_of, throw_error, truthy, value_to_text};
use crate::event::{Head, HeadKind};
use ballast_codec::websocket;
use rquickjs::{Ctx, Object, Value};
use std::rc::Rc;

/// The object that scripts see: `{ opcode, masked }`.
pub(super) fn websocket_object<'js>(ctx: &Ctx<'js>, head: websocket::Head) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("opcode", head.opcode)?;
    object.set("masked", head.masked)?;
    Ok(object)
}

/// The head that a message is sent with; default: opcode 2, not masked.
///
/// # Errors  Throws for an opcode that RFC 6455 does not define.
pub(crate) fn websocket_head_of(ctx: &Ctx<'_>, head: Option<&Rc<Head>>) -> Result<websocket::Head> {
    let mut found = websocket::Head {
        opcode: websocket::BINARY,
        masked: false,
    };
    let Some(head) = head else { return Ok(found) };
    let value = match &*head.0.borrow() {
        HeadKind::WebSocket(head) => return Ok(*head),
        HeadKind::Js(saved) => saved.get(ctx),
        HeadKind::Request(_) | HeadKind::Response(_) => return Ok(found),
    };
    let Some(object) = value.as_object() else {
        return Ok(found);
    };
    let opcode: Value = object.get("opcode")?;
    if !is_nullish(&opcode) {
        let number = number_of(&opcode, 1.0).filter(|number| [1.0, 2.0, 8.0, 9.0, 10.0].contains(number));
        let Some(number) = number else {
            let given = value_to_text(ctx, &opcode);
            return Err(throw_error(
                ctx,
                &format!("WebSocket opcode {given} is none of 1, 2, 8, 9 and 10"),
            ));
        };
        found.opcode = number as u8;
    }
    found.masked = truthy(&object.get("masked")?);
    Ok(found)
}
