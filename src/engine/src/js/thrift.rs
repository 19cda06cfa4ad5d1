//! Messages of Thrift as scripts see them: `{ protocol, type, seqID, name, fields: [{ id, type, value }] }`. A structure is an array of
//! fields, a list or set `{ elementType, elements }`, a map `{ keyType, valueType, pairs }` with pairs of `[key, value]`; `binary` is
//! Data, `uuid` a string; an `i64` that no number holds exactly is a BigInt. Source: pipyjs/filters.md section 8.

use super::{
    JsData, List, Result, is_nullish, number_of, throw_error, throw_type, truthy, value_to_data, value_to_text,
};
use crate::data::Data;
use ballast_codec::thrift::{Field, Kind, MAX_DEPTH, MAX_ELEMENTS, Message, Protocol, Type, Value as Thrift};
use rquickjs::{Array, BigInt, Ctx, IntoJs, Object, Value};

/// Numbers up to here are exact.
const EXACT: i64 = 1 << 53;

/// Names of protocols in payloads and options.
const PROTOCOLS: [(&str, Protocol); 3] = [
    ("binary", Protocol::Binary),
    ("old", Protocol::Old),
    ("compact", Protocol::Compact),
];

/// The protocol of that name.
///
/// # Errors  Throws for a name of none.
pub(crate) fn thrift_protocol(ctx: &Ctx<'_>, name: &str) -> Result<Protocol> {
    let known = PROTOCOLS.iter().find(|(known, _)| *known == name);
    known.map(|(_, protocol)| *protocol).ok_or_else(|| {
        throw_error(
            ctx,
            &format!("Thrift: protocol '{name}' is none of binary, old, compact"),
        )
    })
}

/// The payload of a message.
pub(crate) fn thrift_object<'js>(ctx: &Ctx<'js>, message: &Message) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    let protocol = PROTOCOLS.iter().find(|(_, protocol)| *protocol == message.protocol);
    object.set("protocol", protocol.map_or("binary", |(name, _)| name))?;
    if message.framed {
        object.set("framed", true)?;
    }
    object.set("type", message.kind.name())?;
    object.set("seqID", message.seq_id)?;
    object.set("name", message.name.as_str())?;
    object.set("fields", fields_array(ctx, &message.fields)?)?;
    Ok(object)
}

fn fields_array<'js>(ctx: &Ctx<'js>, fields: &[Field]) -> Result<Array<'js>> {
    let array = Array::new(ctx.clone())?;
    for (index, field) in fields.iter().enumerate() {
        let object = Object::new(ctx.clone())?;
        object.set("id", field.id)?;
        object.set("type", field.value.kind().name())?;
        object.set("value", value_of(ctx, &field.value)?)?;
        array.set(index, object)?;
    }
    Ok(array)
}

fn value_of<'js>(ctx: &Ctx<'js>, value: &Thrift) -> Result<Value<'js>> {
    match value {
        Thrift::Bool(flag) => flag.into_js(ctx),
        Thrift::I8(number) => number.into_js(ctx),
        Thrift::I16(number) => number.into_js(ctx),
        Thrift::I32(number) => number.into_js(ctx),
        Thrift::I64(number) if (-EXACT..=EXACT).contains(number) => (*number as f64).into_js(ctx),
        Thrift::I64(number) => Ok(BigInt::from_i64(ctx.clone(), *number)?.into_value()),
        Thrift::Double(number) => number.into_js(ctx),
        Thrift::Binary(bytes) => {
            let data = Data::from(bytes.clone());
            Ok(JsData::object(ctx, data)?.into_value())
        }
        Thrift::Uuid(id) => {
            let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or_default());
            groups.join("-").into_js(ctx)
        }
        Thrift::Struct(fields) => Ok(fields_array(ctx, fields)?.into_value()),
        Thrift::Set(kind, elements) | Thrift::List(kind, elements) => {
            let array = Array::new(ctx.clone())?;
            for (index, element) in elements.iter().enumerate() {
                array.set(index, value_of(ctx, element)?)?;
            }
            let object = Object::new(ctx.clone())?;
            object.set("elementType", kind.name())?;
            object.set("elements", array)?;
            Ok(object.into_value())
        }
        Thrift::Map(key_kind, kind, pairs) => {
            let array = Array::new(ctx.clone())?;
            for (index, (key, value)) in pairs.iter().enumerate() {
                let pair = Array::new(ctx.clone())?;
                pair.set(0, value_of(ctx, key)?)?;
                pair.set(1, value_of(ctx, value)?)?;
                array.set(index, pair)?;
            }
            let object = Object::new(ctx.clone())?;
            object.set("keyType", key_kind.name())?;
            object.set("valueType", kind.name())?;
            object.set("pairs", array)?;
            Ok(object.into_value())
        }
    }
}

