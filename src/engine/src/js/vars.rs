//! Contexts: the script variables that pipelines see. Source: pipyjs/model.md 1.4 and 1.5.1.
//!
//! The variables of all modules live as plain properties of one JavaScript object a context (scope.js). It is made when
//! a callback first runs in the context, so that streams that no script looks at cost no object.

use super::{Callback, Inbound, Result};
use crate::value::Saved;
use rquickjs::atom::PredefinedAtom;
use rquickjs::object::Property;
use rquickjs::{Atom, Ctx, Function, JsLifetime, Object, Persistent, Value};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The variables of one or several pipelines.
pub(crate) struct Context {
    /// Increasing number, shown by `dump`.
    pub id: u64,
    vars: RefCell<Option<Saved>>,
    inbound: Option<Rc<Inbound>>,
}

impl Context {
    /// The connection that the context belongs to; none for tasks and spawned pipelines.
    pub(crate) fn inbound(&self) -> Option<&Rc<Inbound>> {
        self.inbound.as_ref()
    }
}

/// What all variables objects of a realm have in common: made like this they share one shape.
#[derive(JsLifetime)]
struct Layout<'js> {
    /// What they inherit from.
    shared: Object<'js>,
    slots: Vec<Atom<'js>>,
    /// The first values of these slots.
    values: Vec<Value<'js>>,
}

/// None until scripts are bound.
#[derive(JsLifetime)]
struct Bound<'js>(RefCell<Option<Layout<'js>>>);

/// Makes, copies and enters contexts. One a realm.
pub(crate) struct Scope {
    holder: Saved,
    load: Saved,
    bind: Callback,
    define: Callback,
    declare: Callback,
    current: Rc<RefCell<Option<Rc<Context>>>>,
    next_id: Cell<u64>,
}

impl Scope {
    /// Sets up the scope objects in a new JavaScript context.
    pub(crate) fn new(ctx: &Ctx<'_>) -> Result<Self> {
        let current: Rc<RefCell<Option<Rc<Context>>>> = Rc::default();
        let seen = current.clone();
        let inbound_of = Function::new(ctx.clone(), move |ctx: Ctx<'_>| -> Result<Persistent<Value<'static>>> {
            let inbound = seen.borrow().as_ref().and_then(|context| context.inbound.clone());
            let value = match inbound {
                Some(inbound) => inbound.value(&ctx)?,
                None => Value::new_undefined(ctx.clone()),
            };
            Ok(Persistent::save(&ctx, value))
        })?;
        let stored = ctx.store_userdata(Bound(RefCell::new(None)));
        debug_assert!(stored.is_ok(), "user data is not borrowed while a realm is set up");
        let make: Function = ctx.eval(include_str!("scope.js"))?;
        let parts: Object = make.call((inbound_of,))?;
        Ok(Scope {
            holder: Saved::new(ctx, parts.get("holder")?),
            load: Saved::new(ctx, parts.get("load")?),
            bind: Callback::new(ctx, parts.get("bind")?),
            define: Callback::new(ctx, parts.get("define")?),
            declare: Callback::new(ctx, parts.get("declare")?),
            current,
            next_id: Cell::new(1),
        })
    }

