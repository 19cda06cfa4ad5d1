//! The objects that scripts see of native heads: the head, and its `headers`. Reading a field makes that field's value and
//! nothing else; text that a script writes goes into the native head. Source: pipyjs/http.md section 1.

use super::borrowed;
use super::exotic::{self, Found, Native, exotic_class};
use super::names::{Field, Kind, Name, is_number, kind_of, object_prototype};
use super::{List, Result, is_nullish};
use crate::event::{HeadKind, Shown};
use crate::limits;
use ballast_codec::http1::{Headers, Method, RequestHead, ResponseHead, Version};
use bytes::Bytes;
use rquickjs::class::{JsCell, PropertyDescriptor, PropertyName, Trace, Tracer};
use rquickjs::{Array, Atom, Class, Ctx, JsLifetime, Object, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// An object that may be there already.
type Slot<'js> = RefCell<Option<Object<'js>>>;

/// A head of HTTP.
#[derive(JsLifetime)]
pub(crate) struct JsHead<'js> {
    shown: Rc<Shown>,
    headers: Slot<'js>,
    header_names: Slot<'js>,
    plain: Slot<'js>,
}

/// Its `headers`.
#[derive(JsLifetime)]
pub(crate) struct JsHeaders<'js> {
    shown: Rc<Shown>,
    plain: Slot<'js>,
}

exotic_class!(JsHead);
exotic_class!(JsHeaders);

/// The object of the native head that `shown` is about to get.
///
/// # Errors  When the script engine runs out of memory.
pub(super) fn object_of<'js>(ctx: &Ctx<'js>, shown: Rc<Shown>) -> Result<Value<'js>> {
    let head = JsHead {
        shown,
        headers: Slot::default(),
        header_names: Slot::default(),
        plain: Slot::default(),
    };
    let prototype = object_prototype(ctx);
    Ok(Class::instance_proto(head, prototype)?.into_value())
}

/// What is behind a value, when it is the head of a message.
pub(super) fn shown_of(value: &Value<'_>) -> Option<Rc<Shown>> {
    let object = value.as_object().filter(|object| kind_of(object) == Kind::Head)?;
    let head = Class::<JsHead>::from_object(object)?;
    let shown = head.borrow().shown.clone();
    Some(shown)
}

/// The plain object that stands behind one of ours, or else the object itself: what is quicker to read whole.
pub(super) fn standing<'js>(object: &Object<'js>) -> Object<'js> {
    let plain = || match kind_of(object) {
        Kind::Head => match Class::<JsHead>::from_object(object) {
            Some(head) => head.borrow().plain(),
            None => Class::<JsHeaders>::from_object(object).and_then(|headers| headers.borrow().plain()),
        },
        _ => None,
    };
    plain().unwrap_or_else(|| object.clone())
}

/// The plain object behind one of ours.
pub(super) fn plain_behind<'js>(ctx: &Ctx<'js>, object: &Object<'js>) -> Result<Option<Object<'js>>> {
    fn of<'js>(ctx: &Ctx<'js>, native: &impl Native<'js>) -> Result<Option<Object<'js>>> {
        native.plain().map_or_else(|| native.give_up(ctx), Ok).map(Some)
    }
    if let Some(head) = Class::<JsHead>::from_object(object) {
        return of(ctx, &*head.borrow());
    }
    match Class::<JsHeaders>::from_object(object) {
        Some(headers) => of(ctx, &*headers.borrow()),
        None => Ok(None),
    }
}

/// The head as scripts left it; None when they did with it what only a plain object can, or when its header lines are not
/// what a plain object would hold.
pub(super) fn left_as(shown: &Shown) -> Option<HeadKind> {
    if shown.is_plain.get() {
        return None;
    }
    match shown.native.borrow().as_ref()? {
        HeadKind::Request(request) if is_simple(&request.headers) => {
            let mut request = request.clone();
            let keeps = Keeps::of_request(&request);
            as_seen(&mut request.headers, &mut request.version, keeps);
            Some(HeadKind::Request(request))
        }
        HeadKind::Response(response) if is_simple(&response.headers) => {
            let mut response = response.clone();
            let keeps = Keeps::of_response(&response);
            as_seen(&mut response.headers, &mut response.version, keeps);
            Some(HeadKind::Response(response))
        }
        _ => None,
    }
}