/// The message that a payload means; `protocol` for one that names none.
///
/// # Errors  Throws for types that are none, values that do not fit them, and for what nests too deeply or is too much.
pub(crate) fn thrift_message<'js>(ctx: &Ctx<'js>, payload: &Value<'js>, protocol: Protocol) -> Result<Message> {
    let Some(object) = payload.as_object() else {
        return Err(throw_type(ctx, "Thrift: a payload is an object"));
    };
    let text = |name: &str| -> Result<Option<String>> {
        let value: Value = object.get(name)?;
        Ok((!is_nullish(&value)).then(|| value_to_text(ctx, &value)))
    };
    let kind = text("type")?.unwrap_or_else(|| Kind::Call.name().to_owned());
    let kind = Kind::from_name(&kind.to_ascii_lowercase()).ok_or_else(|| {
        throw_error(
            ctx,
            &format!("Thrift: type '{kind}' is none of call, reply, exception, oneway"),
        )
    })?;
    let mut writer = Writer { ctx, elements: 0 };
    Ok(Message {
        protocol: match text("protocol")? {
            Some(name) => thrift_protocol(ctx, &name)?,
            None => protocol,
        },
        framed: truthy(&object.get::<_, Value>("framed")?),
        kind,
        seq_id: match object.get::<_, Value>("seqID")? {
            none if is_nullish(&none) => 0,
            seq_id => writer.integer(&seq_id, Type::I32)? as i32,
        },
        name: text("name")?.unwrap_or_default(),
        fields: writer.fields(&object.get("fields")?, 0)?,
    })
}

struct Writer<'a, 'js> {
    ctx: &'a Ctx<'js>,
    elements: usize,
}

