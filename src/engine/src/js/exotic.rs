//! Objects that are native until a script does with them what only a plain object can: then a plain one is made of what
//! they hold, and stands behind them from then on. To scripts both are the same plain object. What QuickJS asks of such an
//! object comes here; what it asks without saying so (`Object.freeze` and its like) is sent to the plain one by prelude.js.

use super::Result;
use super::names::{Kind, Name, kind_of, name_of, object_prototype, own_descriptor};
use rquickjs::class::{JsCell, JsClass, PropertyDescriptor, PropertyName, Readable};
use rquickjs::object::{Filter, Property};
use rquickjs::{Atom, Class, Ctx, Function, Object, Proxy, Value};

/// What a native object says of a property.
pub(super) enum Found<'js> {
    /// It has it.
    Value(Value<'js>),
    /// It has not.
    Absent,
    /// Only a plain object can tell.
    Unknown,
}

/// What is behind such an object.
pub(super) trait Native<'js> {
    /// The plain object, once there is one.
    fn plain(&self) -> Option<Object<'js>>;
    /// Makes it.
    fn give_up(&self, ctx: &Ctx<'js>) -> Result<Object<'js>>;
    /// A property of its own.
    fn get(&self, ctx: &Ctx<'js>, name: &Name) -> Result<Found<'js>>;
    /// Sets a property of its own, or adds it; false when that takes a plain object.
    fn set(&self, name: &Name, value: &Value<'js>) -> Result<bool>;
    /// Removes it, if it is there; false when that takes a plain object.
    fn delete(&self, name: &Name) -> bool;
    /// The names of all, in the order of a plain object; None when that takes one.
    fn names(&self, ctx: &Ctx<'js>) -> Result<Option<Vec<Atom<'js>>>>;
}

pub(super) fn get<'js>(native: &impl Native<'js>, ctx: &Ctx<'js>, atom: Atom<'js>) -> Result<Value<'js>> {
    let name = name_of(ctx, &atom)?;
    if name.is_mark {
        return Ok(Kind::Head.answer(ctx));
    }
    if let Some(plain) = native.plain() {
        return plain.get(atom);
    }
    match native.get(ctx, &name)? {
        Found::Value(value) => Ok(value),
        Found::Absent => object_prototype(ctx).get(atom),
        Found::Unknown => native.give_up(ctx)?.get(atom),
    }
}

pub(super) fn set<'js, C>(
    cell: &JsCell<'js, C>,
    ctx: &Ctx<'js>,
    atom: Atom<'js>,
    receiver: &Value<'js>,
    value: Value<'js>,
) -> Result<bool>
where
    C: JsClass<'js, Mutable = Readable> + Native<'js>,
{
    if !is_same(cell, &behind_proxies(receiver)) {
        // An object that inherits from this one: the property becomes its own. It may be one of ours, too.
        let receiver = plain_of(ctx, receiver.clone())?;
        let Some(heir) = receiver.as_object() else {
            return Ok(false);
        };
        let property = Property::from(value).writable().enumerable().configurable();
        return heir.prop(atom, property).map(|()| true);
    }
    let native = cell.borrow();
    let plain = match native.plain() {
        Some(plain) => plain,
        None if native.set(&name_of(ctx, &atom)?, &value)? => return Ok(true),
        None => native.give_up(ctx)?,
    };
    set_plain(ctx, &plain, atom, value)
}

/// False for what a plain object refuses without a word: scripts are sloppy unless they say `'use strict'`, and QuickJS does not tell us
/// what they say.
fn set_plain<'js>(ctx: &Ctx<'js>, plain: &Object<'js>, atom: Atom<'js>, value: Value<'js>) -> Result<bool> {
    let Err(error) = plain.set(atom.clone(), value) else {
        return Ok(true);
    };
    if !error.is_exception() {
        return Err(error);
    }
    let thrown = ctx.catch();
    let is_refused = match own_descriptor(ctx, plain, &atom)? {
        Some(own) if own.is_getset => !own.setter.is_function(),
        Some(own) => !own.writable,
        None => {
            let object: Object = ctx.globals().get("Object")?;
            let is_extensible: Function = object.get("isExtensible")?;
            !is_extensible.call::<_, bool>((plain.clone(),))?
        }
    };
    if is_refused { Ok(false) } else { Err(ctx.throw(thrown)) }
}

/// Whether `receiver` is the object that the hook was called for.
pub(super) fn is_same<'js, C: JsClass<'js>>(cell: &JsCell<'js, C>, receiver: &Value<'js>) -> bool {
    let class = receiver.as_object().and_then(Class::<C>::from_object);
    class.is_some_and(|class| std::ptr::eq(class.get_cell(), cell))
}

/// What a proxy stands for: QuickJS would define the property on it without asking us (`defineProperty` traps are not asked
/// either). Any other value is itself.
fn behind_proxies<'js>(receiver: &Value<'js>) -> Value<'js> {
    let mut value = receiver.clone();
    while let Some(target) = value.clone().into_proxy().and_then(|proxy| target_of(&proxy)) {
        value = target.into_value();
    }
    value
}

/// None for a revoked one.
fn target_of<'js>(proxy: &Proxy<'js>) -> Option<Object<'js>> {
    proxy.target().map_err(|_| proxy.ctx().catch()).ok()
}