/// What is kept of the lines about the connection that a head came over.
#[derive(Clone, Copy)]
enum Keeps {
    /// All but `connection`: it makes a tunnel.
    All,
    Upgrade(bool),
}

impl Keeps {
    fn of_request(head: &RequestHead) -> Self {
        match head.method {
            Method::Connect => Keeps::All,
            _ => Keeps::Upgrade(head.passes_upgrade()),
        }
    }

    fn of_response(head: &ResponseHead) -> Self {
        Keeps::Upgrade(head.passes_upgrade())
    }
}

/// `connection` is not among what scripts see, so what it says is heeded here; and a head that shows no `protocol` is one of HTTP/1.1.
/// HTTP/2 has no such lines but `te`, which its encoder knows.
fn as_seen(lines: &mut Headers, version: &mut Version, keeps: Keeps) {
    match (*version, keeps) {
        (Version::Http2, _) => *version = Version::Http11,
        (_, Keeps::Upgrade(keeps_upgrade)) => lines.drop_hops(keeps_upgrade),
        (_, Keeps::All) => drop(lines.remove("connection")),
    }
}

/// What a plain object still holds of the lines about the connection that its head came over. To be taken before the object is read,
/// which may make it the truth.
pub(super) struct Hops {
    received: Headers,
    left: Headers,
    /// Scripts may have set what the object holds.
    is_plain: bool,
}

impl Hops {
    /// None: the head has none, for it did not come over HTTP/1.
    pub(super) fn of(shown: &Shown) -> Option<Self> {
        let (received, version, keeps) = match &*shown.native.borrow() {
            Some(HeadKind::Request(head)) => (head.headers.clone(), head.version, Keeps::of_request(head)),
            Some(HeadKind::Response(head)) => (head.headers.clone(), head.version, Keeps::of_response(head)),
            _ => return None,
        };
        if version == Version::Http2 {
            return None;
        }
        let is_plain = shown.is_plain.get();
        let mut left = received.clone();
        if is_plain {
            // Nobody knows whether a line is still the peer's, and its list must not take away what a script has set.
            left.remove("connection");
        }
        as_seen(&mut left, &mut Version::Http11, keeps);
        Some(Hops {
            received,
            left,
            is_plain,
        })
    }

    /// Takes them from the lines that were made of the object.
    pub(super) fn leave(&self, lines: &mut Headers) {
        let names = self
            .received
            .iter()
            .filter_map(|(name, _)| std::str::from_utf8(name).ok());
        // Scripts do not see `connection`: they have set what there is of it.
        for name in names.filter(|name| !is_connection(name.as_bytes()) && !self.left.contains(name)) {
            let is_set = self.is_plain && !self.received.get_all(name).any(|value| lines.get(name) == Some(value));
            if !is_set {
                lines.remove(name);
            }
        }
    }
}

/// Whether a plain object has just these lines in this order: no name repeats, none is a number or `__proto__`.
fn is_simple(lines: &Headers) -> bool {
    let mut seen = 0u64;
    lines.iter().all(|(name, _)| {
        let last = name.last().map_or(0, u8::to_ascii_lowercase);
        let bit = 1 << ((name.len() * 7 + usize::from(last)) % 64);
        let is_new = seen & bit == 0;
        seen |= bit;
        if name
            .first()
            .is_some_and(|first| first.is_ascii_digit() || *first == b'_')
            && !is_plain_name(name)
        {
            return false;
        }
        is_new || {
            let same = lines.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
            same.count() == 1
        }
    })
}

fn is_plain_name(name: &[u8]) -> bool {
    !is_number(name) && !name.eq_ignore_ascii_case(b"__proto__")
}

fn is_connection(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"connection")
}

fn text<'js>(ctx: &Ctx<'js>, bytes: &[u8]) -> Result<Value<'js>> {
    let text = String::from_utf8_lossy(bytes);
    Ok(rquickjs::String::from_str(ctx.clone(), &text)?.into_value())
}

fn text_or_undefined<'js>(ctx: &Ctx<'js>, bytes: &[u8]) -> Result<Value<'js>> {
    match bytes {
        [] => Ok(Value::new_undefined(ctx.clone())),
        bytes => text(ctx, bytes),
    }
}

