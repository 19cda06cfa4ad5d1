//! `YAML.parse`, `YAML.decode`, and `stringify`, `encode`, which give nothing. Source: pipyjs/globals.md section 2.
//! A parser of events and not one into values, for every scalar stays the text that was written: a version `1.10` must not
//! become 1.1. Not for: several documents; the first one counts.

use crate::data::Data;
use crate::js::{self, JsData, throw_error};
use crate::limits;
use rquickjs::function::{Function, Opt};
use rquickjs::{Array, Class, Ctx, Object, Value};
use saphyr_parser::{Event, Parser};
use std::collections::HashMap;

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let yaml = Object::new(ctx.clone())?;
    yaml.set("parse", Function::new(ctx.clone(), parse)?)?;
    yaml.set("decode", Function::new(ctx.clone(), decode)?)?;
    yaml.set("stringify", Function::new(ctx.clone(), || "")?)?;
    yaml.set("encode", Function::new(ctx.clone(), encode)?)?;
    ctx.globals().set("YAML", yaml)
}

/// `YAML.decode(data)`.
fn decode<'js>(ctx: Ctx<'js>, data: Value<'js>) -> js::Result<Value<'js>> {
    let bytes = JsData::bytes_of(&ctx, &data)?.to_bytes();
    parse(ctx, String::from_utf8_lossy(&bytes).into_owned())
}

/// Nothing: as upstream's, which is not implemented.
fn encode<'js>(ctx: Ctx<'js>, _value: Opt<Value<'js>>) -> js::Result<Class<'js, JsData>> {
    JsData::object(&ctx, Data::new())
}

/// `YAML.parse(string)`: null for a text without a document.
///
/// # Errors  Throws with line and column on bad syntax, and where it nests deeper than `YAML_DEPTH`.
fn parse<'js>(ctx: Ctx<'js>, text: String) -> js::Result<Value<'js>> {
    let mut builder = Builder {
        ctx: &ctx,
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
    };
    for event in Parser::new_from_str(&text) {
        let (event, span) = event.map_err(|error| {
            let (line, column) = (error.marker().line(), error.marker().col() + 1);
            throw_error(&ctx, &format!("YAML line {line}, column {column}: {}", error.info()))
        })?;
        match builder.take(event)? {
            Step::More => {}
            Step::Done => break,
            Step::Wrong(what) => {
                let message = format!("YAML line {}: {what}", span.start.line());
                return Err(throw_error(&ctx, &message));
            }
        }
    }
    Ok(builder.root.take().unwrap_or_else(|| Value::new_null(ctx.clone())))
}

enum Step {
    More,
    Done,
    Wrong(String),
}

/// A collection that has not ended.
enum Open<'js> {
    List(Array<'js>),
    /// With the key whose value comes next.
    Map(Object<'js>, Option<String>),
}

struct Builder<'a, 'js> {
    ctx: &'a Ctx<'js>,
    open: Vec<(Open<'js>, usize)>,
    /// By number. What an alias names is the same object, not a copy: no text can grow by naming itself.
    anchors: HashMap<usize, Value<'js>>,
    root: Option<Value<'js>>,
}

impl<'js> Builder<'_, 'js> {
    fn take(&mut self, event: Event<'_>) -> js::Result<Step> {
        match event {
            Event::Scalar(text, _, anchor, _) => {
                let value = rquickjs::String::from_str(self.ctx.clone(), &text)?.into_value();
                self.name(anchor, &value);
                self.put(value)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(value) => self.put(value),
                None => Ok(Step::Wrong("an alias of something that is not complete".to_owned())),
            },
            Event::SequenceStart(anchor, _) => self.begin(Open::List(Array::new(self.ctx.clone())?), anchor),
            Event::MappingStart(anchor, _) => self.begin(Open::Map(Object::new(self.ctx.clone())?, None), anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some((open, anchor)) => {
                    let value = match open {
                        Open::List(list) => list.into_value(),
                        Open::Map(map, _) => map.into_value(),
                    };
                    self.name(anchor, &value);
                    self.put(value)
                }
                None => Ok(Step::Wrong("an end without a beginning".to_owned())),
            },
            Event::DocumentEnd => Ok(Step::Done),
            _ => Ok(Step::More),
        }
    }

    fn begin(&mut self, open: Open<'js>, anchor: usize) -> js::Result<Step> {
        if self.open.len() >= limits::YAML_DEPTH {
            return Ok(Step::Wrong(format!("nested deeper than {}", limits::YAML_DEPTH)));
        }
        self.open.push((open, anchor));
        Ok(Step::More)
    }

    /// Anchors are numbered from 1.
    fn name(&mut self, anchor: usize, value: &Value<'js>) {
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
    }

    fn put(&mut self, value: Value<'js>) -> js::Result<Step> {
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some((Open::List(list), _)) => list.set(list.len(), value)?,
            Some((Open::Map(map, key), _)) => match key.take() {
                Some(key) => map.set(key, value)?,
                None => match value.as_string() {
                    Some(text) => *key = Some(text.to_string()?),
                    None => return Ok(Step::Wrong("a key is a list or a mapping".to_owned())),
                },
            },
        }
        Ok(Step::More)
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::check;

    #[tokio::test(flavor = "current_thread")]
    async fn texts_become_values_of_strings() {
        for (name, text, json) in [
            (
                "scalars stay text",
                "a: 1\nb: true\nc: 1.10\nd: ~\ne: 0x1F\nf:",
                r#"{"a":"1","b":"true","c":"1.10","d":"~","e":"0x1F","f":""}"#,
            ),
            (
                "flow",
                "{a: [1, 'two', \"th\\tree\"], b: {}}",
                r#"{"a":["1","two","th\tree"],"b":{}}"#,
            ),
            ("blocks", "- |\n  a\n  b\n- >-\n  c\n  d\n", r#"["a\nb\n","c d"]"#),
            ("anchors", "a: &x [1]\nb: *x", r#"{"a":["1"],"b":["1"]}"#),
            ("nothing", "", "null"),
            ("a comment", "# only this\n", "null"),
            ("the first document", "a\n---\nb", "\"a\""),
            ("a word", "word", "\"word\""),
        ] {
            let script =
                format!("pipy().listen(PORT).replaceData(d => new Data(JSON.stringify(YAML.parse({text:?}))))");
            check(name, &[("/main.js", &script)], "x", json).await;
            let script = format!(
                "pipy().listen(PORT).replaceData(d => new Data(JSON.stringify(YAML.decode(new Data({text:?})))))"
            );
            check(name, &[("/main.js", &script)], "x", json).await;
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn bad_texts_throw_with_their_line() {
        let deep = "- ".repeat(1000);
        for (name, text, part) in [
            ("unclosed", "a: [1,\n  2\nb: }", "line "),
            ("a key that is a list", "? [a]\n: b", "line 1: a key is a list"),
            ("an alias of itself", "a: &x [*x]", "line 1"),
            ("deep", deep.as_str(), "nested deeper than"),
        ] {
            let script = format!(
                "pipy().listen(PORT).replaceData(d => new Data('' + invoke(() => YAML.parse({text:?}), m => m.includes({part:?}) ? 'yes' : m)))"
            );
            check(name, &[("/main.js", &script)], "x", "yes").await;
        }
    }
}
