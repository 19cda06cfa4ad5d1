//! References to values as QuickJS counts them: the value that it lends to a hook of an exotic object is made one of our own,
//! and an object that nobody else has is told from others. The only unsafe code of js/.
#![allow(
    unsafe_code,
    reason = "rquickjs 0.14 drops the value given to `exotic_set_property`, which QuickJS frees too; and it counts references, \
              but does not say how many there are"
)]

use rquickjs::{Ctx, Object, Value, qjs};

/// Counts the reference that dropping `value` takes back. To be called once, first thing in `exotic_set_property`:
/// JS_SetPropertyInternal frees its value after the hook, and rquickjs's hook gives it out as an owned `Value`.
/// A test of heads (`values_are_freed_once`) fails when that is mended there.
pub(super) fn own(value: &Value<'_>) {
    // JUSTIFICATION: a clone that is forgotten would do, but for the reference to the context that it keeps too.
    // SAFETY: the context is alive as long as `value`, which holds it; the value is alive, for the caller of the hook has a
    // reference until it returns.
    unsafe { qjs::JS_DupValue(value.ctx().as_raw().as_ptr(), value.as_raw()) };
}

/// How many references there are to an object, those of Rust among them; None for a value that is no object. To be asked
/// only where [`is_counting`] says that the answer can be trusted.
pub(super) fn owners(value: &Value<'_>) -> Option<i32> {
    /// So many bytes before an object QuickJS has its count: the last field of JSMallocBlockHeader.
    const BEFORE: usize = 4;
    let object = value.as_object()?;
    // JUSTIFICATION: an object may be used again only when no script has it, and neither QuickJS nor rquickjs has a call that
    // tells.
    // SAFETY: the value is an object, so its pointer is to a block of QuickJS's allocator, alive as long as `value` is;
    // in front of it lies the header of that block: these bytes are readable and aligned as an `int` is. Nobody writes there meanwhile: the
    // engine runs on this thread. Should another version keep something else there, `is_counting` says so.
    Some(unsafe {
        qjs::JS_VALUE_GET_PTR(object.as_raw())
            .byte_sub(BEFORE)
            .cast::<i32>()
            .read()
    })
}

/// Whether [`owners`] counts right: where the count stands is no part of QuickJS's interface.
pub(super) fn is_counting(ctx: &Ctx<'_>) -> bool {
    let Ok(object) = Object::new(ctx.clone()) else {
        return false;
    };
    let object = object.into_value();
    let alone = owners(&object);
    let others = [object.clone(), object.clone()];
    let shared = owners(&object);
    drop(others);
    (alone, shared, owners(&object)) == (Some(1), Some(3), Some(1))
}

#[cfg(test)]
mod tests {
    use super::{is_counting, owners};
    use rquickjs::{Context, Object, Runtime, Value};

    #[test]
    fn references_are_counted() -> rquickjs::Result<()> {
        let context = Context::full(&Runtime::new()?)?;
        context.with(|ctx| {
            assert!(is_counting(&ctx));
            let object = Object::new(ctx.clone())?.into_value();
            assert_eq!(owners(&object), Some(1));
            let other = object.clone();
            assert_eq!(owners(&object), Some(2));
            ctx.globals().set("kept", other)?;
            assert_eq!(owners(&object), Some(2));
            ctx.eval::<(), _>("globalThis.also = { kept }; globalThis.kept = undefined")?;
            assert_eq!(owners(&object), Some(2));
            ctx.eval::<(), _>("globalThis.also = undefined")?;
            assert_eq!(owners(&object), Some(1));
            assert_eq!(owners(&Value::new_int(ctx, 1)), None);
            Ok(())
        })
    }
}
