//! JavaScript values kept outside the script engine, in one store a realm.
//!
//! A kept value counts as a root for QuickJS, and one that outlives its runtime aborts the process. Kept values are
//! also held by objects inside the engine (a Message's head), which no garbage collector sees through. So the store
//! owns them all, and emptying it ends every such cycle before the runtime is freed (pipeline/realm.rs).

use rquickjs::{Ctx, JsLifetime, Persistent, Value};
use slab::Slab;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// The kept values of one realm.
#[derive(Clone, Default, JsLifetime)]
pub(crate) struct Store(Rc<RefCell<Slab<Persistent<Value<'static>>>>>);

impl Store {
    /// Puts an empty store into a new JavaScript context.
    pub(crate) fn install(ctx: &Ctx<'_>) -> Store {
        let store = Store::default();
        let stored = ctx.store_userdata(store.clone());
        debug_assert!(stored.is_ok(), "user data is not borrowed while a realm is set up");
        store
    }

    /// Lets go of all values. Whoever still holds a [`Saved`] gets undefined from now on.
    pub(crate) fn clear(&self) {
        let values = std::mem::take(&mut *self.0.borrow_mut());
        drop(values);
    }
}

/// A kept value; clones share it.
#[derive(Clone)]
pub struct Saved(Rc<Slot>);

struct Slot {
    store: Store,
    key: usize,
}

impl Saved {
    /// Keeps `value`.
    pub fn new<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Self {
        let store = ctx
            .userdata::<Store>()
            .expect("every realm has a store before values are kept")
            .clone();
        let key = store.0.borrow_mut().insert(Persistent::save(ctx, value));
        Saved(Rc::new(Slot { store, key }))
    }

    /// The value again; undefined when the store was emptied.
    pub fn get<'js>(&self, ctx: &Ctx<'js>) -> Value<'js> {
        let kept = self.0.store.0.borrow().get(self.0.key).cloned();
        kept.and_then(|value| value.restore(ctx).ok())
            .unwrap_or_else(|| Value::new_undefined(ctx.clone()))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Taken out first: freeing the value may run finalizers that drop other slots.
        let value = self.store.0.borrow_mut().try_remove(self.key);
        drop(value);
    }
}

impl fmt::Debug for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Saved")
    }
}
