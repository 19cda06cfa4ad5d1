//! The class `Data` of scripts. Source: pipyjs/globals.md section 3.

use super::{List, Result, bounds, throw_error, throw_type};
use crate::budget::Share;
use crate::data::Data;
use crate::limits;
use crate::metrics::{Alive, Kind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use rquickjs::class::Trace;
use rquickjs::prelude::{Opt, This};
use rquickjs::{Class, Ctx, Function, JsLifetime, Value};

/// A script's Data object. Events hold clones of its bytes, so what filters consume does not alter it. Its bytes count for
/// the worker's budget of `Data` (budget.rs): the heap of the scripts does not know them.
#[derive(Trace, JsLifetime)]
#[rquickjs::class(rename = "Data")]
pub struct JsData {
    #[qjs(skip_trace)]
    data: Data,
    #[qjs(skip_trace)]
    share: Share,
    #[qjs(skip_trace)]
    chunks: Alive,
    #[qjs(skip_trace)]
    _alive: Alive,
}

impl JsData {
    /// # Errors  Throws when the scripts' `Data` take too much.
    fn make(ctx: &Ctx<'_>, data: Data) -> Result<Self> {
        let share = bounds::charge(ctx, data.len() + limits::HELD_EVENT_BYTES)?;
        Ok(JsData {
            chunks: Alive::many(Kind::Chunk, data.chunk_count()),
            _alive: Alive::one(Kind::Data),
            data,
            share,
        })
    }

    /// A Data of these bytes.
    ///
    /// # Errors  Throws when the scripts' `Data` take too much.
    pub(crate) fn object<'js>(ctx: &Ctx<'js>, data: Data) -> Result<Class<'js, JsData>> {
        Class::instance(ctx.clone(), JsData::make(ctx, data)?)
    }

    /// A Data of bytes that came in a stream. A few of them are copied: kept, they would keep the block they were read into.
    ///
    /// # Errors  Throws when the scripts' `Data` take too much.
    pub(crate) fn of_stream<'js>(ctx: &Ctx<'js>, data: &Data) -> Result<Class<'js, JsData>> {
        JsData::object(ctx, alone(data.clone()))
    }

    /// The bytes.
    pub(crate) fn data(&self) -> &Data {
        &self.data
    }

    /// Appends.
    ///
    /// # Errors  Throws when the scripts' `Data` take too much.
    pub(crate) fn append(&mut self, ctx: &Ctx<'_>, more: Data) -> Result<()> {
        bounds::charge_more(ctx, &mut self.share, more.len())?;
        self.data.append(more);
        self.chunks = Alive::many(Kind::Chunk, self.data.chunk_count());
        Ok(())
    }

    /// Replaces the bytes.
    ///
    /// # Errors  Throws when the scripts' `Data` take too much.
    pub(crate) fn replace(&mut self, ctx: &Ctx<'_>, data: Data) -> Result<()> {
        *self = JsData::make(ctx, data)?;
        Ok(())
    }

    /// Takes bytes out into a Data of their own. A few, on either side, are copied: see `of_stream`.
    fn take<'js>(&mut self, ctx: &Ctx<'js>, take: impl FnOnce(&mut Data) -> Data) -> Result<Class<'js, JsData>> {
        let was_large = self.data.len() >= limits::SMALL_CHUNK_BYTES;
        let taken = take(&mut self.data);
        self.share.shrink(taken.len());
        if was_large {
            self.data = alone(std::mem::take(&mut self.data));
        }
        self.chunks = Alive::many(Kind::Chunk, self.data.chunk_count());
        JsData::object(ctx, if was_large { alone(taken) } else { taken })
    }

    /// Bytes of a script's argument: Data, or a string as UTF-8.
    pub fn bytes_of<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Data> {
        super::value_to_data(ctx, value).ok_or_else(|| throw_type(ctx, "argument 1 expects a Data or a string"))
    }
}

