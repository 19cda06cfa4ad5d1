//! Exceptions both ways: thrown by us into scripts, and caught from scripts with their place in the original source.

use super::{Result, bounds};
use crate::error::ScriptError;
use crate::value::Saved;
use rquickjs::{Ctx, Exception, JsLifetime, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Throws an `Error`.
pub(crate) fn throw_error(ctx: &Ctx<'_>, message: &str) -> rquickjs::Error {
    match Exception::from_message(ctx.clone(), message) {
        Ok(exception) => exception.throw(),
        Err(error) => error,
    }
}

/// Throws a `TypeError`.
pub(crate) fn throw_type(ctx: &Ctx<'_>, message: &str) -> rquickjs::Error {
    Exception::throw_type(ctx, message)
}

/// An `Error` object with this message, not thrown.
pub(crate) fn error_value<'js>(ctx: &Ctx<'js>, message: &str) -> Result<Value<'js>> {
    Ok(Exception::from_message(ctx.clone(), message)?
        .into_object()
        .into_value())
}

/// Source texts and the edits that were made before QuickJS saw them, by file name. One a realm.
#[derive(Clone, Default, JsLifetime)]
pub(crate) struct Positions(Rc<RefCell<HashMap<String, File>>>);

#[derive(Default)]
struct File {
    lines: Vec<String>,
    /// Per line (from 0): (column in the edited line, added minus removed), columns from 0 in UTF-16-free bytes.
    edits: HashMap<u32, Vec<(u32, i32)>>,
}

impl Positions {
    /// The positions of the scripts in `ctx`.
    pub(crate) fn of(ctx: &Ctx<'_>) -> Positions {
        ctx.userdata::<Positions>()
            .map(|positions| positions.clone())
            .unwrap_or_default()
    }

