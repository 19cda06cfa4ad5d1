//! The value that QuickJS lends to a hook of an exotic object, made one of our own. The only unsafe code of js/.
#![allow(
    unsafe_code,
    reason = "rquickjs 0.14 drops the value given to `exotic_set_property`, which QuickJS frees too"
)]

use rquickjs::{Value, qjs};

/// Counts the reference that dropping `value` takes back. To be called once, first thing in `exotic_set_property`:
/// JS_SetPropertyInternal frees its value after the hook, and rquickjs's hook gives it out as an owned `Value`.
/// A test of heads (`values_are_freed_once`) fails when that is mended there.
pub(super) fn own(value: &Value<'_>) {
    // JUSTIFICATION: a clone that is forgotten would do, but for the reference to the context that it keeps too.
    // SAFETY: the context is alive as long as `value`, which holds it; the value is alive, for the caller of the hook has a
    // reference until it returns.
    unsafe { qjs::JS_DupValue(value.ctx().as_raw().as_ptr(), value.as_raw()) };
}
