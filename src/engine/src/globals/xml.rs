//! `XML.parse`, `decode`, `stringify`, `encode` and `XML.Node`. Source: pipyjs/globals.md section 2.
//! Blanks between elements are no children; entities are the five of XML and characters by number: a text can name
//! nothing outside itself, and does not grow.

use crate::data::Data;
use crate::js::{self, JsData, throw_error};
use crate::limits;
use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_xml_entity};
use quick_xml::events::{BytesStart, Event};
use rquickjs::function::{Constructor, Function, Opt};
use rquickjs::{Array, Class, Ctx, Object, Value};

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let xml = Object::new(ctx.clone())?;
    let node: Constructor = ctx.eval(
        "(class Node { constructor(name, attributes, children) { \
           this.name = name; this.attributes = attributes ?? null; this.children = children ?? [] } })",
    )?;
    xml.set("Node", node)?;
    xml.set("parse", Function::new(ctx.clone(), parse)?)?;
    xml.set("decode", Function::new(ctx.clone(), decode)?)?;
    xml.set("stringify", Function::new(ctx.clone(), stringify)?)?;
    xml.set("encode", Function::new(ctx.clone(), encode)?)?;
    ctx.globals().set("XML", xml)
}

/// `XML.decode(data)`.
fn decode<'js>(ctx: Ctx<'js>, data: Value<'js>) -> js::Result<Value<'js>> {
    let bytes = JsData::bytes_of(&ctx, &data)?.to_bytes();
    parse(ctx, String::from_utf8_lossy(&bytes).into_owned())
}

/// `XML.parse(string)`: the root node, named '', with the document's element as its child; null for what is no XML.
fn parse<'js>(ctx: Ctx<'js>, text: String) -> js::Result<Value<'js>> {
    let make: Constructor = ctx.globals().get::<_, Object>("XML")?.get("Node")?;
    let node = |name: &str, attributes: Option<Object<'js>>| -> js::Result<Open<'js>> {
        let children = Array::new(ctx.clone())?;
        let object: Object = make.construct((name, attributes, children.clone()))?;
        Ok(Open {
            object,
            children,
            text: String::new(),
        })
    };
    let null = Ok(Value::new_null(ctx.clone()));
    let mut open = vec![node("", None)?];
    let mut reader = Reader::from_str(&text);
    loop {
        let Ok(event) = reader.read_event() else { return null };
        let depth = open.len();
        let Some(last) = open.last_mut() else { return null };
        match event {
            Event::Start(start) | Event::Empty(start)
                if depth > limits::XML_DEPTH || start.name().as_ref().is_empty() =>
            {
                return null;
            }
            Event::Start(start) => {
                last.end_text(&ctx)?;
                let Some(attributes) = attributes(&ctx, &start)? else {
                    return null;
                };
                open.push(node(start.name().as_ref(), attributes)?);
            }
            Event::Empty(start) => {
                last.end_text(&ctx)?;
                let Some(attributes) = attributes(&ctx, &start)? else {
                    return null;
                };
                let child = node(start.name().as_ref(), attributes)?;
                last.children.set(last.children.len(), child.object)?;
            }
            Event::End(_) => {
                let Some(mut ended) = open.pop() else { return null };
                ended.end_text(&ctx)?;
                // The root has no end.
                let Some(parent) = open.last_mut() else { return null };
                parent.children.set(parent.children.len(), ended.object)?;
            }
            Event::Text(part) => last.text.push_str(&part.into_inner()),
            Event::CData(part) => last.text.push_str(&part.into_inner()),
            Event::GeneralRef(part) => match part.resolve_char_ref() {
                Ok(Some(character)) => last.text.push(character),
                Ok(None) => match resolve_xml_entity(&part.into_inner()) {
                    Some(text) => last.text.push_str(text),
                    None => return null,
                },
                Err(_) => return null,
            },
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    let root = open
        .pop()
        .filter(|root| open.is_empty() && root.children.len() == 1 && root.text.trim().is_empty());
    root.map_or(null, |root: Open<'js>| Ok(root.object.into_value()))
}

/// An element that has not ended.
struct Open<'js> {
    object: Object<'js>,
    children: Array<'js>,
    text: String,
}

impl<'js> Open<'js> {
    fn end_text(&mut self, ctx: &Ctx<'js>) -> js::Result<()> {
        let text = std::mem::take(&mut self.text);
        if !text.trim().is_empty() {
            let text = rquickjs::String::from_str(ctx.clone(), &text)?;
            self.children.set(self.children.len(), text)?;
        }
        Ok(())
    }
}

/// Some(None) without any; None when they are malformed.
fn attributes<'js>(ctx: &Ctx<'js>, start: &BytesStart<'_>) -> js::Result<Option<Option<Object<'js>>>> {
    let mut object = None;
    for attribute in start.attributes() {
        let Ok(attribute) = attribute else { return Ok(None) };
        let Ok(value) = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0) else {
            return Ok(None);
        };
        let object = match &object {
            Some(object) => object,
            None => object.insert(Object::new(ctx.clone())?),
        };
        object.set(attribute.key.as_ref(), value.as_ref())?;
    }
    Ok(Some(object))
}