pub(super) fn delete<'js>(native: &impl Native<'js>, ctx: &Ctx<'js>, atom: Atom<'js>) -> Result<bool> {
    let plain = match native.plain() {
        Some(plain) => plain,
        None if native.delete(&name_of(ctx, &atom)?) => return Ok(true),
        None => native.give_up(ctx)?,
    };
    if plain.remove(atom).is_err() {
        // All that a plain object can say against it is that the property stays.
        ctx.catch();
        return Ok(false);
    }
    Ok(true)
}

pub(super) fn has<'js>(native: &impl Native<'js>, ctx: &Ctx<'js>, atom: Atom<'js>) -> Result<bool> {
    if let Some(plain) = native.plain() {
        return plain.contains_key(atom);
    }
    match native.get(ctx, &name_of(ctx, &atom)?)? {
        Found::Value(_) => Ok(true),
        Found::Absent => object_prototype(ctx).contains_key(atom),
        Found::Unknown => native.give_up(ctx)?.contains_key(atom),
    }
}

pub(super) fn own_property<'js>(
    native: &impl Native<'js>,
    ctx: &Ctx<'js>,
    atom: Atom<'js>,
) -> Result<Option<PropertyDescriptor<'js>>> {
    let plain = match native.plain() {
        Some(plain) => plain,
        None => match native.get(ctx, &name_of(ctx, &atom)?)? {
            Found::Value(value) => return Ok(Some(PropertyDescriptor::new_value(value, true, true, true))),
            Found::Absent => return Ok(None),
            Found::Unknown => native.give_up(ctx)?,
        },
    };
    own_descriptor(ctx, &plain, &atom)
}

pub(super) fn own_names<'js>(native: &impl Native<'js>, ctx: &Ctx<'js>) -> Result<Vec<PropertyName<'js>>> {
    let plain = match native.plain() {
        Some(plain) => plain,
        None => match native.names(ctx)? {
            Some(names) => {
                let enumerable = |atom| PropertyName {
                    atom,
                    is_enumerable: true,
                };
                return Ok(names.into_iter().map(enumerable).collect());
            }
            None => native.give_up(ctx)?,
        },
    };
    let names = plain.own_keys::<Atom>(everything());
    names
        .map(|atom| {
            Ok(PropertyName {
                atom: atom?,
                is_enumerable: true,
            })
        })
        .collect()
}

fn everything() -> Filter {
    Filter::new().string().symbol()
}

/// Makes a type of [`Native`] the class of such objects.
macro_rules! exotic_class {
    ($class:ident) => {
        impl<'js> rquickjs::class::JsClass<'js> for $class<'js> {
            const NAME: &'static str = "Object";
            const KIND: rquickjs::class::ClassKind = rquickjs::class::ClassKind::Exotic;
            type Mutable = rquickjs::class::Readable;

            fn prototype(ctx: &Ctx<'js>) -> Result<Option<Object<'js>>> {
                Ok(Some(object_prototype(ctx)))
            }
            fn constructor(_: &Ctx<'js>) -> Result<Option<rquickjs::function::Constructor<'js>>> {
                Ok(None)
            }
            fn exotic_get_property(
                this: &JsCell<'js, Self>,
                ctx: &Ctx<'js>,
                atom: Atom<'js>,
                _: Value<'js>,
            ) -> Result<Value<'js>> {
                exotic::get(&*this.borrow(), ctx, atom)
            }
            fn exotic_set_property(
                this: &JsCell<'js, Self>,
                ctx: &Ctx<'js>,
                atom: Atom<'js>,
                receiver: Value<'js>,
                value: Value<'js>,
            ) -> Result<bool> {
                borrowed::own(&value);
                exotic::set(this, ctx, atom, &receiver, value)
            }
            fn exotic_delete_property(this: &JsCell<'js, Self>, ctx: &Ctx<'js>, atom: Atom<'js>) -> Result<bool> {
                exotic::delete(&*this.borrow(), ctx, atom)
            }
            fn exotic_has_property(this: &JsCell<'js, Self>, ctx: &Ctx<'js>, atom: Atom<'js>) -> Result<bool> {
                exotic::has(&*this.borrow(), ctx, atom)
            }
            fn exotic_get_own_property(
                this: &JsCell<'js, Self>,
                ctx: &Ctx<'js>,
                atom: Atom<'js>,
            ) -> Result<Option<PropertyDescriptor<'js>>> {
                exotic::own_property(&*this.borrow(), ctx, atom)
            }
            fn exotic_get_own_property_names(
                this: &JsCell<'js, Self>,
                ctx: &Ctx<'js>,
            ) -> Result<Vec<PropertyName<'js>>> {
                exotic::own_names(&*this.borrow(), ctx)
            }
        }
    };
}
pub(super) use exotic_class;

/// The plain object behind `value`, made if need be; `value` itself when it is no object of ours.
///
/// # Errors  When the script engine runs out of memory.
pub(crate) fn plain_of<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Value<'js>> {
    let Some(object) = value.as_object().filter(|object| kind_of(object) == Kind::Head) else {
        return Ok(value);
    };
    let plain = super::head_object::plain_behind(ctx, object)?;
    Ok(plain.map_or(value, Object::into_value))
}
