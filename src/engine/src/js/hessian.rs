//! Values of Hessian 2 as scripts see them: null, booleans, numbers, strings, Data, Date, arrays, plain objects.
//! Source: pipyjs/globals.md section 12.

use super::{JsData, List, Result, throw_error, throw_type, value_to_data, value_to_text};
use crate::data::Data;
use crate::limits;
use ballast_codec::hessian::{MAX_DEPTH, MAX_VALUES, Value as Hessian};
use rquickjs::function::Constructor;
use rquickjs::object::Property;
use rquickjs::{Array, BigInt, Ctx, Object, Type, Value};

/// The largest number up to which all whole numbers are exact.
const EXACT: i64 = 1 << 53;

/// The script's values of one buffer: references may lead from one to another.
#[derive(Default)]
pub(crate) struct HessianReader<'js> {
    containers: Vec<Value<'js>>,
}

impl<'js> HessianReader<'js> {
    /// The script's value. Whole numbers beyond 2^53 become BigInts, so that none is altered; names of classes and types
    /// are left out.
    ///
    /// # Errors  When the script engine runs out of memory.
    pub(crate) fn value(&mut self, ctx: &Ctx<'js>, value: &Hessian) -> Result<Value<'js>> {
        Ok(match value {
            Hessian::Null => Value::new_null(ctx.clone()),
            Hessian::Bool(flag) => Value::new_bool(ctx.clone(), *flag),
            Hessian::Int(number) => Value::new_int(ctx.clone(), *number),
            Hessian::Long(number) if (-EXACT..=EXACT).contains(number) => {
                Value::new_number(ctx.clone(), *number as f64)
            }
            Hessian::Long(number) => BigInt::from_i64(ctx.clone(), *number)?.into_value(),
            Hessian::Double(number) => Value::new_float(ctx.clone(), *number),
            Hessian::Date(time) => date(ctx)?.construct((*time as f64,))?,
            Hessian::String(text) => rquickjs::String::from_str(ctx.clone(), text)?.into_value(),
            Hessian::Binary(bytes) => {
                let data = Data::from(bytes.clone());
                JsData::object(ctx, data)?.into_value()
            }
            Hessian::List(values) => {
                let array = Array::new(ctx.clone())?;
                self.containers.push(array.clone().into_value());
                for (index, value) in values.iter().enumerate() {
                    array.set(index, self.value(ctx, value)?)?;
                }
                array.into_value()
            }
            Hessian::Map(pairs) => {
                let object = self.object(ctx)?;
                for (key, value) in pairs {
                    let key = self.value(ctx, key)?;
                    let value = self.value(ctx, value)?;
                    set(&object, &value_to_text(ctx, &key), value)?;
                }
                object.into_value()
            }
            Hessian::Object(class, values) => {
                let object = self.object(ctx)?;
                for (name, value) in class.fields.iter().zip(values) {
                    let value = self.value(ctx, value)?;
                    set(&object, name, value)?;
                }
                object.into_value()
            }
            Hessian::Ref(index) => match self.containers.get(*index) {
                Some(value) => value.clone(),
                None => Value::new_null(ctx.clone()),
            },
        })
    }

    fn object(&mut self, ctx: &Ctx<'js>) -> Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        self.containers.push(object.clone().into_value());
        Ok(object)
    }
}

/// A field of its own, whatever its name: a peer's `__proto__` is a name like others.
fn set<'js>(object: &Object<'js>, name: &str, value: Value<'js>) -> Result<()> {
    object.prop(name, Property::from(value).configurable().enumerable().writable())
}

fn date<'js>(ctx: &Ctx<'js>) -> Result<Constructor<'js>> {
    ctx.globals().get("Date")
}

/// Values of a script to be sent.
#[derive(Default)]
pub(crate) struct HessianWriter {
    values: usize,
    bytes: usize,
}

impl HessianWriter {
    /// The value to send: whole numbers are int or long, others double; undefined is null.
    ///
    /// # Errors  Throws for values of no form in Hessian, and for those that nest too deeply or are too many: what was
    /// shared by reference is written out each time.
    pub(crate) fn value<'js>(&mut self, ctx: &Ctx<'js>, value: &Value<'js>) -> Result<Hessian> {
        self.of(ctx, value, 0)
    }

    fn text(&mut self, ctx: &Ctx<'_>, text: String) -> Result<String> {
        self.count(ctx, text.len()).map(|()| text)
    }

    fn count(&mut self, ctx: &Ctx<'_>, bytes: usize) -> Result<()> {
        self.values += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.values <= MAX_VALUES && self.bytes <= limits::HELD_BYTES {
            return Ok(());
        }
        let most = limits::HELD_BYTES;
        Err(throw_error(
            ctx,
            &format!("Hessian.encode: more than {MAX_VALUES} values, or than {most} bytes of text and Data"),
        ))
    }

    fn of<'js>(&mut self, ctx: &Ctx<'js>, value: &Value<'js>, depth: usize) -> Result<Hessian> {
        if depth > MAX_DEPTH {
            return Err(throw_type(
                ctx,
                &format!("Hessian.encode: values nest deeper than {MAX_DEPTH}"),
            ));
        }
        self.count(ctx, 0)?;
        if super::is_nullish(value) {
            return Ok(Hessian::Null);
        }
        if let Some(flag) = value.as_bool() {
            return Ok(Hessian::Bool(flag));
        }
        if let Some(number) = value.as_number() {
            return Ok(number_of(number));
        }
        if value.type_of() == Type::BigInt {
            let text = value_to_text(ctx, value);
            let long = text.parse().map(Hessian::Long);
            return long.map_err(|_| throw_error(ctx, &format!("Hessian.encode: {text} has more than 64 bits")));
        }
        if let Some(text) = value.as_string() {
            return Ok(Hessian::String(self.text(ctx, text.to_string()?)?));
        }
        if let Some(data) = value_to_data(ctx, value) {
            self.count(ctx, data.len())?;
            return Ok(Hessian::Binary(data.to_bytes()));
        }
        if let Some(array) = value.as_list() {
            let mut values = Vec::new();
            for value in array.iter::<Value>() {
                values.push(self.of(ctx, &value?, depth + 1)?);
            }
            return Ok(Hessian::List(values));
        }
        let Some(object) = value.as_object().filter(|_| !value.is_function()) else {
            return Err(throw_type(
                ctx,
                "Hessian.encode: a value is null, a boolean, number, string, Data, Date, array or object",
            ));
        };
        if object.is_instance_of(date(ctx)?) {
            let time: f64 = object
                .get::<_, rquickjs::Function>("getTime")?
                .call((rquickjs::prelude::This(object.clone()),))?;
            return Ok(Hessian::Date(time as i64));
        }
        let mut pairs = Vec::new();
        for entry in object.props::<String, Value>() {
            let (key, value) = entry?;
            let key = Hessian::String(self.text(ctx, key)?);
            pairs.push((key, self.of(ctx, &value, depth + 1)?));
        }
        Ok(Hessian::Map(pairs))
    }
}

fn number_of(number: f64) -> Hessian {
    let whole = number as i64;
    if whole as f64 != number || number.abs() > EXACT as f64 || (number == 0.0 && number.is_sign_negative()) {
        return Hessian::Double(number);
    }
    i32::try_from(whole).map_or(Hessian::Long(whole), Hessian::Int)
}
