//! Objects of heads whose header names were seen before: a function is made for each such list of names, once, that
//! makes the whole object in one call, and one that tells what a script has changed in it, so that a head that nobody
//! changed leaves as it came. The objects are plain, and the same as those of head.rs. Source: pipyjs/http.md section 1.
//!
//! Not for heads with repeated names, with bytes that are no text, or of HTTP/2: head.rs makes those field by field.

use super::{Result, is_nullish, throw_error};
use crate::event::{Head, HeadKind, Original};
use crate::limits;
use crate::value::Saved;
use ballast_codec::http1::{Headers, RequestHead, ResponseHead, Version};
use rquickjs::function::Args;
use rquickjs::{Array, Ctx, JsLifetime, Object, Value};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::rc::Rc;

/// The functions of one realm, by what is constant in the heads that they are for.
#[derive(Default, JsLifetime)]
struct Templates(Rc<Known>);

#[derive(Default)]
struct Known {
    by_key: RefCell<HashMap<Vec<u8>, Template>>,
    key: Cell<Vec<u8>>,
}

#[derive(Clone)]
struct Template {
    make: Saved,
    diff: Saved,
}

/// The start line, as far as it is constant: literals for the script, in the order of the object's fields.
struct Line<'a> {
    version: Version,
    /// `method`, or `status` and `statusText`.
    constants: [(&'static str, &'a str); 2],
    is_request: bool,
}

/// The object of `head`, and what is needed to find out later what scripts did to it; None when it takes the usual way.
///
/// # Errors  When the script engine runs out of memory.
pub(super) fn object_of<'js>(ctx: &Ctx<'js>, head: &HeadKind) -> Result<Option<(Value<'js>, Saved, Saved)>> {
    match head {
        HeadKind::Request(request) => request_object(ctx, request),
        HeadKind::Response(response) => response_object(ctx, response),
        HeadKind::WebSocket(_) | HeadKind::Js(_) => Ok(None),
    }
}

type Made<'js> = Result<Option<(Value<'js>, Saved, Saved)>>;

fn request_object<'js>(ctx: &Ctx<'js>, head: &RequestHead) -> Made<'js> {
    let Ok(path) = std::str::from_utf8(&head.target) else {
        return Ok(None);
    };
    let line = Line {
        version: head.version,
        constants: [("method", head.method.as_str()), ("", "")],
        is_request: true,
    };
    make(ctx, &line, Some(path), &head.headers)
}

fn response_object<'js>(ctx: &Ctx<'js>, head: &ResponseHead) -> Made<'js> {
    let status = head.status.to_string();
    let Ok(reason) = std::str::from_utf8(&head.reason) else {
        return Ok(None);
    };
    let line = Line {
        version: head.version,
        constants: [("status", &status), ("statusText", reason)],
        is_request: false,
    };
    make(ctx, &line, None, &head.headers)
}

fn make<'js>(ctx: &Ctx<'js>, line: &Line<'_>, path: Option<&str>, headers: &Headers) -> Made<'js> {
    if line.version == Version::Http2 || headers.len() > limits::TEMPLATE_HEADERS {
        return Ok(None);
    }
    let known = known(ctx);
    let mut key = known.key.take();
    write_key(&mut key, line, headers);
    let found = known.by_key.borrow().get(&key).cloned();
    let template = match found {
        Some(template) => Some(template),
        None => learn(ctx, &known, &key, line, headers)?,
    };
    known.key.set(key);
    let Some(Template { make, diff }) = template else {
        return Ok(None);
    };
    let Some(make) = make.get(ctx).into_function() else {
        return Ok(None);
    };
    let mut args = Args::new(ctx.clone(), headers.len() + 1);
    if let Some(path) = path {
        args.push_arg(path)?;
    }
    for (name, value) in headers.iter() {
        if is_connection(name) {
            continue;
        }
        match std::str::from_utf8(value) {
            Ok(value) => args.push_arg(value)?,
            Err(_) => return Ok(None),
        }
    }
    let record: Array = args.apply(&make)?;
    let object = record.get(0)?;
    Ok(Some((object, Saved::new(ctx, record.into_value()), diff)))
}

fn known(ctx: &Ctx<'_>) -> Rc<Known> {
    if let Some(templates) = ctx.userdata::<Templates>() {
        return templates.0.clone();
    }
    let templates = Templates::default();
    let known = templates.0.clone();
    let stored = ctx.store_userdata(templates);
    debug_assert!(stored.is_ok(), "no user data is borrowed here");
    known
}

fn write_key(key: &mut Vec<u8>, line: &Line<'_>, headers: &Headers) {
    key.clear();
    key.extend_from_slice(line.version.as_str().as_bytes());
    for (_, value) in line.constants {
        key.push(b'\n');
        key.extend_from_slice(value.as_bytes());
    }
    for (name, _) in headers.iter() {
        key.push(b'\n');
        key.extend_from_slice(name);
    }
}

fn is_connection(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"connection")
}

/// Makes the functions for heads like this one; None when they are not of the simple kind, or when enough are known.
fn learn(ctx: &Ctx<'_>, known: &Known, key: &[u8], line: &Line<'_>, headers: &Headers) -> Result<Option<Template>> {
    if known.by_key.borrow().len() >= limits::HEAD_TEMPLATES {
        return Ok(None);
    }
    let Some(source) = source(line, headers) else {
        return Ok(None);
    };
    let parts: Object = ctx.eval(source)?;
    let template = Template {
        make: Saved::new(ctx, parts.get("make")?),
        diff: Saved::new(ctx, parts.get("diff")?),
    };
    known.by_key.borrow_mut().insert(key.to_vec(), template.clone());
    Ok(Some(template))
}

/// Text that stands between quotes as it is.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\')
}

