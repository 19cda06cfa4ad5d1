//! The names of properties that scripts use on heads and events, by the number that QuickJS has for each (an atom): a name that was
//! seen before costs one look-up and no text. One table a realm.

use super::{JsMessageStart, Result};
use crate::limits;
use rquickjs::class::PropertyDescriptor;
use rquickjs::{Atom, Class, Ctx, Function, JsLifetime, Object, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::rc::Rc;

/// The fields of heads, and those of events that are asked for by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Protocol,
    Headers,
    HeaderNames,
    Method,
    Scheme,
    Authority,
    Path,
    Status,
    StatusText,
    /// Of events.
    Head,
    /// Of events.
    Type,
}

impl Field {
    /// As scripts spell it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Field::Protocol => "protocol",
            Field::Headers => "headers",
            Field::HeaderNames => "headerNames",
            Field::Method => "method",
            Field::Scheme => "scheme",
            Field::Authority => "authority",
            Field::Path => "path",
            Field::Status => "status",
            Field::StatusText => "statusText",
            Field::Head => "head",
            Field::Type => "type",
        }
    }

    /// Those of a request's head, in the order of `Object.keys`. Source: pipyjs/http.md section 1.
    pub(super) const REQUEST: [Field; 7] = [
        Field::Protocol,
        Field::Headers,
        Field::HeaderNames,
        Field::Method,
        Field::Scheme,
        Field::Authority,
        Field::Path,
    ];
    /// Those of a response's.
    pub(super) const RESPONSE: [Field; 5] = [
        Field::Protocol,
        Field::Headers,
        Field::HeaderNames,
        Field::Status,
        Field::StatusText,
    ];
    /// Those of an event.
    const EVENT: [Field; 2] = [Field::Head, Field::Type];
}

/// What an exotic object of ours answers when it is asked for the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is none.
    Other,
    /// A head, or the headers of one.
    Head,
    /// A `MessageStart`.
    MessageStart,
}

impl Kind {
    /// See there.
    pub(super) fn answer<'js>(self, ctx: &Ctx<'js>) -> Value<'js> {
        Value::new_int(ctx.clone(), self as i32)
    }
}

/// What a name can mean.
#[derive(Clone, Debug, Default)]
pub(super) struct Name {
    /// A field of a head.
    pub(super) field: Option<Field>,
    /// The header of that name; None for what no native header list shows under it: symbols, upper case, what is no token,
    /// numbers, and `connection`.
    pub(super) header: Option<Rc<str>>,
    /// `__proto__` and numbers: only a plain object does right by them.
    pub(super) needs_plain: bool,
    /// The name that only objects of ours have (see [`kind_of`]).
    pub(super) is_mark: bool,
}

/// See the module.
#[derive(JsLifetime)]
struct Names<'js> {
    known: RefCell<HashMap<u32, Name, BuildHasherDefault<Spread>>>,
    /// Held, so that no other name gets their numbers.
    atoms: RefCell<Vec<Atom<'js>>>,
    prototype: Object<'js>,
    message_start: RefCell<Option<Object<'js>>>,
    mark: Atom<'js>,
    /// `Object.getOwnPropertyDescriptor`, as it is before prelude.js.
    descriptor: Function<'js>,
}

/// Puts the table into a new realm.
///
/// # Errors  When the script engine runs out of memory.
pub(crate) fn install_names(ctx: &Ctx<'_>) -> Result<()> {
    let symbol: Value = ctx.eval("Symbol('head')")?;
    let mark = Atom::from_value(ctx.clone(), &symbol)?;
    let prototype: Object = ctx.eval("Object.prototype")?;
    let names = Names {
        known: RefCell::default(),
        atoms: RefCell::default(),
        prototype,
        message_start: RefCell::default(),
        mark: mark.clone(),
        descriptor: ctx.eval("Object.getOwnPropertyDescriptor")?,
    };
    names.learn(
        mark.clone(),
        Name {
            is_mark: true,
            ..Name::default()
        },
    );
    let stored = ctx.store_userdata(names);
    debug_assert!(stored.is_ok(), "user data is not borrowed while a realm is set up");
    Ok(())
}

/// What `atom` can mean.
///
/// # Errors  When the script engine runs out of memory.
pub(super) fn name_of<'js>(ctx: &Ctx<'js>, atom: &Atom<'js>) -> Result<Name> {
    let names = names(ctx);
    if let Some(known) = names.known.borrow().get(&number(atom)) {
        return Ok(known.clone());
    }
    let text = atom.to_string()?;
    let name = meaning(ctx, atom, &text)?;
    if text.len() <= limits::KNOWN_NAME_BYTES {
        names.learn(atom.clone(), name.clone());
    }
    Ok(name)
}

