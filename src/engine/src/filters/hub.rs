//! `new Swap()` of classic scripts, `new pipeline.Hub` of E3: joins pipelines; what enters one comes out of all others.
//! Source: pipyjs/globals.md section 11. Used by `link` and `swap`.

use crate::event::Event;
use crate::js::{self, bind_methods};
use crate::pipeline::{Out, Port};
use rquickjs::class::Trace;
use rquickjs::{Class, Ctx, JsLifetime, Object, Value};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What scripts hold.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct Swap {
    #[qjs(skip_trace)]
    hub: Rc<Hub>,
}

#[rquickjs::methods]
impl Swap {
    /// Without members.
    #[qjs(constructor)]
    pub fn new() -> Self {
        Swap { hub: Rc::default() }
    }
}

/// Puts the class on `target` under this name; both names are one class.
///
/// # Errors  When the script engine is out of memory.
pub(crate) fn define_hub<'js>(ctx: &Ctx<'js>, target: &Object<'js>, name: &str) -> js::Result<()> {
    let class = Class::<Swap>::create_constructor(ctx)?;
    target.set(name, class)?;
    bind_methods::<Swap>(ctx)
}

/// The pipelines that are joined.
#[derive(Default)]
pub(super) struct Hub {
    members: RefCell<Vec<(u64, Port)>>,
    next: Cell<u64>,
}

/// The hub that `value` is, if it is one.
pub(super) fn hub_of(value: &Value<'_>) -> Option<Rc<Hub>> {
    let swap = Class::<Swap>::from_value(value).ok()?;
    let hub = swap.borrow().hub.clone();
    Some(hub)
}

impl Hub {
    /// What others broadcast from now on is output of the filter.
    pub(super) fn join(self: &Rc<Self>, out: &Out<'_>) -> Member {
        let id = self.next.replace(self.next.get() + 1);
        self.members.borrow_mut().push((id, out.port()));
        Member { hub: self.clone(), id }
    }
}

/// A filter's membership; dropping it leaves.
pub(super) struct Member {
    hub: Rc<Hub>,
    id: u64,
}

impl Member {
    /// Gives an event to all others. It is lost when there are none.
    pub(super) fn broadcast(&self, event: &Event, out: &mut Out<'_>) {
        for (id, port) in self.hub.members.borrow().iter() {
            if *id != self.id {
                out.emit_from(port, event.clone());
            }
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.hub.members.borrow_mut().retain(|(id, _)| *id != self.id);
    }
}
