//! `split(separator | fn)`: cuts the bytes of the stream into messages. Example: `.split('\n')`.
//! Source: pipyjs/filters.md section 3.

use crate::data::Data;
use crate::event::{Event, MessageEnd, MessageStart, Reason};
use crate::js::{self, Callback};
use crate::limits;
use crate::pipeline::{Build, Cx, Filter, Make, Out, Spec, Subs};
use bytes::Bytes;
use std::rc::Rc;

pub(super) static SPLIT: Spec = Spec {
    name: "split",
    args: "(separator | fn)",
    about: "makes a message of each piece between separators",
    subs: Subs::None,
    build: make,
};

#[derive(Clone)]
enum Separator {
    /// These bytes, with the border table of Knuth, Morris and Pratt.
    Bytes(Rc<[u8]>, Rc<[usize]>),
    /// A byte for which the function gives something true.
    Call(Callback),
}

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let separator = match build.optional_callback(0) {
        Some(callback) => Separator::Call(callback),
        None => {
            let bytes = js::value_to_data(build.ctx, &build.arg(0))
                .map(|data| data.to_vec())
                .filter(|bytes| (1..=limits::SEPARATOR_BYTES).contains(&bytes.len()));
            let bytes = bytes.ok_or_else(|| {
                let what = format!(
                    "a function, or 1 to {} bytes as a string or Data",
                    limits::SEPARATOR_BYTES
                );
                build.expects(0, &what)
            })?;
            let borders = borders(&bytes);
            Separator::Bytes(bytes.into(), borders.into())
        }
    };
    Ok(Rc::new(move || {
        Box::new(Split {
            separator: separator.clone(),
            open: false,
            matched: 0,
        })
    }))
}

/// For each prefix the length of its longest border: where the search goes on after a mismatch.
fn borders(pattern: &[u8]) -> Vec<usize> {
    let mut table = vec![0; pattern.len()];
    let mut border = 0;
    for (index, byte) in pattern.iter().enumerate().skip(1) {
        while border > 0 && pattern.get(border) != Some(byte) {
            border = before(&table, border);
        }
        if pattern.get(border) == Some(byte) {
            border += 1;
        }
        if let Some(slot) = table.get_mut(index) {
            *slot = border;
        }
    }
    table
}

fn before(table: &[usize], matched: usize) -> usize {
    matched
        .checked_sub(1)
        .and_then(|index| table.get(index))
        .copied()
        .unwrap_or(0)
}

struct Split {
    separator: Separator,
    /// A piece has begun: its MessageStart is out.
    open: bool,
    /// Bytes of the separator seen and held back.
    matched: usize,
}

impl Split {
    fn begin(&mut self, out: &mut Out<'_>) {
        if !std::mem::replace(&mut self.open, true) {
            out.emit(Event::MessageStart(MessageStart::default()));
        }
    }

    fn bytes(&mut self, bytes: Data, out: &mut Out<'_>) {
        if !bytes.is_empty() {
            self.begin(out);
            out.emit(Event::Data(bytes));
        }
    }

    fn end(&mut self, out: &mut Out<'_>) {
        self.begin(out);
        self.open = false;
        out.emit(Event::MessageEnd(MessageEnd::default()));
    }

    /// Ends the last piece, if there is one.
    fn finish(&mut self, out: &mut Out<'_>) {
        if let Separator::Bytes(pattern, _) = &self.separator {
            let held = pattern.get(..self.matched).unwrap_or_default().to_vec();
            self.matched = 0;
            self.bytes(held.into(), out);
        }
        if self.open {
            self.end(out);
        }
    }

    fn search(&mut self, chunk: &Bytes, pattern: &[u8], borders: &[usize], out: &mut Out<'_>) {
        // Begins with what was held back, for it may be no separator after all.
        let mut piece = Vec::new();
        for &byte in chunk.iter() {
            while self.matched > 0 && pattern.get(self.matched) != Some(&byte) {
                let next = before(borders, self.matched);
                piece.extend_from_slice(pattern.get(..self.matched - next).unwrap_or_default());
                self.matched = next;
            }
            if pattern.get(self.matched) == Some(&byte) {
                self.matched += 1;
            } else {
                piece.push(byte);
            }
            if self.matched == pattern.len() {
                self.matched = 0;
                self.bytes(std::mem::take(&mut piece).into(), out);
                self.end(out);
            }
        }
        self.bytes(piece.into(), out);
    }

    /// One byte: no need to copy.
    fn search_byte(&mut self, mut chunk: Bytes, separator: u8, out: &mut Out<'_>) {
        while let Some(at) = memchr::memchr(separator, &chunk) {
            let piece = chunk.split_to(at);
            drop(chunk.split_to(1));
            self.bytes(piece.into(), out);
            self.end(out);
        }
        self.bytes(chunk.into(), out);
    }

    fn ask(&mut self, cx: &mut Cx<'_>, mut chunk: Bytes, callback: &Callback, out: &mut Out<'_>) -> Result<(), Reason> {
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            at += 1;
            if js::truthy(&cx.call(out, callback, (byte,))?) {
                let piece = chunk.split_to(at - 1);
                drop(chunk.split_to(1));
                at = 0;
                self.bytes(piece.into(), out);
                self.end(out);
            }
        }
        self.bytes(chunk.into(), out);
        Ok(())
    }
}

impl Filter for Split {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::MessageStart(_) => {}
            Event::MessageEnd(_) => self.finish(out),
            Event::StreamEnd(_) => {
                self.finish(out);
                out.emit(event);
            }
            Event::Data(data) => {
                let separator = self.separator.clone();
                for chunk in data {
                    match &separator {
                        Separator::Bytes(pattern, borders) => match **pattern {
                            [byte] => self.search_byte(chunk, byte, out),
                            _ => self.search(&chunk, pattern, borders, out),
                        },
                        Separator::Call(callback) => {
                            if let Err(reason) = self.ask(cx, chunk, callback, out) {
                                return out.end(reason);
                            }
                        }
                    }
                }
            }
        }
    }

    fn reset(&mut self) {
        self.open = false;
        self.matched = 0;
    }
}
