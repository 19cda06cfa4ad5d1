//! `new algo.SharedMap(name)`: primitives by name for all threads and versions of the process.
//! Example: `new algo.SharedMap('hits').add(path, 1)`. Source: pipyjs/globals.md section 6.
//!
//! The one place with a lock on purpose: a map that scripts share by name is what they ask for. It is held for one look-up
//! and never while a script runs.

use super::embedded::nothing;
use crate::js::{self, throw_error, throw_type};
use crate::limits;
use rquickjs::object::Accessor;
use rquickjs::prelude::Opt;
use rquickjs::{Ctx, Function, IntoJs, Object, Value};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

static TABLES: LazyLock<Mutex<HashMap<String, Arc<Table>>>> = LazyLock::new(Mutex::default);

/// Bytes of all of them.
static BYTES: AtomicUsize = AtomicUsize::new(0);

#[derive(Default)]
struct Table(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    values: HashMap<String, Shared>,
    bytes: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Shared {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

/// What is behind a lock stays whole when a thread that held it has panicked: each change is one insertion.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn of<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<Self> {
        if value.is_undefined() {
            Ok(Shared::Undefined)
        } else if value.is_null() {
            Ok(Shared::Null)
        } else if let Some(flag) = value.as_bool() {
            Ok(Shared::Bool(flag))
        } else if let Some(number) = value.as_number() {
            Ok(Shared::Number(number))
        } else if let Some(text) = value.as_string() {
            Ok(Shared::Text(text.to_string()?))
        } else {
            Err(throw_type(ctx, "argument 2 expects a primitive value"))
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Shared::Text(text) => text.len(),
            _ => 0,
        }
    }
}

impl<'js> IntoJs<'js> for Shared {
    fn into_js(self, ctx: &Ctx<'js>) -> js::Result<Value<'js>> {
        match self {
            Shared::Undefined => Ok(Value::new_undefined(ctx.clone())),
            Shared::Null => Ok(Value::new_null(ctx.clone())),
            Shared::Bool(flag) => flag.into_js(ctx),
            Shared::Number(number) => number.into_js(ctx),
            Shared::Text(text) => text.into_js(ctx),
        }
    }
}

impl Contents {
    fn cost(key: &str, value: &Shared) -> usize {
        key.len() + value.bytes() + limits::SHARED_ENTRY_BYTES
    }

    fn remove(&mut self, key: &str) -> bool {
        let Some(old) = self.values.remove(key) else {
            return false;
        };
        let cost = Contents::cost(key, &old);
        self.bytes = self.bytes.saturating_sub(cost);
        BYTES.fetch_sub(cost, Ordering::Relaxed);
        true
    }

    /// False when there is no room.
    fn insert(&mut self, key: String, value: Shared) -> bool {
        let old = self.values.get(&key).map_or(0, |old| Contents::cost(&key, old));
        let new = Contents::cost(&key, &value);
        let bytes = self.bytes - old + new;
        if bytes > limits::SHARED_MAP_BYTES {
            return false;
        }
        let room = |all: usize| Some(all - old + new).filter(|all| *all <= limits::SHARED_BYTES || new <= old);
        if BYTES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_err() {
            return false;
        }
        self.bytes = bytes;
        self.values.insert(key, value);
        true
    }
}

/// The map of that name; made when it is first named.
fn table(ctx: &Ctx<'_>, name: &str) -> js::Result<Arc<Table>> {
    let mut tables = lock(&TABLES);
    if let Some(known) = tables.get(name) {
        return Ok(known.clone());
    }
    if name.len() > limits::SHARED_NAME_BYTES {
        let message = format!(
            "the name of a shared map has at most {} bytes",
            limits::SHARED_NAME_BYTES
        );
        return Err(throw_error(ctx, &message));
    }
    if tables.len() >= limits::SHARED_MAPS {
        let message = format!("more than {} shared maps", limits::SHARED_MAPS);
        return Err(throw_error(ctx, &message));
    }
    Ok(tables.entry(name.to_owned()).or_default().clone())
}

fn full(ctx: &Ctx<'_>) -> rquickjs::Error {
    let message = format!(
        "a shared map takes no more than {} bytes, and all together {}",
        limits::SHARED_MAP_BYTES,
        limits::SHARED_BYTES
    );
    throw_error(ctx, &message)
}

/// `open(object, name)`, which sets the functions of a map; being closures they are bound.
pub(super) fn needs<'js>(ctx: &Ctx<'js>) -> js::Result<Object<'js>> {
    let needs = nothing(ctx)?;
    let open = |ctx: Ctx<'js>, object: Object<'js>, name: String| fill(&ctx, &object, table(&ctx, &name)?);
    needs.set("open", Function::new(ctx.clone(), open)?)?;
    Ok(needs)
}

fn fill<'js>(ctx: &Ctx<'js>, object: &Object<'js>, table: Arc<Table>) -> js::Result<()> {
    let of = table.clone();
    let get = move |key: String| lock(&of.0).values.get(&key).cloned().unwrap_or(Shared::Undefined);
    object.set("get", Function::new(ctx.clone(), get)?)?;
    let of = table.clone();
    let set = move |ctx: Ctx<'js>, key: String, value: Opt<Value<'js>>| -> js::Result<()> {
        let value = match value.0 {
            Some(value) => Shared::of(&ctx, &value)?,
            None => Shared::Undefined,
        };
        let fits = lock(&of.0).insert(key, value);
        if fits { Ok(()) } else { Err(full(&ctx)) }
    };
    object.set("set", Function::new(ctx.clone(), set)?)?;
    let of = table.clone();
    let has = move |key: String| lock(&of.0).values.contains_key(&key);
    object.set("has", Function::new(ctx.clone(), has)?)?;
    let of = table.clone();
    let delete = move |key: String| lock(&of.0).remove(&key);
    object.set("delete", Function::new(ctx.clone(), delete)?)?;
    let of = table.clone();
    let clear = move || {
        let old = std::mem::take(&mut *lock(&of.0));
        BYTES.fetch_sub(old.bytes, Ordering::Relaxed);
    };
    object.set("clear", Function::new(ctx.clone(), clear)?)?;
    object.set("add", change(ctx, table.clone(), 1.0)?)?;
    object.set("sub", change(ctx, table.clone(), -1.0)?)?;
    let size = move || lock(&table.0).values.len() as f64;
    object.prop("size", Accessor::from(size).configurable().enumerable())
}

/// `add(key, n)`, `sub(key, n)`: one step for all threads; what is no number counts as 0.
fn change<'js>(ctx: &Ctx<'js>, table: Arc<Table>, sign: f64) -> js::Result<Function<'js>> {
    let change = move |ctx: Ctx<'js>, key: String, by: Opt<f64>| -> js::Result<f64> {
        let mut contents = lock(&table.0);
        let old = match contents.values.get(&key) {
            Some(Shared::Number(number)) => *number,
            _ => 0.0,
        };
        let sum = old + sign * by.0.unwrap_or(1.0);
        let fits = contents.insert(key, Shared::Number(sum));
        drop(contents);
        if fits { Ok(sum) } else { Err(full(&ctx)) }
    };
    Function::new(ctx.clone(), change)
}
