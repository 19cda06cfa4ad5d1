//! `decompressHTTP(fn?)`: decodes bodies by their `content-encoding` and removes that header. fn(messageStart) tells
//! whether to (E1). Example: `.decompressHTTP()`. Source: pipyjs/filters.md section 8; RFC 9110 section 8.4.1.
//! Knows gzip, deflate and br; other codings pass as they are.

use crate::data::Data;
use crate::event::{Event, Head, HeadKind, MessageStart, StreamError};
use crate::js::{self, Callback};
use crate::limits;
use crate::pipeline::{Build, Cx, EventArg, Filter, Make, Out, Spec, Subs};
use brotli_decompressor::DecompressorWriter;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use rquickjs::Object;
use std::io::{self, Write};
use std::rc::Rc;

pub(super) static SPEC: Spec = Spec {
    name: "decompressHTTP",
    args: "(fn?)",
    about: "decompresses bodies by their content-encoding",
    subs: Subs::None,
    build: make,
};

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let wanted = build.optional_callback(0);
    Ok(Rc::new(move || {
        Box::new(DecompressHttp {
            wanted: wanted.clone(),
            inflater: None,
            fed: false,
        })
    }))
}

struct DecompressHttp {
    wanted: Option<Callback>,
    /// None outside of a compressed body.
    inflater: Option<Inflater>,
    /// Bytes of the body have come: none at all (a response to HEAD) is no corrupt body.
    fed: bool,
}

/// What one piece of a body has become. Bounded: a few bytes may stand for gigabytes.
#[derive(Default)]
struct Plain(Vec<u8>);

impl Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > limits::HELD_BYTES {
            let what = format!("a piece of a body grows beyond {} bytes", limits::HELD_BYTES);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Inflater {
    Gzip(MultiGzDecoder<Plain>),
    /// Decided by its first byte: with the header of zlib, as it should be, or without, as some senders do.
    Deflate,
    Zlib(ZlibDecoder<Plain>),
    Raw(DeflateDecoder<Plain>),
    /// Boxed: the decoder is some kilobytes of state.
    Brotli(Box<DecompressorWriter<Plain>>),
}

impl Inflater {
    fn of(coding: &[u8]) -> Option<Self> {
        match coding.to_ascii_lowercase().as_slice() {
            b"gzip" | b"x-gzip" => Some(Inflater::Gzip(MultiGzDecoder::new(Plain::default()))),
            b"deflate" => Some(Inflater::Deflate),
            b"br" => Some(Inflater::Brotli(Box::new(DecompressorWriter::new(
                Plain::default(),
                limits::READ_BYTES,
            )))),
            _ => None,
        }
    }

    fn push(&mut self, data: Data) -> io::Result<Vec<u8>> {
        for chunk in data {
            if let (Inflater::Deflate, Some(first)) = (&*self, chunk.first()) {
                // RFC 1950 2.2: the low half of the first byte is 8.
                *self = match first & 0x0f {
                    8 => Inflater::Zlib(ZlibDecoder::new(Plain::default())),
                    _ => Inflater::Raw(DeflateDecoder::new(Plain::default())),
                };
            }
            match self {
                Inflater::Gzip(inner) => inner.write_all(&chunk)?,
                Inflater::Zlib(inner) => inner.write_all(&chunk)?,
                Inflater::Raw(inner) => inner.write_all(&chunk)?,
                Inflater::Brotli(inner) => inner.write_all(&chunk)?,
                Inflater::Deflate => {}
            }
        }
        Ok(self.take())
    }

    fn finish(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Inflater::Gzip(inner) => inner.try_finish()?,
            Inflater::Zlib(inner) => inner.try_finish()?,
            Inflater::Raw(inner) => inner.try_finish()?,
            Inflater::Brotli(inner) => inner.close()?,
            Inflater::Deflate => {}
        }
        Ok(self.take())
    }

