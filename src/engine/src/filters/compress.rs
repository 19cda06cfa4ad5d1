//! `compress(algorithm | fn)`: encodes the bodies of messages; `compressHTTP(algorithm | fn)`: and says so in
//! `content-encoding`, unless the message has one. Example: `.compressHTTP('gzip')`. Source: pipyjs/filters.md section 8.
//! What has come in comes out at a flush (an empty Data).

use super::content_coding::{coding_of, with_coding};
use crate::data::Data;
use crate::event::{Event, MessageStart, Reason};
use crate::js;
use crate::pipeline::{Build, Cx, EventArg, Filter, Given, Make, Out, Spec, Subs};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::io::{self, Write};
use std::rc::Rc;

pub(super) static COMPRESS: Spec = Spec {
    name: "compress",
    args: "(algorithm | fn)",
    about: "compresses the bodies of messages: 'deflate', 'gzip'",
    subs: Subs::None,
    build: |build| make(build, false),
};

pub(super) static COMPRESS_HTTP: Spec = Spec {
    name: "compressHTTP",
    args: "(algorithm | fn)",
    about: "compresses bodies and sets their content-encoding",
    subs: Subs::None,
    build: |build| make(build, true),
};

fn make(build: &mut Build<'_, '_>, http: bool) -> js::Result<Make> {
    let named = build.arg(0).as_string().map(|name| name.to_string()).transpose()?;
    let known = match named {
        Some(name) => Deflater::of(&name).is_some(),
        None => build.optional_callback(0).is_some(),
    };
    if !known {
        return Err(build.expects(0, "'deflate', 'gzip' or a function"));
    }
    let algorithm = Given::argument(build, 0);
    Ok(Rc::new(move || {
        Box::new(Compress {
            http,
            algorithm: algorithm.clone(),
            deflater: None,
        })
    }))
}

enum Deflater {
    Gzip(GzEncoder<Vec<u8>>),
    /// What HTTP calls deflate has the header of zlib (RFC 9110 section 8.4.1.2).
    Deflate(ZlibEncoder<Vec<u8>>),
}

impl Deflater {
    fn of(name: &str) -> Option<Self> {
        match name {
            "gzip" => Some(Deflater::Gzip(GzEncoder::new(Vec::new(), Compression::default()))),
            "deflate" => Some(Deflater::Deflate(ZlibEncoder::new(Vec::new(), Compression::default()))),
            _ => None,
        }
    }

    /// Takes bytes in; a flush lets all come out that came in.
    fn push(&mut self, data: Data) -> io::Result<Vec<u8>> {
        let encoder: &mut dyn Write = match self {
            Deflater::Gzip(encoder) => encoder,
            Deflater::Deflate(encoder) => encoder,
        };
        match data.is_empty() {
            true => encoder.flush()?,
            false => data.chunks().try_for_each(|chunk| encoder.write_all(chunk))?,
        }
        Ok(match self {
            Deflater::Gzip(encoder) => std::mem::take(encoder.get_mut()),
            Deflater::Deflate(encoder) => std::mem::take(encoder.get_mut()),
        })
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Deflater::Gzip(encoder) => encoder.finish(),
            Deflater::Deflate(encoder) => encoder.finish(),
        }
    }
}

struct Compress {
    http: bool,
    algorithm: Given,
    /// None outside of a body that is compressed.
    deflater: Option<Deflater>,
}

impl Compress {
    fn begin(&mut self, cx: &mut Cx<'_>, mut start: MessageStart, out: &mut Out<'_>) -> Result<MessageStart, Reason> {
        self.deflater = None;
        let event = Event::MessageStart(start.clone());
        let name = self.algorithm.get(cx, (EventArg(&event),), out)?;
        if js::is_nullish(&name) {
            return Ok(start);
        }
        let name = js::value_to_text(&cx.js, &name);
        let deflater = Deflater::of(&name);
        if deflater.is_none() {
            cx.fail(
                out,
                &format!("compress: unknown algorithm '{name}'; known: deflate, gzip"),
            );
            return Ok(start);
        }
        if self.http {
            let Some(head) = start.head.clone() else {
                return Ok(start);
            };
            let coding = coding_of(cx, &head).map_err(|error| cx.failed(&out.place(), error))?;
            if coding.is_some() {
                return Ok(start);
            }
            let head = with_coding(cx, &head, Some(&name)).map_err(|error| cx.failed(&out.place(), error))?;
            start.head = Some(head);
        }
        self.deflater = deflater;
        Ok(start)
    }

    fn put(cx: &mut Cx<'_>, result: io::Result<Vec<u8>>, out: &mut Out<'_>) {
        match result {
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => out.emit(Event::Data(bytes.into())),
            Err(error) => cx.fail(out, &format!("cannot compress a body: {error}")),
        }
    }
}

impl Filter for Compress {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match (event, self.deflater.take()) {
            (Event::MessageStart(start), _) => match self.begin(cx, start, out) {
                Ok(_) if out.is_over() => {}
                Ok(start) => out.emit(Event::MessageStart(start)),
                Err(reason) => out.end(reason),
            },
            (Event::Data(data), Some(mut deflater)) => {
                let flushes = data.is_empty();
                Self::put(cx, deflater.push(data), out);
                if flushes {
                    out.emit(Event::flush());
                }
                self.deflater = Some(deflater);
            }
            (event @ Event::MessageEnd(_), Some(deflater)) => {
                Self::put(cx, deflater.finish(), out);
                out.emit(event);
            }
            (event, _) => out.emit(event),
        }
    }

    fn reset(&mut self) {
        self.deflater = None;
    }
}
