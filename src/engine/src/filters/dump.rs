//! `dump(tag?)`: logs one line per event. Example: `.dump('>>>')`. Source: pipyjs/filters.md section 1.

use crate::event::{Event, Reason};
use crate::js::{self, Callback};
use crate::pipeline::{Build, Cx, EventArg, Filter, Make, Out, Spec, Subs};
use crate::value::Saved;
use rquickjs::Value;
use std::rc::Rc;

/// Bytes of one Data that are shown.
const SHOWN_BYTES: usize = 4096;

pub(super) static DUMP: Spec = Spec {
    name: "dump",
    args: "(tag | fn)",
    about: "logs one line per event",
    subs: Subs::None,
    build: make,
};

#[derive(Clone)]
enum Tag {
    None,
    Call(Callback),
    Value(Saved),
}

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let value = build.arg(0);
    let tag = match build.optional_callback(0) {
        Some(callback) => Tag::Call(callback),
        None if js::is_nullish(&value) => Tag::None,
        None => Tag::Value(Saved::new(build.ctx, value)),
    };
    Ok(Rc::new(move || Box::new(Dump { tag: tag.clone() })))
}

struct Dump {
    tag: Tag,
}

impl Dump {
    fn line(&self, cx: &mut Cx<'_>, event: &Event, out: &Out<'_>) -> Result<String, Reason> {
        let tag = match &self.tag {
            Tag::None => None,
            Tag::Value(value) => Some(value.get(&cx.js)),
            Tag::Call(callback) => Some(cx.call(out, callback, (EventArg(event),))?),
        };
        let place = out.place();
        let place = place.split_once(" at ").map_or("", |(_, place)| place);
        let mut line = format!("[context={}] [{place}]", out.context().id);
        if let Some(tag) = tag.filter(|tag| !js::is_nullish(tag)) {
            line.push_str(&format!(" [{}]", js::value_to_text(&cx.js, &tag)));
        }
        line.push_str(&format!(" {}", event.type_name()));
        describe(cx, event, &mut line).map_err(|error| cx.failed(&out.place(), error))?;
        Ok(line)
    }
}

fn describe<'js>(cx: &Cx<'js>, event: &Event, line: &mut String) -> js::Result<()> {
    let show = |name: &str, value: &Value<'js>, line: &mut String| {
        if !js::is_nullish(value) {
            let value = js::format_line(&cx.js, std::slice::from_ref(value));
            line.push_str(&format!(" {name} = {value}"));
        }
    };
    match event {
        Event::MessageStart(start) => show("head", &js::head_value(&cx.js, start.head.as_ref())?, line),
        Event::MessageEnd(end) => show("tail", &js::tail_value(&cx.js, end.tail.as_ref())?, line),
        Event::StreamEnd(Reason::Named(error)) => {
            line.push_str(&format!(" error = {}", error.name()));
        }
        Event::StreamEnd(Reason::Value(value)) => show("error", &value.get(&cx.js), line),
        Event::StreamEnd(Reason::Clean) => {}
        Event::Data(data) => {
            line.push_str(&format!(" size = {}", data.len()));
            hex_dump(&data.to_bytes(), line);
        }
    }
    Ok(())
}

/// 16 bytes a line: offset, hex, ASCII.
fn hex_dump(bytes: &[u8], out: &mut String) {
    for (row, chunk) in bytes.chunks(16).take(SHOWN_BYTES / 16).enumerate() {
        out.push_str(&format!("\n{:08x}  ", row * 16));
        for index in 0..16 {
            match chunk.get(index) {
                Some(byte) => {
                    out.push_str(&format!("{byte:02x} "));
                }
                None => out.push_str("   "),
            }
        }
        out.push(' ');
        out.extend(chunk.iter().map(|&byte| match byte {
            0x20..0x7f => char::from(byte),
            _ => '.',
        }));
    }
    if bytes.len() > SHOWN_BYTES {
        out.push_str(&format!("\n... {} bytes more", bytes.len() - SHOWN_BYTES));
    }
}

impl Filter for Dump {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match self.line(cx, &event, out) {
            Ok(line) => {
                tracing::info!(target: "dump", "{line}");
                out.emit(event);
            }
            Err(reason) => out.end(reason),
        }
    }

    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::hex_dump;

    #[test]
    fn hex_dump_has_an_ascii_column() {
        let mut text = String::new();
        hex_dump(b"0123456789abcdef\n", &mut text);
        let expected = "\n00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef\
                        \n00000010  0a                                               .";
        assert_eq!(text, expected);
    }
}
