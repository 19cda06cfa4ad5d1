//! The class `MessageStart` of scripts: an exotic one, for its `head` is what callbacks read most, and an accessor of a
//! native class costs more than the rest of the callback. Source: pipyjs/model.md 1.1.

use super::borrowed;
use super::events::{head_cost, head_of};
use super::names::{Field, Kind, kind_of, message_start_prototype, name_of};
use super::{Result, bounds, head_value};
use crate::budget::Share;
use crate::event::Head;
use crate::metrics::{Alive, Kind as Counted};
use rquickjs::class::{ClassKind, JsCell, JsClass, PropertyDescriptor, PropertyName, Readable, Trace, Tracer};
use rquickjs::function::{Constructor, This};
use rquickjs::object::{Accessor, Filter, Property};
use rquickjs::prelude::Opt;
use rquickjs::{Atom, Class, Ctx, JsLifetime, Object, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// `new MessageStart(head?)`.
#[derive(JsLifetime)]
pub(crate) struct JsMessageStart<'js> {
    /// The head, shared with the event.
    head: RefCell<Option<Rc<Head>>>,
    /// What scripts put on it besides; inherits from the class's prototype.
    own: RefCell<Option<Object<'js>>>,
    _share: Share,
    _alive: Alive,
}

impl<'js> JsMessageStart<'js> {
    /// The object for an event, with which it shares the head.
    ///
    /// # Errors  Throws when what scripts keep of streams takes too much.
    pub(crate) fn object(ctx: &Ctx<'js>, head: Option<Rc<Head>>) -> Result<Class<'js, Self>> {
        let share = bounds::charge(ctx, head_cost(head.as_ref()))?;
        Self::with_share(ctx, head, share)
    }

    fn with_share(ctx: &Ctx<'js>, head: Option<Rc<Head>>, share: Share) -> Result<Class<'js, Self>> {
        let start = JsMessageStart {
            head: RefCell::new(head),
            own: RefCell::new(None),
            _share: share,
            _alive: Alive::one(Counted::MessageStart),
        };
        Class::instance_proto(start, message_start_prototype(ctx)?)
    }

    /// The head of the event that `value` is; None when it is none.
    pub(crate) fn of(value: &Value<'js>) -> Option<Option<Rc<Head>>> {
        let object = value
            .as_object()
            .filter(|object| kind_of(object) == Kind::MessageStart)?;
        let start = Class::<Self>::from_object(object)?;
        let head = start.borrow().head.borrow().clone();
        Some(head)
    }

    /// Properties of its own, if there are any, or else what it inherits.
    fn behind(&self, ctx: &Ctx<'js>) -> Result<Object<'js>> {
        match &*self.own.borrow() {
            Some(own) => Ok(own.clone()),
            None => message_start_prototype(ctx),
        }
    }

    fn own(&self, ctx: &Ctx<'js>) -> Result<Object<'js>> {
        if let Some(own) = &*self.own.borrow() {
            return Ok(own.clone());
        }
        let own = Object::new_proto(ctx.clone(), Some(&message_start_prototype(ctx)?))?;
        *self.own.borrow_mut() = Some(own.clone());
        Ok(own)
    }
}

impl<'js> JsClass<'js> for JsMessageStart<'js> {
    const NAME: &'static str = "MessageStart";
    const KIND: ClassKind = ClassKind::Exotic;
    type Mutable = Readable;

    /// The accessors are for those who look at the class; what instances are asked for never comes there.
    fn prototype(ctx: &Ctx<'js>) -> Result<Option<Object<'js>>> {
        fn read<'js>(ctx: Ctx<'js>, this: This<Class<'js, JsMessageStart<'js>>>) -> Result<Value<'js>> {
            let head = this.0.borrow().head.borrow().clone();
            head_value(&ctx, head.as_ref())
        }
        fn write<'js>(ctx: Ctx<'js>, this: This<Class<'js, JsMessageStart<'js>>>, head: Value<'js>) {
            *this.0.borrow().head.borrow_mut() = head_of(&ctx, Some(head));
        }
        let prototype = Object::new(ctx.clone())?;
        prototype.prop("type", Accessor::from(|| Self::NAME).configurable())?;
        prototype.prop("head", Accessor::new(read, write).configurable())?;
        Ok(Some(prototype))
    }

    fn constructor(ctx: &Ctx<'js>) -> Result<Option<Constructor<'js>>> {
        let make = |ctx: Ctx<'js>, head: Opt<Value<'js>>| {
            let head = head_of(&ctx, head.0);
            // A head of a script's own is in its heap.
            Self::with_share(&ctx, head, Share::of_scripts())
        };
        Constructor::new_class::<Self, _, _>(ctx.clone(), make).map(Some)
    }

    fn exotic_get_property(
        this: &JsCell<'js, Self>,
        ctx: &Ctx<'js>,
        atom: Atom<'js>,
        _: Value<'js>,
    ) -> Result<Value<'js>> {
        let name = name_of(ctx, &atom)?;
        if name.is_mark {
            return Ok(Kind::MessageStart.answer(ctx));
        }
        let this = this.borrow();
        match name.field {
            Some(Field::Head) => {
                let head = this.head.borrow().clone();
                head_value(ctx, head.as_ref())
            }
            Some(Field::Type) => Ok(rquickjs::String::from_str(ctx.clone(), Self::NAME)?.into_value()),
            _ => this.behind(ctx)?.get(atom),
        }
    }

    fn exotic_set_property(
        this: &JsCell<'js, Self>,
        ctx: &Ctx<'js>,
        atom: Atom<'js>,
        receiver: Value<'js>,
        value: Value<'js>,
    ) -> Result<bool> {
        borrowed::own(&value);
        match name_of(ctx, &atom)?.field {
            Some(Field::Head) => {
                let head = head_of(ctx, Some(value));
                *this.borrow().head.borrow_mut() = head;
                Ok(true)
            }
            Some(Field::Type) => Ok(false),
            _ if super::exotic::is_same(this, &receiver) => this.borrow().own(ctx)?.set(atom, value).map(|()| true),
            _ => match receiver.as_object() {
                Some(heir) => {
                    let property = Property::from(value).writable().enumerable().configurable();
                    heir.prop(atom, property).map(|()| true)
                }
                None => Ok(false),
            },
        }
    }

    fn exotic_delete_property(this: &JsCell<'js, Self>, _: &Ctx<'js>, atom: Atom<'js>) -> Result<bool> {
        let own = this.borrow().own.borrow().clone();
        own.map_or(Ok(()), |own| own.remove(atom)).map(|()| true)
    }

    fn exotic_has_property(this: &JsCell<'js, Self>, ctx: &Ctx<'js>, atom: Atom<'js>) -> Result<bool> {
        this.borrow().behind(ctx)?.contains_key(atom)
    }

    fn exotic_get_own_property(
        this: &JsCell<'js, Self>,
        _: &Ctx<'js>,
        atom: Atom<'js>,
    ) -> Result<Option<PropertyDescriptor<'js>>> {
        let own = this.borrow().own.borrow().clone();
        let Some(own) = own.filter(|own| names(own).any(|name| name == atom)) else {
            return Ok(None);
        };
        let value = own.get(atom)?;
        Ok(Some(PropertyDescriptor::new_value(value, true, true, true)))
    }

    fn exotic_get_own_property_names(this: &JsCell<'js, Self>, _: &Ctx<'js>) -> Result<Vec<PropertyName<'js>>> {
        let own = this.borrow().own.borrow().clone();
        let names = own.iter().flat_map(names);
        let names = names.map(|atom| PropertyName {
            atom,
            is_enumerable: true,
        });
        Ok(names.collect())
    }
}

fn names<'js>(own: &Object<'js>) -> impl Iterator<Item = Atom<'js>> + use<'js> {
    own.own_keys::<Atom>(Filter::new().string().symbol()).flatten()
}

impl<'js> Trace<'js> for JsMessageStart<'js> {
    fn trace<'a>(&self, tracer: Tracer<'a, 'js>) {
        if let Ok(own) = self.own.try_borrow()
            && let Some(own) = &*own
        {
            own.trace(tracer);
        }
    }
}
