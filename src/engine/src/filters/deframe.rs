//! `deframe(states)`: a state machine of the script reads the bytes of the stream. `states` maps names to what comes next,
//! or to a function of the byte or the buffer that was read; the first one is the start.
//! Example: `.deframe({ Length: n => [new MessageStart, 'Body', n], Body: () => [new MessageEnd, 'Length'] })`.
//! Source: pipyjs/filters.md section 8.

use crate::data::Data;
use crate::event::{Event, Reason};
use crate::js::{self, JsData, List};
use crate::limits;
use crate::pipeline::{Build, Cx, Filter, Given, Make, Out, Spec, Subs};
use crate::value::Saved;
use rquickjs::{Class, Value};
use std::rc::Rc;

pub(super) static DEFRAME: Spec = Spec {
    name: "deframe",
    args: "(states)",
    about: "makes events of bytes by a state machine",
    subs: Subs::None,
    build: make,
};

/// The states by name, in the order of the script.
type States = Rc<[(String, Given)]>;

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let states = build.arg(0);
    let states = states.as_object().ok_or_else(|| build.expects(0, "an object"))?;
    let mut all = Vec::new();
    for entry in states.props::<String, Value>() {
        let (name, state) = entry?;
        all.push((name, Given::value(build.ctx, state)));
    }
    if all.is_empty() {
        return Err(build.expects(0, "an object with at least one state"));
    }
    let states: States = all.into();
    Ok(Rc::new(move || {
        Box::new(Deframe {
            states: states.clone(),
            state: 0,
            reads: Reads::Byte,
        })
    }))
}

struct Deframe {
    states: States,
    /// Index of the state that gets what is read.
    state: usize,
    reads: Reads,
}

/// What the state waits for.
enum Reads {
    /// The next byte.
    Byte,
    /// So many more bytes, which pass.
    Pass(usize),
    /// So many bytes into the script's buffer.
    Fill(usize, Data, Saved),
}

impl Deframe {
    /// Reads on as far as `data` goes.
    fn read(&mut self, cx: &mut Cx<'_>, mut data: Data, out: &mut Out<'_>) -> Result<(), Reason> {
        while !data.is_empty() && !out.is_over() {
            let input = match &mut self.reads {
                Reads::Byte => {
                    let byte = data.shift(1).to_bytes();
                    let byte = byte.first().copied().unwrap_or_default();
                    Value::new_int(cx.js.clone(), byte.into())
                }
                Reads::Pass(left) => {
                    let piece = data.shift(*left);
                    *left -= piece.len();
                    let done = *left == 0;
                    out.emit(Event::Data(piece));
                    if !done {
                        return Ok(());
                    }
                    Value::new_undefined(cx.js.clone())
                }
                Reads::Fill(size, filled, buffer) => {
                    filled.append(data.shift(*size - filled.len()));
                    if filled.len() < *size {
                        return Ok(());
                    }
                    let buffer = buffer.get(&cx.js);
                    fill(&buffer, filled).map_err(|error| cx.failed(&out.place(), error))?;
                    buffer
                }
            };
            self.step(cx, input, out)?;
        }
        Ok(())
    }

    /// Gives the state what was read, and goes on to the next one.
    fn step<'js>(&mut self, cx: &mut Cx<'js>, input: Value<'js>, out: &mut Out<'_>) -> Result<(), Reason> {
        let states = self.states.clone();
        let Some((_, state)) = states.get(self.state) else {
            return Ok(());
        };
        let next = state.get(cx, (input,), out)?;
        let mut items = match next.as_list() {
            Some(array) => array
                .iter::<Value>()
                .collect::<js::Result<Vec<_>>>()
                .map_err(|error| cx.failed(&out.place(), error))?,
            None => vec![next],
        }
        .into_iter();
        let mut events = Vec::new();
        let name = loop {
            match items.next() {
                Some(item) if item.is_string() => break js::value_to_text(&cx.js, &item),
                Some(item) if js::events_of(&cx.js, &item, &mut events) => {}
                _ => break String::new(),
            }
        };
        events.into_iter().for_each(|event| out.emit(event));
        let Some(index) = self.states.iter().position(|(known, _)| *known == name) else {
            cx.fail(out, "invalid state");
            return Ok(());
        };
        self.state = index;
        let size = items
            .next()
            .and_then(|size| js::number_of(&size, 1024.0))
            .unwrap_or(0.0);
        let buffer = items.next().filter(|buffer| !js::is_nullish(buffer));
        self.reads = match buffer {
            _ if size < 1.0 => Reads::Byte,
            None => Reads::Pass(size as usize),
            Some(_) if size > limits::HELD_BYTES as f64 => {
                let message = format!(
                    "a buffer of {size} bytes; at most {} are read at once",
                    limits::HELD_BYTES
                );
                cx.fail(out, &message);
                Reads::Byte
            }
            Some(buffer) => Reads::Fill(size as usize, Data::new(), Saved::new(&cx.js, buffer)),
        };
        Ok(())
    }
}

/// Appends what was read to the script's Data or array.
fn fill<'js>(buffer: &Value<'js>, read: &mut Data) -> js::Result<()> {
    let read = std::mem::take(read);
    if let Ok(data) = Class::<JsData>::from_value(buffer) {
        data.borrow_mut().append(buffer.ctx(), read)?;
    } else if let Some(array) = buffer.as_list() {
        for byte in read.to_vec() {
            array.set(array.len(), byte)?;
        }
    }
    Ok(())
}

impl Filter for Deframe {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::Data(data) => {
                if let Err(reason) = self.read(cx, data, out) {
                    out.end(reason);
                }
            }
            Event::StreamEnd(_) => {
                self.reset();
                out.emit(event);
            }
            Event::MessageStart(_) | Event::MessageEnd(_) => {}
        }
    }

    fn reset(&mut self) {
        self.state = 0;
        self.reads = Reads::Byte;
    }
}