fn protocol<'js>(ctx: &Ctx<'js>, version: Version) -> Result<Value<'js>> {
    match version {
        Version::Http2 => Ok(Value::new_undefined(ctx.clone())),
        version => text(ctx, version.as_str().as_bytes()),
    }
}

/// The text that a script gave; None for anything else, for what is no text in UTF-8, and for what is too long to keep
/// outside of the heap.
fn given(value: &Value<'_>) -> Option<String> {
    let text = value.as_string()?.to_string().ok()?;
    (text.len() <= limits::SHOWN_HEAD_BYTES).then_some(text)
}

impl Shown {
    /// Reads its header lines; None while it has none.
    fn lines<R>(&self, read: impl FnOnce(&Headers) -> R) -> Option<R> {
        match self.native.borrow().as_ref()? {
            HeadKind::Request(request) => Some(read(&request.headers)),
            HeadKind::Response(response) => Some(read(&response.headers)),
            HeadKind::WebSocket(_) | HeadKind::Js(_) => None,
        }
    }

    /// Changes them; `change` also gets those that it came with.
    fn change<R>(&self, change: impl FnOnce(&mut Headers, &mut Option<Headers>) -> R) -> Option<R> {
        // Borrowed while a plain object is made of it: a setter that a script gave to all objects may come here then.
        let mut came_with = self.lines.try_borrow_mut().ok()?;
        match self.native.try_borrow_mut().ok()?.as_mut()? {
            HeadKind::Request(request) => Some(change(&mut request.headers, &mut came_with)),
            HeadKind::Response(response) => Some(change(&mut response.headers, &mut came_with)),
            HeadKind::WebSocket(_) | HeadKind::Js(_) => None,
        }
    }

    fn is_http2(&self) -> bool {
        match self.native.borrow().as_ref() {
            Some(HeadKind::Request(request)) => request.version == Version::Http2,
            Some(HeadKind::Response(response)) => response.version == Version::Http2,
            _ => false,
        }
    }

    fn fields(&self) -> &'static [Field] {
        match self.native.borrow().as_ref() {
            Some(HeadKind::Request(_)) => &Field::REQUEST,
            Some(HeadKind::Response(_)) => &Field::RESPONSE,
            _ => &[],
        }
    }

    /// Names as they were spelled.
    fn spellings<'js>(&self, ctx: &Ctx<'js>) -> Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        let fill = |lines: &Headers, count: usize| {
            lines.iter().take(count).try_for_each(|(name, _)| {
                let spelled = String::from_utf8_lossy(name);
                object.set(spelled.to_ascii_lowercase(), &*spelled)
            })
        };
        let came_with = self.lines.borrow();
        match came_with.as_ref() {
            Some(lines) => fill(lines, lines.len())?,
            None => self
                .lines(|lines| fill(lines, self.came_with.get()))
                .unwrap_or(Ok(()))?,
        }
        Ok(object)
    }
}

impl<'js> JsHead<'js> {
    fn headers(&self, ctx: &Ctx<'js>) -> Result<Object<'js>> {
        if let Some(headers) = &*self.headers.borrow() {
            return Ok(headers.clone());
        }
        let headers = JsHeaders {
            shown: self.shown.clone(),
            plain: Slot::default(),
        };
        let headers = Class::instance_proto(headers, object_prototype(ctx))?.into_inner();
        *self.headers.borrow_mut() = Some(headers.clone());
        Ok(headers)
    }

    /// Scripts may change it as they like, so it is asked when the head is sent.
    fn header_names(&self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        if self.shown.is_http2() {
            return Ok(Value::new_undefined(ctx.clone()));
        }
        if let Some(names) = &*self.header_names.borrow() {
            return Ok(names.clone().into_value());
        }
        self.shown.is_plain.set(true);
        let names = self.shown.spellings(ctx)?;
        *self.header_names.borrow_mut() = Some(names.clone());
        Ok(names.into_value())
    }

    fn field(&self, ctx: &Ctx<'js>, field: Field) -> Result<Option<Value<'js>>> {
        match field {
            Field::Headers => return Ok(Some(self.headers(ctx)?.into_value())),
            Field::HeaderNames => return self.header_names(ctx).map(Some),
            _ => {}
        }
        let native = self.shown.native.borrow();
        Ok(Some(match (native.as_ref(), field) {
            (Some(HeadKind::Request(head)), Field::Path) => text(ctx, &head.target)?,
            (Some(HeadKind::Request(head)), Field::Method) => text(ctx, head.method.as_bytes())?,
            (Some(HeadKind::Request(head)), Field::Protocol) => protocol(ctx, head.version)?,
            (Some(HeadKind::Request(head)), Field::Scheme) => text_or_undefined(ctx, head.scheme.as_bytes())?,
            (Some(HeadKind::Request(head)), Field::Authority) => text_or_undefined(ctx, &head.authority)?,
            (Some(HeadKind::Response(head)), Field::Status) => Value::new_int(ctx.clone(), i32::from(head.status)),
            (Some(HeadKind::Response(head)), Field::StatusText) => text(ctx, &head.reason)?,
            (Some(HeadKind::Response(head)), Field::Protocol) => protocol(ctx, head.version)?,
            _ => return Ok(None),
        }))
    }
}

impl<'js> Native<'js> for JsHead<'js> {
    fn plain(&self) -> Option<Object<'js>> {
        self.plain.borrow().clone()
    }