/// `Object.prototype`.
pub(super) fn object_prototype<'js>(ctx: &Ctx<'js>) -> Object<'js> {
    names(ctx).prototype.clone()
}

/// A property of a plain object's own, without running its getter.
///
/// # Errors  When the script engine runs out of memory.
pub(super) fn own_descriptor<'js>(
    ctx: &Ctx<'js>,
    object: &Object<'js>,
    atom: &Atom<'js>,
) -> Result<Option<PropertyDescriptor<'js>>> {
    let describe = names(ctx).descriptor.clone();
    let described: Option<Object> = describe.call((object.clone(), atom.to_value()?))?;
    let Some(described) = described else {
        return Ok(None);
    };
    let writable: Option<bool> = described.get("writable")?;
    Ok(Some(PropertyDescriptor {
        value: described.get("value")?,
        getter: described.get("get")?,
        setter: described.get("set")?,
        configurable: described.get("configurable")?,
        enumerable: described.get("enumerable")?,
        writable: writable.unwrap_or(false),
        is_getset: writable.is_none(),
    }))
}

/// What an object answers when it is asked for the mark: quicker than trying its class.
pub(super) fn kind_of(object: &Object<'_>) -> Kind {
    // A proxy would let a script see the mark.
    if object.is_proxy() {
        return Kind::Other;
    }
    let mark = names(object.ctx()).mark.clone();
    let answer = object.get::<_, Value>(mark).ok().and_then(|answer| answer.as_int());
    [Kind::Head, Kind::MessageStart]
        .into_iter()
        .find(|kind| answer == Some(*kind as i32))
        .unwrap_or(Kind::Other)
}

/// `MessageStart.prototype`.
///
/// # Errors  When the script engine runs out of memory.
pub(super) fn message_start_prototype<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    if let Some(prototype) = &*names(ctx).message_start.borrow() {
        return Ok(prototype.clone());
    }
    let prototype = Class::<JsMessageStart>::prototype(ctx)?;
    let prototype = prototype.map_or_else(|| Object::new(ctx.clone()), Ok)?;
    *names(ctx).message_start.borrow_mut() = Some(prototype.clone());
    Ok(prototype)
}

fn names<'a, 'js>(ctx: &'a Ctx<'js>) -> impl std::ops::Deref<Target = Names<'js>> + use<'a, 'js> {
    ctx.userdata::<Names<'js>>().expect("every realm has its names")
}

impl<'js> Names<'js> {
    fn learn(&self, atom: Atom<'js>, name: Name) {
        let mut known = self.known.borrow_mut();
        if known.len() < limits::KNOWN_NAMES {
            known.insert(number(&atom), name);
            self.atoms.borrow_mut().push(atom);
        }
    }
}

fn meaning<'js>(ctx: &Ctx<'js>, atom: &Atom<'js>, text: &str) -> Result<Name> {
    // A symbol is not the name that its description spells.
    if Atom::from_str(ctx.clone(), text)? != *atom {
        return Ok(Name::default());
    }
    let needs_plain = text == "__proto__" || is_number(text.as_bytes());
    let is_token = |byte: u8| matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'^'..=b'z' | b'|' | b'~');
    let is_header = !needs_plain && text != "connection" && !text.is_empty() && text.bytes().all(is_token);
    let field = Field::REQUEST.iter().chain(&Field::RESPONSE).chain(&Field::EVENT);
    Ok(Name {
        field: field.copied().find(|field| field.name() == text),
        header: is_header.then(|| text.into()),
        needs_plain,
        is_mark: false,
    })
}

/// What may be an index, which plain objects list before all other names.
pub(super) fn is_number(name: &[u8]) -> bool {
    name.iter().all(u8::is_ascii_digit)
}

/// The number of a name in QuickJS: what it hashes as.
fn number(atom: &Atom<'_>) -> u32 {
    #[derive(Default)]
    struct Number(u32);
    impl Hasher for Number {
        fn write(&mut self, _: &[u8]) {}
        fn write_u32(&mut self, number: u32) {
            self.0 = number;
        }
        fn finish(&self) -> u64 {
            u64::from(self.0)
        }
    }
    let mut hasher = Number::default();
    atom.hash(&mut hasher);
    hasher.0
}

/// A hash of small numbers that scripts cannot choose.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, _: &[u8]) {}
    fn write_u32(&mut self, number: u32) {
        self.0 = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    fn finish(&self) -> u64 {
        self.0
    }
}