/// `XML.encode(node, space?)`.
fn encode<'js>(ctx: Ctx<'js>, node: Value<'js>, space: Opt<Value<'js>>) -> js::Result<Class<'js, JsData>> {
    let text = stringify(ctx.clone(), node, space)?;
    JsData::object(&ctx, Data::from(text.as_str()))
}

/// `XML.stringify(node, space?)`: `space` blanks, or that text, before each level; a line each then.
fn stringify<'js>(ctx: Ctx<'js>, node: Value<'js>, space: Opt<Value<'js>>) -> js::Result<String> {
    let indent = match space.0 {
        Some(space) if space.is_number() => " ".repeat(space.as_number().unwrap_or(0.0).clamp(0.0, 10.0) as usize),
        Some(space) => match space.as_string() {
            Some(text) => text.to_string()?,
            None => String::new(),
        },
        None => String::new(),
    };
    let mut out = String::new();
    write(&ctx, &node, &indent, 0, &mut out)?;
    Ok(out)
}

fn write<'js>(ctx: &Ctx<'js>, node: &Value<'js>, indent: &str, depth: usize, out: &mut String) -> js::Result<()> {
    if depth > limits::XML_DEPTH {
        return Err(throw_error(
            ctx,
            &format!("XML nested deeper than {}", limits::XML_DEPTH),
        ));
    }
    let line = |out: &mut String| {
        if !indent.is_empty() && !out.is_empty() {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        }
    };
    if let Some(text) = node.as_string() {
        line(out);
        out.push_str(&escape(text.to_string()?));
        return Ok(());
    }
    let Some(node) = node.as_object() else { return Ok(()) };
    let name: Option<String> = node.get("name")?;
    let name = name.unwrap_or_default();
    let children: Vec<Value> = node.get::<_, Option<Vec<Value>>>("children")?.unwrap_or_default();
    if name.is_empty() {
        return children
            .iter()
            .try_for_each(|child| write(ctx, child, indent, depth, out));
    }
    line(out);
    out.push('<');
    out.push_str(&name);
    if let Some(attributes) = node.get::<_, Option<Object>>("attributes")? {
        for attribute in attributes.props::<String, Value>() {
            let (key, value) = attribute?;
            let value = js::format_line(ctx, &[value]);
            out.push_str(&format!(" {key}=\"{}\"", escape(value)));
        }
    }
    if children.is_empty() {
        out.push_str("/>");
        return Ok(());
    }
    out.push('>');
    // A lone text stays on the line of its element.
    let is_inline = matches!(children.as_slice(), [only] if only.is_string());
    for child in &children {
        write(ctx, child, if is_inline { "" } else { indent }, depth + 1, out)?;
    }
    if !indent.is_empty() && !is_inline {
        out.push('\n');
        (0..depth).for_each(|_| out.push_str(indent));
    }
    out.push_str("</");
    out.push_str(&name);
    out.push('>');
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::check;

    #[tokio::test(flavor = "current_thread")]
    async fn texts_become_nodes() {
        for (name, text, json) in [
            (
                "elements, attributes, texts",
                "<?xml version='1.0'?><a x='1' y=\"2 &lt; 3\">one<b/>\n <c>&amp;&#65;</c></a>",
                r#"{"name":"","attributes":null,"children":[{"name":"a","attributes":{"x":"1","y":"2 < 3"},"children":["one",{"name":"b","attributes":null,"children":[]},{"name":"c","attributes":null,"children":["&A"]}]}]}"#,
            ),
            (
                "CDATA",
                "<a><![CDATA[<b>]]></a>",
                r#"{"name":"","attributes":null,"children":[{"name":"a","attributes":null,"children":["<b>"]}]}"#,
            ),
            ("not closed", "<a><b></a>", "null"),
            ("never closed", "<a>", "null"),
            ("two documents", "<a/><b/>", "null"),
            (
                "an entity of its own",
                "<!DOCTYPE a [<!ENTITY e 'eee'>]><a>&e;</a>",
                "null",
            ),
            ("nothing", "", "null"),
            ("no XML", "{}", "null"),
        ] {
            let script =
                format!("pipy().listen(PORT).replaceData(() => new Data(JSON.stringify(XML.parse({text:?}))))");
            check(name, &[("/main.js", &script)], "x", json).await;
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn nodes_become_texts() {
        let node = "new XML.Node('', null, [new XML.Node('a', { x: '<1>' }, ['t', new XML.Node('b')])])";
        for (name, call, output) in [
            (
                "in one line",
                format!("XML.stringify({node})"),
                "<a x=\"&lt;1&gt;\">t<b/></a>",
            ),
            (
                "by lines",
                format!("XML.stringify({node}, 2)"),
                "<a x=\"&lt;1&gt;\">\n  t\n  <b/>\n</a>",
            ),
            (
                "and back",
                format!("XML.stringify(XML.decode(XML.encode({node})))"),
                "<a x=\"&lt;1&gt;\">t<b/></a>",
            ),
        ] {
            let script = format!("pipy().listen(PORT).replaceData(() => new Data({call}))");
            check(name, &[("/main.js", &script)], "x", output).await;
        }
    }
}