impl<'js> Writer<'_, 'js> {
    fn wrong(&self, message: &str) -> rquickjs::Error {
        throw_error(self.ctx, &format!("Thrift: {message}"))
    }

    /// A structure: an array of fields, or an object that has one.
    fn fields(&mut self, value: &Value<'js>, depth: usize) -> Result<Vec<Field>> {
        if is_nullish(value) {
            return Ok(Vec::new());
        }
        let array = match (value.as_list(), value.as_object()) {
            (Some(array), _) => array.clone(),
            (None, Some(object)) => self.array(object, "fields")?,
            (None, None) => return Err(self.wrong("a structure expects an array of fields")),
        };
        let mut fields = Vec::new();
        for item in array.iter::<Value>() {
            let item = item?;
            let Some(field) = item.as_object() else {
                return Err(self.wrong("a field expects { id, type, value }"));
            };
            let id = self.integer(&field.get("id")?, Type::I16)? as i16;
            let kind = self.kind(field, "type")?;
            let value = self.value(kind, &field.get("value")?, depth + 1)?;
            fields.push(Field { id, value });
        }
        Ok(fields)
    }

    fn kind(&self, object: &Object<'js>, name: &str) -> Result<Type> {
        let text = value_to_text(self.ctx, &object.get(name)?);
        Type::from_name(&text.to_ascii_lowercase()).ok_or_else(|| self.wrong(&format!("{name} '{text}' is no type")))
    }

    /// A whole number that fits the type.
    fn integer(&self, value: &Value<'js>, kind: Type) -> Result<i64> {
        let (least, most) = match kind {
            Type::I8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
            Type::I16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
            Type::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
            _ => (i64::MIN, i64::MAX),
        };
        let number = match value.as_number() {
            // Beyond 64 bits the cast gives the largest number, which is another one.
            Some(number) => Some(number as i64).filter(|whole| *whole as f64 == number && *whole != i64::MAX),
            // A BigInt, an Int, or text.
            None => value_to_text(self.ctx, value).parse().ok(),
        };
        number.filter(|number| (least..=most).contains(number)).ok_or_else(|| {
            let given = value_to_text(self.ctx, value);
            self.wrong(&format!("{given} is no {}", kind.name()))
        })
    }

    fn value(&mut self, kind: Type, value: &Value<'js>, depth: usize) -> Result<Thrift> {
        self.elements += 1;
        if depth >= MAX_DEPTH || self.elements > MAX_ELEMENTS {
            return Err(self.wrong("values nest too deeply, or are too many"));
        }
        Ok(match kind {
            Type::Bool => Thrift::Bool(truthy(value)),
            Type::I8 => Thrift::I8(self.integer(value, kind)? as i8),
            Type::I16 => Thrift::I16(self.integer(value, kind)? as i16),
            Type::I32 => Thrift::I32(self.integer(value, kind)? as i32),
            Type::I64 => Thrift::I64(self.integer(value, kind)?),
            Type::Double => match number_of(value, 1.0) {
                Some(number) => Thrift::Double(number),
                None => return Err(self.wrong(&format!("{} is no double", value_to_text(self.ctx, value)))),
            },
            Type::Binary => match value_to_data(self.ctx, value) {
                Some(data) => Thrift::Binary(data.to_bytes()),
                None => return Err(self.wrong("binary expects a Data or a string")),
            },
            Type::Uuid => Thrift::Uuid(self.uuid(value)?),
            Type::Struct => Thrift::Struct(self.fields(value, depth)?),
            Type::Set | Type::List => {
                let object = self.object(value, "{ elementType, elements }")?;
                let element = self.kind(object, "elementType")?;
                let mut elements = Vec::new();
                for value in self.array(object, "elements")?.iter::<Value>() {
                    elements.push(self.value(element, &value?, depth + 1)?);
                }
                match kind {
                    Type::Set => Thrift::Set(element, elements),
                    _ => Thrift::List(element, elements),
                }
            }
            Type::Map => {
                let object = self.object(value, "{ keyType, valueType, pairs }")?;
                let (keys, values) = (self.kind(object, "keyType")?, self.kind(object, "valueType")?);
                let mut pairs = Vec::new();
                for pair in self.array(object, "pairs")?.iter::<Value>() {
                    let pair = pair?;
                    let Some(pair) = pair.as_list().filter(|pair| pair.len() == 2) else {
                        return Err(self.wrong("a pair expects [key, value]"));
                    };
                    let key = self.value(keys, &pair.get(0)?, depth + 1)?;
                    pairs.push((key, self.value(values, &pair.get(1)?, depth + 1)?));
                }
                Thrift::Map(keys, values, pairs)
            }
        })
    }

    fn object<'a>(&self, value: &'a Value<'js>, what: &str) -> Result<&'a Object<'js>> {
        value
            .as_object()
            .ok_or_else(|| self.wrong(&format!("a container expects {what}")))
    }

    fn array(&self, object: &Object<'js>, name: &str) -> Result<Array<'js>> {
        let value: Value = object.get(name)?;
        let array = value.as_list().cloned();
        array.ok_or_else(|| self.wrong(&format!("{name} expects an array")))
    }

    fn uuid(&self, value: &Value<'js>) -> Result<[u8; 16]> {
        let text: String = value_to_text(self.ctx, value)
            .chars()
            .filter(|char| *char != '-')
            .collect();
        match u128::from_str_radix(&text, 16) {
            Ok(id) if text.len() == 32 => Ok(id.to_be_bytes()),
            _ => Err(self.wrong("a uuid expects 32 hexadecimal digits")),
        }
    }
}
