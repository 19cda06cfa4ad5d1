//! `zlib.deflate`, `inflate`, `gzip`, `gunzip`: Data to Data, at once. Source: pipyjs/globals.md section 12.
//! What comes out of a small text may be huge: it is bounded, and beyond that an exception.

use crate::data::Data;
use crate::js::{self, JsData, throw_error};
use crate::limits;
use flate2::Compression;
use flate2::read::{GzEncoder, MultiGzDecoder, ZlibDecoder, ZlibEncoder};
use rquickjs::function::Function;
use rquickjs::{Class, Ctx, Object, Value};
use std::io::Read;

/// Makes a stream of the result.
type Stream = fn(bytes::Bytes) -> Box<dyn Read>;

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let zlib = Object::new(ctx.clone())?;
    let functions: [(&str, Stream); 4] = [
        ("deflate", |bytes| {
            Box::new(ZlibEncoder::new(std::io::Cursor::new(bytes), Compression::default()))
        }),
        ("inflate", |bytes| {
            Box::new(ZlibDecoder::new(std::io::Cursor::new(bytes)))
        }),
        ("gzip", |bytes| {
            Box::new(GzEncoder::new(std::io::Cursor::new(bytes), Compression::default()))
        }),
        ("gunzip", |bytes| {
            Box::new(MultiGzDecoder::new(std::io::Cursor::new(bytes)))
        }),
    ];
    for (name, stream) in functions {
        zlib.set(name, function(ctx, name, stream)?)?;
    }
    ctx.globals().set("zlib", zlib)
}

fn function<'js>(ctx: &Ctx<'js>, name: &'static str, stream: Stream) -> js::Result<Function<'js>> {
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, data: Value<'js>| -> js::Result<Class<'js, JsData>> {
            let bytes = JsData::bytes_of(&ctx, &data)?.to_bytes();
            let mut out = Vec::new();
            let read = stream(bytes).take(limits::ZLIB_BYTES as u64 + 1).read_to_end(&mut out);
            match read {
                Ok(_) if out.len() > limits::ZLIB_BYTES => {
                    let message = format!("zlib.{name}: more than {} bytes come out", limits::ZLIB_BYTES);
                    Err(throw_error(&ctx, &message))
                }
                Ok(_) => JsData::object(&ctx, Data::from(out)),
                Err(error) => Err(throw_error(&ctx, &format!("zlib.{name}: {error}"))),
            }
        },
    )
}