#[rquickjs::methods(rename_all = "camelCase")]
impl JsData {
    /// `new Data()`, `(string, encoding?)`, `(array of bytes)`, `(data)`.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, from: Opt<Value<'js>>, encoding: Opt<String>) -> Result<Self> {
        let Some(from) = from.0.filter(|value| !value.is_undefined()) else {
            return JsData::make(&ctx, Data::new());
        };
        if let Some(array) = from.as_list() {
            let mut bytes = Vec::with_capacity(array.len().min(limits::READ_BYTES));
            for byte in array.iter::<f64>() {
                bytes.push(byte? as i64 as u8);
            }
            return JsData::make(&ctx, bytes.into());
        }
        if let Some(text) = from.as_string() {
            let data = decode(&text.to_string()?, encoding.0.as_deref().unwrap_or("utf8"));
            let data = data.map_err(|what| throw_type(&ctx, &what))?;
            let data = data.ok_or_else(|| throw_error(&ctx, "invalid encoding of Data"))?;
            return JsData::make(&ctx, data);
        }
        JsData::make(&ctx, JsData::bytes_of(&ctx, &from)?)
    }

    /// `'Data'`.
    #[qjs(get, rename = "type")]
    pub fn kind(&self) -> &'static str {
        "Data"
    }

    /// `Data.from(string, encoding)`: null for malformed text.
    #[qjs(static)]
    pub fn from<'js>(ctx: Ctx<'js>, text: String, encoding: Opt<String>) -> Result<Value<'js>> {
        let data = decode(&text, encoding.0.as_deref().unwrap_or("utf8")).map_err(|what| throw_type(&ctx, &what))?;
        match data {
            Some(data) => Ok(JsData::object(&ctx, data)?.into_value()),
            None => Ok(Value::new_null(ctx)),
        }
    }

    /// Number of bytes.
    #[qjs(get)]
    pub fn size(&self) -> usize {
        self.data.len()
    }

    /// Appends; returns itself.
    pub fn push<'js>(this: This<Class<'js, Self>>, ctx: Ctx<'js>, more: Value<'js>) -> Result<Class<'js, Self>> {
        let more = JsData::bytes_of(&ctx, &more)?;
        this.0.borrow_mut().append(&ctx, more)?;
        Ok(this.0)
    }

    /// Removes n bytes from the end.
    pub fn pop<'js>(&mut self, ctx: Ctx<'js>, n: f64) -> Result<Class<'js, JsData>> {
        self.take(&ctx, |data| data.pop(n.max(0.0) as usize))
    }

    /// Removes n bytes from the front.
    pub fn shift<'js>(&mut self, ctx: Ctx<'js>, n: f64) -> Result<Class<'js, JsData>> {
        self.take(&ctx, |data| data.shift(n.max(0.0) as usize))
    }

    /// Removes up to and including the first byte for which `found` is true; all when there is none.
    pub fn shift_to<'js>(
        this: This<Class<'js, Self>>,
        ctx: Ctx<'js>,
        found: Function<'js>,
    ) -> Result<Class<'js, JsData>> {
        let bytes = this.0.borrow().data.to_bytes();
        let mut count = bytes.len();
        for (index, byte) in bytes.iter().enumerate() {
            if truthy(&found.call((*byte,))?) {
                count = index + 1;
                break;
            }
        }
        this.0.borrow_mut().take(&ctx, |data| data.shift(count))
    }

    /// Removes bytes while `wanted` is true.
    pub fn shift_while<'js>(
        this: This<Class<'js, Self>>,
        ctx: Ctx<'js>,
        wanted: Function<'js>,
    ) -> Result<Class<'js, JsData>> {
        let bytes = this.0.borrow().data.to_bytes();
        let mut count = 0;
        for byte in bytes.iter() {
            if !truthy(&wanted.call((*byte,))?) {
                break;
            }
            count += 1;
        }
        this.0.borrow_mut().take(&ctx, |data| data.shift(count))
    }

    /// The bytes as numbers.
    pub fn to_array(&self) -> Vec<u8> {
        self.data.to_vec()
    }

    /// As text; invalid UTF-8 becomes replacement characters.
    #[qjs(rename = "toString")]
    pub fn text(&self, ctx: Ctx<'_>, encoding: Opt<String>) -> Result<String> {
        encode(&self.data, encoding.0.as_deref().unwrap_or("utf8")).map_err(|what| throw_type(&ctx, &what))
    }
}

/// Small data as a copy.
fn alone(data: Data) -> Data {
    match !data.is_empty() && data.len() < limits::SMALL_CHUNK_BYTES {
        true => Data::from(data.to_vec()),
        false => data,
    }
}

/// JavaScript truth.
pub(crate) fn truthy(value: &Value<'_>) -> bool {
    use rquickjs::Type;
    match value.type_of() {
        Type::Undefined | Type::Null | Type::Uninitialized => false,
        Type::Bool => value.as_bool() == Some(true),
        Type::Int | Type::Float => value
            .as_number()
            .is_some_and(|number| number != 0.0 && !number.is_nan()),
        Type::String => value
            .as_string()
            .and_then(|text| text.to_string().ok())
            .is_some_and(|text| !text.is_empty()),
        _ => true,
    }
}

/// Bytes of `text` in an encoding; None when malformed.
///
/// # Errors  An unknown encoding, with the known ones.
pub(crate) fn decode(text: &str, encoding: &str) -> std::result::Result<Option<Data>, String> {
    Ok(match encoding {
        "utf8" => Some(text.into()),
        "utf16be" => Some(
            text.encode_utf16()
                .flat_map(u16::to_be_bytes)
                .collect::<Vec<u8>>()
                .into(),
        ),
        "utf16le" => Some(
            text.encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>()
                .into(),
        ),
        "hex" => decode_hex(text).map(Data::from),
        "base64" => STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok().map(Data::from),
        "base64url" => URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok().map(Data::from),
        other => return Err(unknown(other)),
    })
}

/// Text of `data` in an encoding.
///
/// # Errors  An unknown encoding, with the known ones.
pub(crate) fn encode(data: &Data, encoding: &str) -> std::result::Result<String, String> {
    let bytes = data.to_bytes();
    let units = |read: fn([u8; 2]) -> u16| -> String {
        let units = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
        char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    Ok(match encoding {
        "utf8" => String::from_utf8_lossy(&bytes).into_owned(),
        "utf16be" => units(u16::from_be_bytes),
        "utf16le" => units(u16::from_le_bytes),
        "hex" => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        "base64" => STANDARD.encode(&bytes),
        "base64url" => URL_SAFE_NO_PAD.encode(&bytes),
        other => return Err(unknown(other)),
    })
}

fn unknown(encoding: &str) -> String {
    format!("unknown encoding '{encoding}'; known: utf8, utf16be, utf16le, hex, base64, base64url")
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| (byte as char).to_digit(16);
    digits
        .chunks_exact(2)
        .map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8))
        .collect()
}
