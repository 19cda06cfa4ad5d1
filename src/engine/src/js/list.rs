//! Arrays of scripts, as the engine reads them.
//! rquickjs panics over the length of an array that has 2^31 elements or more (`new Array(3e9)`): such a one is no list to us.

use rquickjs::{Array, Value};

/// For `Value`: in place of its `as_array`.
pub(crate) trait List<'js> {
    /// The array that this is, if it has less than 2^31 elements.
    fn as_list(&self) -> Option<&Array<'js>>;
}

impl<'js> List<'js> for Value<'js> {
    fn as_list(&self) -> Option<&Array<'js>> {
        let array = self.as_array()?;
        let length: Value = array.as_object().get("length").ok()?;
        length.is_int().then_some(array)
    }
}