    /// Keeps the text of `file` and its edits as (byte offset in the original, bytes added, bytes removed), sorted.
    pub(crate) fn add(&self, file: &str, source: &str, edits: &[(usize, usize, usize)]) {
        let mut entry = File {
            lines: source.lines().map(str::to_owned).collect(),
            edits: HashMap::new(),
        };
        let starts: Vec<usize> = std::iter::once(0)
            .chain(source.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        for &(at, added, removed) in edits {
            let line = starts.partition_point(|&start| start <= at).saturating_sub(1);
            let list = entry.edits.entry(line as u32).or_default();
            let shift: i32 = list.iter().map(|(_, delta)| delta).sum();
            let column = (at - starts.get(line).copied().unwrap_or(0)) as i32 + shift;
            list.push((column.max(0) as u32, added as i32 - removed as i32));
        }
        self.0.borrow_mut().insert(file.to_owned(), entry);
    }

    /// Line and column (from 1) in the original text, with the line.
    fn original(&self, file: &str, line: u32, column: u32) -> (u32, String) {
        let files = self.0.borrow();
        let Some(entry) = files.get(file) else {
            return (column, String::new());
        };
        let index = line.saturating_sub(1);
        let mut at = column.saturating_sub(1) as i32;
        let mut shift = 0;
        for (edit, delta) in entry.edits.get(&index).map(Vec::as_slice).unwrap_or_default() {
            if (*edit as i32) < at {
                // A place inside the added text belongs to where the edit starts.
                shift += (*delta).min(at - *edit as i32);
            }
        }
        at -= shift;
        (
            at.max(0) as u32 + 1,
            entry.lines.get(index as usize).cloned().unwrap_or_default(),
        )
    }

    /// A line (from 1) of a script; empty when unknown.
    pub(crate) fn line(&self, file: &str, line: u32) -> String {
        self.original(file, line, 1).1
    }

    /// `name (file:line:column)` or `file:line:column` of a QuickJS frame, in original coordinates.
    fn frame(&self, text: &str) -> Option<(String, String, u32, u32, String)> {
        let text = text.trim().strip_prefix("at ")?;
        let (function, place) = match text.rsplit_once(" (") {
            Some((function, place)) => (function, place.trim_end_matches(')')),
            None => ("", text),
        };
        let mut parts = place.rsplitn(3, ':');
        let column: u32 = parts.next()?.parse().ok()?;
        let line: u32 = parts.next()?.parse().ok()?;
        let file = parts.next()?.to_owned();
        let (column, source) = self.original(&file, line, column);
        Some((function.to_owned(), file, line, column, source))
    }
}

/// Turns the error of a call into a described one with the thrown value (for `StreamEnd.error`). Takes the pending
/// exception.
pub(crate) fn caught(ctx: &Ctx<'_>, error: rquickjs::Error) -> (ScriptError, Saved) {
    let value = match error {
        rquickjs::Error::Exception => ctx.catch(),
        other => match error_value(ctx, &other.to_string()) {
            Ok(value) => value,
            Err(_) => Value::new_undefined(ctx.clone()),
        },
    };
    (describe(ctx, &value), Saved::new(ctx, value))
}

/// The name before the first opening parenthesis from a place on, if nothing but a path of names stands between.
fn callee(line: &str, column: u32) -> Option<&str> {
    let rest = line.get(column.saturating_sub(1) as usize..)?;
    let (path, _) = rest.split_once('(')?;
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let is_path = path.chars().all(|c| is_name(c) || matches!(c, '.' | '?' | ' '));
    let name = path.rsplit('.').next()?.trim();
    (is_path && !name.is_empty() && name.chars().all(is_name)).then_some(name)
}

/// `file:line:column` of the script's call, in its own coordinates.
pub(crate) fn calling_place(ctx: &Ctx<'_>) -> String {
    let Ok(error) = error_value(ctx, "") else {
        return String::new();
    };
    let described = describe(ctx, &error);
    format!("{}:{}:{}", described.file, described.line, described.column)
}

/// Message and place of a thrown value.
pub(crate) fn describe<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> ScriptError {
    let positions = Positions::of(ctx);
    let exception = value.as_object().cloned().and_then(Exception::from_object);
    let Some(exception) = exception else {
        return ScriptError::new(match value.is_null() {
            true => bounds::thrown_null(ctx),
            false => super::value_to_text(ctx, value),
        });
    };
    let name = value
        .as_object()
        .and_then(|object| object.get::<_, String>("name").ok())
        .unwrap_or_default();
    let name = if name.is_empty() { "Error".to_owned() } else { name };
    let message = exception.message().unwrap_or_default();
    let said = bounds::explained(ctx, &message);
    let mut described = ScriptError::new(format!("{name}: {}", said.as_ref().unwrap_or(&message)));
    for (index, line) in exception.stack().unwrap_or_default().lines().take(32).enumerate() {
        let Some((function, file, line, column, source)) = positions.frame(line) else {
            continue;
        };
        // Only the innermost frame made the call; deeper ones may be ours.
        if index == 0
            && message == "not a function"
            && let Some(callee) = callee(&source, column)
        {
            described.message = format!("{name}: {callee} is not a function");
        }
        // A text that was parsed as JSON, or made into a function: its place is no place of a script.
        if file == "<input>" && name == "SyntaxError" {
            described.message = format!("{name}: line {line}, column {column} of the text: {message}");
            continue;
        }
        // "eval_script": our own scope.js and prelude.js, which stand between a script and its names.
        if matches!(file.as_str(), "" | "native" | "eval_script" | "<input>") {
            continue;
        }
        if described.line == 0 {
            described.file.clone_from(&file);
            described.line = line;
            described.column = column;
            described.text = source;
        }
        described.backtrace.push(if function.is_empty() {
            format!("{file}:{line}:{column}")
        } else {
            format!("{function} ({file}:{line}:{column})")
        });
    }
    described
}

#[cfg(test)]
mod tests {
    use super::callee;

    #[track_caller]
    fn check(line: &str, column: u32, expected: Option<&str>) {
        assert_eq!(callee(line, column), expected, "{line:?} from {column}");
    }

    #[test]
    fn a_missing_function_is_named() {
        check("pipy().listen(80).noSuchFilter()", 18, Some("noSuchFilter"));
        check("a.b.c (1)", 1, Some("c"));
        check("a.b.c(1)", 5, Some("c"));
        check("a?.b?.(1)", 1, None);
        check("list[0](1)", 1, None);
        check("(x => x)(1)", 1, None);
        check("short", 1, None);
        check("short", 99, None);
        check("é.ö()", 2, None);
    }
}
