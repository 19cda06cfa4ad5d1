//! Options objects and the numbers with units in them. Source: pipyjs/README.md "How to read it".

use super::{Callback, Result};
use crate::js::throw_type;
use rquickjs::{Ctx, Object, Value};

/// An options object; missing, undefined and null options keep their default, others of a wrong type throw.
pub(crate) struct Options<'js> {
    ctx: Ctx<'js>,
    object: Option<Object<'js>>,
}

impl<'js> Options<'js> {
    /// Of an argument: an object, or nothing.
    pub(crate) fn new(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Self> {
        if !super::is_nullish(value) && !value.is_object() {
            return Err(throw_type(ctx, "options expects an object"));
        }
        Ok(Options {
            ctx: ctx.clone(),
            object: value.as_object().cloned(),
        })
    }

    /// The option as it is; None when it keeps its default.
    pub(crate) fn value(&self, name: &str) -> Result<Option<Value<'js>>> {
        let Some(object) = &self.object else { return Ok(None) };
        let value: Value = object.get(name)?;
        Ok((!super::is_nullish(&value)).then_some(value))
    }

    fn typed<T>(&self, name: &str, expects: &str, read: impl Fn(&Value<'js>) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.value(name)? else {
            return Ok(None);
        };
        read(&value)
            .map(Some)
            .ok_or_else(|| throw_type(&self.ctx, &format!("options.{name} expects {expects} or a function")))
    }

    /// A plain number; also as a numeric string.
    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>> {
        self.typed(name, "a number", |value| number_of(value, 1000.0))
    }

    /// A number of bytes: suffixes multiply by 1024.
    pub(crate) fn size(&self, name: &str) -> Result<Option<usize>> {
        self.typed(name, "a number", size_of)
    }

    /// A duration in seconds, as a number or as `'5s'`, `'1m'`, `'2h'`, `'1d'`.
    pub(crate) fn seconds(&self, name: &str) -> Result<Option<f64>> {
        self.typed(name, "a number", seconds_of)
    }

    /// A boolean, or `'true'` / `'false'`.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>> {
        self.typed(name, "a boolean", |value| match value.as_bool() {
            Some(flag) => Some(flag),
            None => match text(value)?.as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
        })
    }

    /// A string.
    pub(crate) fn string(&self, name: &str) -> Result<Option<String>> {
        self.typed(name, "a string", text)
    }

    /// A function.
    pub(crate) fn callback(&self, name: &str) -> Result<Option<Callback>> {
        let Some(value) = self.value(name)? else {
            return Ok(None);
        };
        Callback::from_value(&self.ctx, &value)
            .map(Some)
            .ok_or_else(|| throw_type(&self.ctx, &format!("options.{name} expects a function")))
    }
}

fn text(value: &Value<'_>) -> Option<String> {
    value.as_string()?.to_string().ok()
}

/// `12`, `'12'`, `'10k'`: a number whose suffix k, m, g, t multiplies by powers of `unit`; only the first letter counts.
pub(crate) fn number_of(value: &Value<'_>, unit: f64) -> Option<f64> {
    if let Some(number) = value.as_number() {
        return Some(number);
    }
    let text = text(value)?;
    let text = text.trim();
    let digits = text
        .find(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E'))
        .unwrap_or(text.len());
    let number: f64 = text[..digits].trim().parse().ok()?;
    let power = match text[digits..].chars().next().map(|c| c.to_ascii_lowercase()) {
        None => 0,
        Some('k') => 1,
        Some('m') => 2,
        Some('g') => 3,
        Some('t') => 4,
        Some(_) => return None,
    };
    Some(number * unit.powi(power))
}

/// A number of bytes; suffixes multiply by 1024. Negative: None.
pub(crate) fn size_of(value: &Value<'_>) -> Option<usize> {
    let number = number_of(value, 1024.0)?;
    (number >= 0.0 && number <= (1u64 << 53) as f64).then_some(number as usize)
}

/// Seconds: a number, or a string with s, m (minutes), h, d.
pub(crate) fn seconds_of(value: &Value<'_>) -> Option<f64> {
    if let Some(number) = value.as_number() {
        return (number.is_finite() && number >= 0.0).then_some(number);
    }
    let text = text(value)?;
    let text = text.trim();
    let digits = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number: f64 = text[..digits].trim().parse().ok()?;
    let factor = match text[digits..].chars().next().map(|c| c.to_ascii_lowercase()) {
        None | Some('s') => 1.0,
        Some('m') => 60.0,
        Some('h') => 3600.0,
        Some('d') => 86_400.0,
        Some(_) => return None,
    };
    (number.is_finite() && number >= 0.0).then_some(number * factor)
}