    fn take(&mut self) -> Vec<u8> {
        match self {
            Inflater::Gzip(inner) => std::mem::take(&mut inner.get_mut().0),
            Inflater::Zlib(inner) => std::mem::take(&mut inner.get_mut().0),
            Inflater::Raw(inner) => std::mem::take(&mut inner.get_mut().0),
            Inflater::Brotli(inner) => std::mem::take(&mut inner.get_mut().0),
            Inflater::Deflate => Vec::new(),
        }
    }
}

const HEADER: &str = "content-encoding";

/// The decoder for a message, and its head without the header.
fn inflater_of(cx: &Cx<'_>, head: &Rc<Head>) -> js::Result<Option<(Inflater, Rc<Head>)>> {
    let bare = |kind: HeadKind| Rc::new(Head::new(kind));
    let saved = match &*head.0.borrow() {
        HeadKind::Request(request) => {
            let inflater = request.headers.get(HEADER).and_then(Inflater::of);
            return Ok(inflater.map(|inflater| {
                let mut request = request.clone();
                request.headers.remove(HEADER);
                (inflater, bare(HeadKind::Request(request)))
            }));
        }
        HeadKind::Response(response) => {
            let inflater = response.headers.get(HEADER).and_then(Inflater::of);
            return Ok(inflater.map(|inflater| {
                let mut response = response.clone();
                response.headers.remove(HEADER);
                (inflater, bare(HeadKind::Response(response)))
            }));
        }
        HeadKind::WebSocket(_) => return Ok(None),
        HeadKind::Js(saved) => saved.clone(),
    };
    let value = saved.get(&cx.js);
    let Some(object) = value.as_object() else {
        return Ok(None);
    };
    let Some(headers) = object.get::<_, Option<Object>>("headers")? else {
        return Ok(None);
    };
    let Some(coding) = headers.get::<_, Option<String>>(HEADER)? else {
        return Ok(None);
    };
    let Some(inflater) = Inflater::of(coding.as_bytes()) else {
        return Ok(None);
    };
    headers.remove(HEADER)?;
    Ok(Some((inflater, head.clone())))
}

impl DecompressHttp {
    /// Corrupt input ends the stream.
    fn emit(&mut self, result: io::Result<Vec<u8>>, out: &mut Out<'_>) -> bool {
        match result {
            Ok(bytes) => {
                if !bytes.is_empty() {
                    out.emit(Event::Data(bytes.into()));
                }
                true
            }
            Err(error) => {
                tracing::warn!(target: "http", %error, "cannot decompress a body");
                self.inflater = None;
                out.emit(StreamError::ProtocolError.into());
                false
            }
        }
    }
}

impl Filter for DecompressHttp {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        match event {
            Event::MessageStart(MessageStart { head: Some(head) }) => {
                self.inflater = None;
                let start = Event::MessageStart(MessageStart {
                    head: Some(head.clone()),
                });
                if let Some(wanted) = &self.wanted {
                    match cx.call(out, wanted, (EventArg(&start),)) {
                        Ok(value) if js::truthy(&value) => {}
                        Ok(_) => return out.emit(start),
                        Err(reason) => return out.end(reason),
                    }
                }
                match inflater_of(cx, &head) {
                    Ok(None) => out.emit(start),
                    Ok(Some((inflater, head))) => {
                        self.inflater = Some(inflater);
                        self.fed = false;
                        out.emit(Event::MessageStart(MessageStart { head: Some(head) }));
                    }
                    Err(error) => {
                        let reason = cx.failed(&out.place(), error);
                        out.end(reason);
                    }
                }
            }
            Event::Data(data) if !data.is_empty() && self.inflater.is_some() => {
                self.fed = true;
                let result = self
                    .inflater
                    .as_mut()
                    .map_or(Ok(Vec::new()), |inflater| inflater.push(data));
                self.emit(result, out);
            }
            Event::MessageEnd(_) if self.inflater.is_some() => {
                let fed = std::mem::take(&mut self.fed);
                let inflater = self.inflater.take().filter(|_| fed);
                let result = inflater.map_or(Ok(Vec::new()), |mut inflater| inflater.finish());
                if self.emit(result, out) {
                    out.emit(event);
                }
            }
            event => out.emit(event),
        }
    }

    fn reset(&mut self) {
        self.inflater = None;
        self.fed = false;
    }
}