/// The script of both functions; None for names that repeat or mean something to an object literal.
fn source(line: &Line<'_>, headers: &Headers) -> Option<String> {
    let mut names: Vec<(String, &str)> = Vec::with_capacity(headers.len());
    for (name, _) in headers.iter() {
        let spelled = std::str::from_utf8(name).ok()?;
        let lower = spelled.to_ascii_lowercase();
        if !is_plain(spelled) || lower == "__proto__" || names.iter().any(|(known, _)| *known == lower) {
            return None;
        }
        names.push((lower, spelled));
    }
    let sent = || names.iter().filter(|(lower, _)| lower != "connection").enumerate();
    let (mut args, mut values, mut spellings, mut keys, mut same) = Default::default();
    let add = |text: &mut String, part: std::fmt::Arguments<'_>| text.write_fmt(part).ok();
    let first = if line.is_request { 2 } else { 1 };
    for (index, (lower, spelled)) in sent() {
        add(&mut args, format_args!(", v{index}"))?;
        add(&mut values, format_args!("\"{lower}\": v{index}, "))?;
        add(&mut keys, format_args!("\"{lower}\", "))?;
        let at = index + first;
        add(
            &mut same,
            format_args!(" || h[\"{lower}\"] !== r[{at}] || n[\"{lower}\"] !== \"{spelled}\""),
        )?;
    }
    for (lower, spelled) in &names {
        add(&mut spellings, format_args!("\"{lower}\": \"{spelled}\", "))?;
    }
    let version = line.version.as_str();
    let [(_, one), (_, two)] = line.constants;
    if !is_plain(one) || !is_plain(two) {
        return None;
    }
    let (parameter, fields, unchanged) = match line.is_request {
        true => (
            "path",
            format!("method: \"{one}\", scheme: undefined, authority: undefined, path"),
            format!("o.method === \"{one}\" && o.scheme === undefined && o.authority === undefined && o.path === r[1]"),
        ),
        false => (
            "",
            format!("status: {one}, statusText: \"{two}\""),
            format!("o.status === {one} && o.statusText === \"{two}\""),
        ),
    };
    let args: String = args;
    let parameters = if line.is_request {
        format!("{parameter}{args}")
    } else {
        args.trim_start_matches(", ").to_owned()
    };
    let count = sent().count();
    Some(format!(
        r#"(() => {{
  const keys = [{keys}]
  const make = ({parameters}) => [
    {{ protocol: "{version}", headers: {{ {values} }}, headerNames: {{ {spellings} }}, {fields} }}, {parameters}
  ]
  // undefined: as it was made; an array: names and values that were added; null: anything else.
  const diff = r => {{
    const o = r[0], h = o.headers, n = o.headerNames
    if (typeof h !== 'object' || h === null || typeof n !== 'object' || n === null) return null
    if (!(o.protocol === "{version}" && {unchanged}){same}) return null
    const now = Object.keys(h)
    if (now.length < {count}) return null
    for (let i = 0; i < {count}; i++) if (now[i] !== keys[i]) return null
    if (now.length === {count}) return
    const added = []
    for (let i = {count}; i < now.length; i++) {{
      const k = now[i], v = h[k]
      if (typeof v !== 'string' || n[k] !== undefined) return null
      added.push(k, v)
    }}
    return added
  }}
  return {{ make, diff }}
}})()"#
    ))
}

/// The head as scripts left it, out of the one that came and the header lines that were added; None when more than that
/// has changed, or when it is no head of ours.
///
/// # Errors  Throws for header names or values that cannot be sent, and what getters of scripts throw.
pub(super) fn left_as(ctx: &Ctx<'_>, head: &Head) -> Result<Option<HeadKind>> {
    let functions = {
        let original = head.original();
        let Some(Original { diff, record, .. }) = original.as_deref() else {
            return Ok(None);
        };
        (diff.clone(), record.clone())
    };
    let (diff, record) = functions;
    let Some(diff) = diff.get(ctx).into_function() else {
        return Ok(None);
    };
    let added: Value = diff.call((record.get(ctx),))?;
    if added.is_null() {
        return Ok(None);
    }
    let original = head.original();
    let Some(Original { native, .. }) = original.as_deref() else {
        return Ok(None);
    };
    let (kind, headers) = match native {
        HeadKind::Request(request) => {
            let mut request = request.clone();
            let headers = std::mem::take(&mut request.headers);
            (HeadKind::Request(request), headers)
        }
        HeadKind::Response(response) => {
            let mut response = response.clone();
            let headers = std::mem::take(&mut response.headers);
            (HeadKind::Response(response), headers)
        }
        HeadKind::WebSocket(_) | HeadKind::Js(_) => return Ok(None),
    };
    let headers = with_added(ctx, headers, &added)?;
    Ok(Some(match kind {
        HeadKind::Request(request) => HeadKind::Request(RequestHead { headers, ..request }),
        HeadKind::Response(response) => HeadKind::Response(ResponseHead { headers, ..response }),
        other => other,
    }))
}

/// What scripts see: `connection` of a decoded head is not among it.
fn with_added(ctx: &Ctx<'_>, mut headers: Headers, added: &Value<'_>) -> Result<Headers> {
    if headers.contains("connection") {
        headers.remove("connection");
    }
    if is_nullish(added) {
        return Ok(headers);
    }
    let texts = added.as_array().map(|array| array.iter::<rquickjs::String>());
    let mut texts = texts.into_iter().flatten();
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        let (name, value) = (name?.to_string()?, value?.to_string()?);
        headers
            .push(name.as_bytes(), value.as_bytes())
            .map_err(|error| throw_error(ctx, &format!("cannot send header {name}: {error}")))?;
    }
    Ok(headers)
}
