//! Classes of globals that are written in JavaScript: `<name>.js` beside `<name>.rs` is one expression, a function of
//! what it needs of the engine that returns the class, or several by name. Not for: what scripts call rarely or what needs bytes, tasks or
//! other threads; those are Rust classes.
//!
//! Why JavaScript: tables keyed by any value (`algo.Cache`, balancers) are a Map, whose look-up from a closure costs less
//! than crossing into Rust, converting the key and borrowing a class. Methods are closures, so they stay bound when taken
//! off the object (pipyjs/model.md section 4 item 17). A class is unpacked and compiled when a script first names it.

use crate::js::{self, JsData};
use flate2::read::DeflateDecoder;
use rquickjs::class::JsClass;
use rquickjs::object::{Accessor, Property};
use rquickjs::prelude::This;
use rquickjs::{Class, Ctx, Function, IntoJs, Object, TypedArray, Value};
use std::io::Read;

/// The text of a class, as build.rs packs it.
#[derive(Clone, Copy)]
pub(super) struct Source(pub &'static [u8]);

/// The [`Source`] of that name, without `.js`.
macro_rules! source {
    ($name:literal) => {
        $crate::globals::embedded::Source(include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".deflate")))
    };
}
pub(super) use source;

impl Source {
    fn text(self) -> std::io::Result<String> {
        let mut text = String::new();
        DeflateDecoder::new(self.0).read_to_string(&mut text)?;
        Ok(text)
    }
}

/// Makes what an embedded class needs of the engine.
pub(super) type Needs = for<'js> fn(&Ctx<'js>) -> js::Result<Object<'js>>;

/// Sets `object.name` to the class that `source` makes; compiled at its first use.
pub(super) fn define<'js>(object: &Object<'js>, name: &'static str, source: Source, needs: Needs) -> js::Result<()> {
    let get = move |ctx: Ctx<'js>, this: This<Object<'js>>| -> js::Result<Value<'js>> {
        let make: Function = ctx.eval(source.text()?)?;
        let made: Value = make.call((needs(&ctx)?,))?;
        let class = match made.as_object().filter(|_| !made.is_function()) {
            Some(several) => several.get(name)?,
            None => made,
        };
        this.0.prop(
            name,
            Property::from(class.clone()).configurable().enumerable().writable(),
        )?;
        Ok(class)
    };
    object.prop(name, Accessor::from(get).configurable().enumerable())
}

/// Nothing.
pub(super) fn nothing<'js>(ctx: &Ctx<'js>) -> js::Result<Object<'js>> {
    Object::new(ctx.clone())
}

/// `seconds(value)`: a duration as options give it, or undefined.
pub(super) fn seconds<'js>(ctx: &Ctx<'js>) -> js::Result<Function<'js>> {
    Function::new(ctx.clone(), |ctx: Ctx<'js>, value: Value<'js>| {
        match js::seconds_of(&value) {
            Some(seconds) => seconds.into_js(&ctx),
            None => Ok(Value::new_undefined(ctx)),
        }
    })
}

/// `bytesOf(data | string)`: a copy as Uint8Array.
pub(super) fn bytes_needs<'js>(ctx: &Ctx<'js>) -> js::Result<Object<'js>> {
    let needs = nothing(ctx)?;
    let bytes_of = |ctx: Ctx<'js>, value: Value<'js>| -> js::Result<TypedArray<'js, u8>> {
        let bytes = JsData::bytes_of(&ctx, &value)?.to_vec();
        TypedArray::new(ctx, bytes)
    };
    needs.set("bytesOf", Function::new(ctx.clone(), bytes_of)?)?;
    Ok(needs)
}

/// Sets a Rust class on `object`. Its methods stay bound when they are taken off an instance: the first read binds one.
/// Not for classes of which many instances live shortly (events, Data).
pub(super) fn define_bound<'js, C: JsClass<'js>>(ctx: &Ctx<'js>, object: &Object<'js>) -> js::Result<()> {
    Class::<C>::define(object)?;
    let Some(prototype) = Class::<C>::prototype(ctx)? else {
        return Ok(());
    };
    let bind: Function = ctx.eval(
        "prototype => Object.getOwnPropertyNames(prototype).forEach(name => {
          const { value, enumerable } = Object.getOwnPropertyDescriptor(prototype, name)
          if (typeof value !== 'function' || name === 'constructor') return
          const own = (self, value) =>
            Object.defineProperty(self, name, { value, writable: true, configurable: true })
          Object.defineProperty(prototype, name, {
            configurable: true,
            enumerable,
            get() {
              const bound = value.bind(this)
              own(this, bound)
              return bound
            },
            set(value) { own(this, value) },
          })
        })",
    )?;
    bind.call((prototype,))
}
