//! Values as text for logs. Source: pipyjs/globals.md section 1, "Console format of values". Bounded in depth and size.

use super::{JsData, List, value_to_text};
use rquickjs::object::Filter;
use rquickjs::{Class, Ctx, Exception, Object, Value};

const DEPTH: usize = 6;
const LENGTH: usize = 16 << 10;

/// Values joined by blanks: strings as they are, others as `write_value` has it.
pub(crate) fn format_line<'js>(ctx: &Ctx<'js>, values: &[Value<'js>]) -> String {
    let mut line = String::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        match value.as_string().and_then(|text| text.to_string().ok()) {
            Some(text) => line.push_str(&text),
            None => write_value(ctx, value, 0, &mut line),
        }
    }
    line
}

/// One value: nested strings quoted, `{ "key": value }`, `[ a, b ]`, `Data[ 61 62 ]`, `{ name: ..., message: ... }`.
fn write_value<'js>(ctx: &Ctx<'js>, value: &Value<'js>, depth: usize, out: &mut String) {
    if out.len() > LENGTH || depth > DEPTH {
        return out.push_str("...");
    }
    if value.is_string() {
        return out.push_str(&format!("{:?}", value_to_text(ctx, value)));
    }
    if let Some(array) = value.as_list() {
        out.push('[');
        for (index, item) in array.iter::<Value>().flatten().enumerate() {
            out.push_str(if index > 0 { ", " } else { " " });
            write_value(ctx, &item, depth + 1, out);
            // `new Array(1e9)` costs a script nothing.
            if out.len() > LENGTH {
                break;
            }
        }
        return out.push_str(" ]");
    }
    if let Ok(data) = Class::<JsData>::from_value(value) {
        out.push_str("Data[ ");
        for byte in data.borrow().data().to_bytes().iter().take(LENGTH / 3) {
            out.push_str(&format!("{byte:02x} "));
        }
        return out.push(']');
    }
    if value.is_function() {
        return out.push_str("Function{ ... }");
    }
    let Some(object) = value.as_object() else {
        return out.push_str(&value_to_text(ctx, value));
    };
    if let Some(exception) = Exception::from_object(object.clone()) {
        let name: String = object.get("name").unwrap_or_default();
        let message = exception.message().unwrap_or_default();
        return out.push_str(&format!("{{ name: {name:?}, message: {message:?} }}"));
    }
    out.push('{');
    let mut separator = " ";
    for name in fields(object) {
        let field = object.get::<_, Value>(name.as_str());
        if let Some(field) = field.ok().filter(|field| !field.is_undefined() && !field.is_function()) {
            out.push_str(&format!("{separator}{name}: "));
            write_value(ctx, &field, depth + 1, out);
            separator = ", ";
        }
    }
    for (name, field) in object.props::<String, Value>().flatten() {
        out.push_str(&format!("{separator}{name:?}: "));
        write_value(ctx, &field, depth + 1, out);
        separator = ", ";
    }
    ctx.catch();
    out.push_str(" }");
}

/// The fields of an object of the engine: accessors that its class defines, in an order of our own.
fn fields(object: &Object<'_>) -> Vec<String> {
    const FIRST: [&str; 3] = ["type", "head", "body"];
    let class = object.get_prototype().filter(|class| class.get_prototype().is_some());
    let mut names: Vec<String> = class
        .map(|class| class.own_keys(Filter::new().string()).flatten().collect())
        .unwrap_or_default();
    names.sort_by_cached_key(|name| {
        let rank = FIRST.iter().position(|first| first == name);
        (rank.unwrap_or(FIRST.len()), name.clone())
    });
    names
}