    fn give_up(&self, ctx: &Ctx<'js>) -> Result<Object<'js>> {
        let plain = Object::new(ctx.clone())?;
        for field in self.shown.fields() {
            plain.set(field.name(), self.field(ctx, *field)?)?;
        }
        self.shown.is_plain.set(true);
        *self.plain.borrow_mut() = Some(plain.clone());
        Ok(plain)
    }

    fn get(&self, ctx: &Ctx<'js>, name: &Name) -> Result<Found<'js>> {
        if name.needs_plain {
            return Ok(Found::Unknown);
        }
        let value = name.field.map(|field| self.field(ctx, field)).transpose()?;
        Ok(value.flatten().map_or(Found::Absent, Found::Value))
    }

    fn set(&self, name: &Name, value: &Value<'js>) -> Result<bool> {
        let Ok(mut native) = self.shown.native.try_borrow_mut() else {
            return Ok(false);
        };
        match (native.as_mut(), name.field) {
            (Some(HeadKind::Request(head)), Some(Field::Path)) => {
                let Some(path) = given(value) else { return Ok(false) };
                head.target = Bytes::from(path);
            }
            (Some(HeadKind::Request(head)), Some(Field::Method)) => {
                let Some(method) = given(value) else { return Ok(false) };
                head.method = Method::new(method.as_bytes());
            }
            (Some(HeadKind::Response(head)), Some(Field::StatusText)) => {
                let Some(reason) = given(value) else { return Ok(false) };
                head.reason = Bytes::from(reason);
            }
            (Some(HeadKind::Response(head)), Some(Field::Status)) => {
                let status = value.as_int().filter(|status| (100..1000).contains(status));
                let Some(status) = status.and_then(|status| u16::try_from(status).ok()) else {
                    return Ok(false);
                };
                head.status = status;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn delete(&self, _: &Name) -> bool {
        false
    }

    fn names(&self, ctx: &Ctx<'js>) -> Result<Option<Vec<Atom<'js>>>> {
        let fields = self.shown.fields().iter();
        let names = fields.map(|field| Atom::from_str(ctx.clone(), field.name()));
        names.collect::<Result<_>>().map(Some)
    }
}

impl<'js> Native<'js> for JsHeaders<'js> {
    fn plain(&self) -> Option<Object<'js>> {
        self.plain.borrow().clone()
    }

    /// Lower-case names, the last value wins but for cookies, without `connection`.
    fn give_up(&self, ctx: &Ctx<'js>) -> Result<Object<'js>> {
        let plain = Object::new(ctx.clone())?;
        let fill = |lines: &Headers| -> Result<()> {
            for (name, value) in lines.iter().filter(|(name, _)| !is_connection(name)) {
                let name = String::from_utf8_lossy(name).to_ascii_lowercase();
                let value = text(ctx, value)?;
                add_header(&plain, &name, value)?;
            }
            Ok(())
        };
        self.shown.lines(fill).unwrap_or(Ok(()))?;
        self.shown.is_plain.set(true);
        *self.plain.borrow_mut() = Some(plain.clone());
        Ok(plain)
    }

    fn get(&self, ctx: &Ctx<'js>, name: &Name) -> Result<Found<'js>> {
        let Some(header) = &name.header else {
            return Ok(if name.needs_plain {
                Found::Unknown
            } else {
                Found::Absent
            });
        };
        let found = self.shown.lines(|lines| match lines.positions(header) {
            None => Ok(Found::Absent),
            Some((first, last)) if first == last => {
                let (_, value) = lines.line(first).unwrap_or_default();
                text(ctx, value).map(Found::Value)
            }
            Some(_) => Ok(Found::Unknown),
        });
        found.unwrap_or(Ok(Found::Absent))
    }

    fn set(&self, name: &Name, value: &Value<'js>) -> Result<bool> {
        let (Some(header), Some(value)) = (&name.header, given(value)) else {
            return Ok(false);
        };
        // Blanks around a value are not sent, but scripts would miss them.
        if value.trim_ascii().len() != value.len() {
            return Ok(false);
        }
        let written = self.shown.change(|lines, came_with| {
            if lines.held_bytes() > limits::SHOWN_HEAD_BYTES {
                return false;
            }
            let stored = match lines.positions(header) {
                Some((first, last)) if first == last => lines.set_value(first, value.as_bytes()),
                Some(_) => return false,
                None => {
                    let before = came_with.as_ref().and_then(|lines| {
                        let (_, last) = lines.positions(header)?;
                        lines.line(last)
                    });
                    let spelled = before.map_or(header.as_bytes(), |(name, _)| name);
                    lines.push(spelled, value.as_bytes())
                }
            };
            // What cannot be sent is said when the head is sent.
            stored.is_ok()
        });
        Ok(written.unwrap_or(false))
    }

    fn delete(&self, name: &Name) -> bool {
        let Some(header) = &name.header else {
            return !name.needs_plain;
        };
        let removed = self.shown.change(|lines, came_with| {
            if lines.contains(header) {
                came_with.get_or_insert_with(|| first(lines, self.shown.came_with.get()));
                lines.remove(header);
            }
        });
        removed.is_some()
    }

    fn names(&self, ctx: &Ctx<'js>) -> Result<Option<Vec<Atom<'js>>>> {
        let names = self.shown.lines(|lines| {
            is_simple(lines).then(|| {
                let seen = lines.iter().filter(|(name, _)| !is_connection(name));
                let atom =
                    |name: &[u8]| Atom::from_str(ctx.clone(), &String::from_utf8_lossy(name).to_ascii_lowercase());
                seen.map(|(name, _)| atom(name)).collect::<Result<_>>()
            })
        });
        names.flatten().transpose()
    }
}

/// The first lines of these.
fn first(lines: &Headers, count: usize) -> Headers {
    let mut first = Headers::new();
    for (name, value) in lines.iter().take(count) {
        let pushed = first.push(name, value);
        debug_assert!(pushed.is_ok(), "whatever is in a list may be in another");
    }
    first
}

/// Adds a header to a plain object: the last value wins, but cookies are gathered.
pub(super) fn add_header<'js>(headers: &Object<'js>, name: &str, value: Value<'js>) -> Result<()> {
    let repeats = matches!(name, "cookie" | "set-cookie");
    let before: Option<Value> = if repeats { headers.get(name)? } else { None };
    let Some(before) = before.filter(|before| !is_nullish(before)) else {
        return headers.set(name, value);
    };
    match before.as_list() {
        Some(array) => array.set(array.len(), value),
        None => {
            let array = Array::new(value.ctx().clone())?;
            array.set(0, before)?;
            array.set(1, value)?;
            headers.set(name, array)
        }
    }
}

fn mark<'js>(slot: &Slot<'js>, tracer: Tracer<'_, 'js>) {
    if let Ok(object) = slot.try_borrow()
        && let Some(object) = &*object
    {
        object.trace(tracer);
    }
}

impl<'js> Trace<'js> for JsHead<'js> {
    fn trace<'a>(&self, tracer: Tracer<'a, 'js>) {
        mark(&self.headers, tracer);
        mark(&self.header_names, tracer);
        mark(&self.plain, tracer);
    }
}

impl<'js> Trace<'js> for JsHeaders<'js> {
    fn trace<'a>(&self, tracer: Tracer<'a, 'js>) {
        mark(&self.plain, tracer);
    }
}