    /// The object that rewritten scripts reach their variables through (`$s_`).
    pub(crate) fn holder<'js>(&self, ctx: &Ctx<'js>) -> Value<'js> {
        self.holder.get(ctx)
    }

    /// Gives a read-only name to all scripts from now on, also while they load (`__filename`).
    pub(crate) fn define<'js>(&self, ctx: &Ctx<'js>, slot: &str, value: Value<'js>) -> Result<()> {
        self.define.get(ctx)?.call((slot, value))
    }

    /// Names the fiber variables of a module that is about to run: what it assigns are their first values.
    pub(crate) fn declare(&self, ctx: &Ctx<'_>, slots: Vec<String>) -> Result<()> {
        if slots.is_empty() {
            return Ok(());
        }
        self.declare.get(ctx)?.call((slots,))
    }

    /// Fixes the set of variables after all modules are loaded, and again when others come later. `initial` maps slots
    /// to first values, `aliases` are (slot, target slot) of imported names, `inbounds` the slots that read `__inbound`,
    /// `fibers` those that were declared.
    pub(crate) fn bind<'js>(
        &self,
        ctx: &Ctx<'js>,
        initial: Object<'js>,
        aliases: Vec<Vec<String>>,
        inbounds: Vec<String>,
        fibers: Vec<String>,
    ) -> Result<()> {
        let parts: Object = self.bind.get(ctx)?.call((initial, aliases, inbounds, fibers))?;
        let initial: Object = parts.get("initial")?;
        let slots = initial.keys().collect::<Result<Vec<Atom>>>()?;
        let values = slots.iter().map(|slot| initial.get(slot.clone()));
        let layout = Layout {
            shared: parts.get("shared")?,
            values: values.collect::<Result<_>>()?,
            slots,
        };
        if let Some(bound) = ctx.userdata::<Bound>() {
            *bound.0.borrow_mut() = Some(layout);
        }
        Ok(())
    }

    /// A fresh context with initial values.
    pub(crate) fn context(&self, inbound: Option<Rc<Inbound>>) -> Rc<Context> {
        self.make(None, inbound)
    }

    /// A shallow copy: later assignments on either side are not seen by the other.
    pub(crate) fn copy(&self, ctx: &Ctx<'_>, from: &Context) -> Result<Rc<Context>> {
        let vars = from.vars.borrow().clone();
        let vars = vars.map(|vars| self.create(ctx, Some(vars))).transpose()?;
        Ok(self.make(vars, from.inbound.clone()))
    }

    fn make(&self, vars: Option<Saved>, inbound: Option<Rc<Inbound>>) -> Rc<Context> {
        let id = self.next_id.replace(self.next_id.get() + 1);
        Rc::new(Context {
            id,
            vars: RefCell::new(vars),
            inbound,
        })
    }

    fn create(&self, ctx: &Ctx<'_>, from: Option<Saved>) -> Result<Saved> {
        let bound = ctx.userdata::<Bound>().expect("every realm has it");
        let layout = bound.0.borrow();
        let Some(Layout { shared, slots, values }) = &*layout else {
            return Err(rquickjs::Exception::throw_internal(
                ctx,
                "no context before the scripts are bound",
            ));
        };
        let from = from.and_then(|from| from.get(ctx).into_object());
        let vars = Object::new_proto(ctx.clone(), Some(shared))?;
        for (slot, first) in slots.iter().zip(values) {
            let value = match &from {
                Some(from) => from.get(slot.clone())?,
                None => first.clone(),
            };
            let property = Property::from(value).writable().enumerable().configurable();
            vars.prop(slot.clone(), property)?;
        }
        Ok(Saved::new(ctx, vars.into_value()))
    }

    /// Makes `context` the one whose variables bare names mean; None: the loading scope.
    pub(crate) fn enter(&self, ctx: &Ctx<'_>, context: Option<&Rc<Context>>) -> Result<()> {
        match (self.current.borrow().as_ref(), context) {
            (None, None) => return Ok(()),
            (Some(a), Some(b)) if Rc::ptr_eq(a, b) => return Ok(()),
            _ => {}
        }
        let vars = match context {
            None => self.load.clone(),
            Some(context) => {
                let known = context.vars.borrow().clone();
                match known {
                    Some(vars) => vars,
                    None => {
                        let vars = self.create(ctx, None)?;
                        *context.vars.borrow_mut() = Some(vars.clone());
                        vars
                    }
                }
            }
        };
        if let Some(holder) = self.holder.get(ctx).as_object() {
            holder.set(PredefinedAtom::Value, vars.get(ctx))?;
        }
        *self.current.borrow_mut() = context.cloned();
        Ok(())
    }

    /// The context that was entered last; None while scripts load.
    pub(crate) fn current(&self) -> Option<Rc<Context>> {
        self.current.borrow().clone()
    }
}
