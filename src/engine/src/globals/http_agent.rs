//! `new http.Agent(host, options?)`: requests of a script itself, over the filters that pipelines use.
//! Example: `new http.Agent('opa:8181').request('POST', '/v1/data', {}, body).then(res => ...)`.
//! Source: pipyjs/globals.md section 8.

use crate::data::Data;
use crate::event::{Event, Head, HeadKind, MessageStart, Reason, StreamError};
use crate::filters::FILTERS;
use crate::js::{self, Deferred, throw_error, throw_type};
use crate::limits;
use crate::message::{Message, MessageBuilder};
use crate::pipeline::{
    Args, Build, Child, Cx, FilterDef, Instance, Layout, Module, Output, Realm, Sink, Sub, Work, realm,
};
use crate::session::http_error;
use crate::value::Saved;
use ballast_codec::http1::ResponseHead;
use rquickjs::class::Trace;
use rquickjs::prelude::{Opt, Rest};
use rquickjs::{Ctx, IntoJs, JsLifetime, Object, Promise, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// What scripts hold.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct Agent {
    #[qjs(skip_trace)]
    layout: Rc<Layout>,
    /// The `host` header of requests that have none.
    host: String,
}

#[rquickjs::methods(rename_all = "camelCase")]
impl Agent {
    /// Checks the options; nothing is connected yet.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, host: String, options: Opt<Value<'js>>) -> js::Result<Self> {
        let options = options.0.unwrap_or_else(|| Value::new_undefined(ctx.clone()));
        let tls = match options.as_object() {
            Some(options) => options.get::<_, Value>("tls")?,
            None => Value::new_undefined(ctx.clone()),
        };
        let is_tls = js::truthy(&tls);
        let target = target(&host, if is_tls { 443 } else { 80 });
        let module = Module::new(0, "http.Agent");
        let undefined = Value::new_undefined(ctx.clone());
        let connect = Layout::new("http.Agent connect", module.clone());
        add(
            &ctx,
            &connect,
            "connect",
            vec![target.into_js(&ctx)?, options.clone()],
            None,
        )?;
        let session = if is_tls {
            let session = Layout::new("http.Agent TLS", module.clone());
            // `tls: true` asks for TLS with the defaults.
            let tls = if tls.is_object() { tls } else { undefined.clone() };
            add(&ctx, &session, "connectTLS", vec![tls], Some(connect))?;
            session
        } else {
            connect
        };
        let layout = Layout::new("http.Agent", module);
        add(&ctx, &layout, "muxHTTP", vec![undefined, options], Some(session))?;
        Ok(Agent { layout, host })
    }

    /// `request(method, path, headers?, body?)` or `request(message)`: a promise of the response. Rejected with a
    /// message (502, 504, 401) when there is none.
    pub fn request<'js>(&self, ctx: Ctx<'js>, args: Rest<Value<'js>>) -> js::Result<Promise<'js>> {
        let message = self.message(&ctx, &args.0)?;
        let (promise, deferred) = Deferred::new(&ctx)?;
        let realm = realm(&ctx);
        let context = realm.scope.context(None);
        let exchange = Rc::new(Exchange {
            builder: RefCell::new(MessageBuilder::default()),
            deferred: RefCell::new(Some(deferred)),
            child: RefCell::new(None),
        });
        let output = Output::Sink(exchange.clone());
        let instance = Instance::create(&realm, &self.layout, context, output, None, 0);
        *exchange.child.borrow_mut() = Some(Child::new(instance.clone()));
        start(&realm, instance, message);
        Ok(promise)
    }
}

impl Agent {
    fn message<'js>(&self, ctx: &Ctx<'js>, args: &[Value<'js>]) -> js::Result<Message> {
        let first = args
            .first()
            .ok_or_else(|| throw_type(ctx, "argument 1 expects a method or a Message"))?;
        let arg = |index: usize| args.get(index).filter(|value| !js::is_nullish(value));
        let mut message = match js::message_of(ctx, first) {
            Some(message) => message,
            None => {
                let head = Object::new(ctx.clone())?;
                head.set("method", first.clone())?;
                if let Some(path) = arg(1) {
                    head.set("path", path.clone())?;
                }
                if let Some(headers) = arg(2) {
                    head.set("headers", headers.clone())?;
                }
                let body = arg(3).map(|body| {
                    js::value_to_data(ctx, body).ok_or_else(|| throw_type(ctx, "argument 4 expects a Data or a string"))
                });
                Message {
                    head: Some(Rc::new(Head::new(HeadKind::Js(Saved::new(ctx, head.into_value()))))),
                    body: body.transpose()?,
                    ..Message::default()
                }
            }
        };
        // The script's object stays as it is.
        let mut head = js::request_of(ctx, message.head.as_ref())?;
        if !head.headers.contains("host") {
            let set = head.headers.push(b"host", self.host.as_bytes());
            set.map_err(|error| throw_error(ctx, &format!("cannot send host {}: {error}", self.host)))?;
        }
        message.head = MessageStart::new(HeadKind::Request(head)).head;
        Ok(message)
    }
}

/// Queues the request: scripts call this, so it must not run a turn itself.
fn start(realm: &Rc<Realm>, instance: Rc<Instance>, message: Message) {
    realm.defer(Work::Start(instance.clone(), Args::None));
    for event in message.into_events() {
        realm.defer(Work::Input(instance.clone(), 0, event));
    }
}

/// `host` with the default port unless it names one.
pub(super) fn target(host: &str, port: u16) -> String {
    let named = host.rsplit_once(':').is_some_and(|(name, port)| {
        !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty()
    });
    if named {
        host.to_owned()
    } else {
        format!("{host}:{port}")
    }
}

/// Adds a filter to a layout that no script builds.
pub(super) fn add<'js>(
    ctx: &Ctx<'js>,
    layout: &Layout,
    name: &str,
    args: Vec<Value<'js>>,
    inner: Option<Rc<Layout>>,
) -> js::Result<()> {
    let spec = FILTERS.iter().find(|spec| spec.name == name);
    let spec = spec.ok_or_else(|| throw_error(ctx, &format!("http.Agent needs the filter {name}")))?;
    let sub = Sub::default();
    let has_sub = inner.is_some();
    if let Some(inner) = inner {
        sub.set(inner);
    }
    let layout_of = |ctx: &Ctx<'js>, _| Err(throw_error(ctx, "no pipeline can be built here"));
    let mut build = Build {
        ctx,
        args,
        module: layout.module.clone(),
        needs_sub: has_sub,
        sub: sub.clone(),
        layout_of: &layout_of,
    };
    let make = (spec.build)(&mut build)?;
    layout.filters.borrow_mut().push(FilterDef {
        name: spec.name,
        make,
        place: layout.name.clone(),
        sub: has_sub.then_some(sub),
        needs_sub: has_sub,
    });
    Ok(())
}

/// A request under way. Holds its pipeline, whose output it is, until the response is complete.
struct Exchange {
    builder: RefCell<MessageBuilder>,
    deferred: RefCell<Option<Deferred>>,
    child: RefCell<Option<Child>>,
}

impl Sink for Exchange {
    fn event(&self, cx: &mut Cx<'_>, event: Event) {
        let reason = match &event {
            Event::StreamEnd(reason) => Some(reason.clone()),
            _ => None,
        };
        let complete = match reason {
            // Not complete: a builder would take the end of the stream for the message's.
            Some(_) => None,
            None => self.builder.borrow_mut().push(&event),
        };
        let is_too_long = self.builder.borrow().held_bytes() > limits::HELD_BYTES;
        let reason = reason.or(is_too_long.then_some(Reason::Named(StreamError::BufferOverflow)));
        let result = match (complete, reason) {
            (Some(message), _) if is_interim(&message) => return,
            // Decoded messages have a tail; those that muxHTTP makes of errors have none.
            (Some(message), _) if message.tail.is_some() => Ok(message),
            (Some(message), _) => Err(message),
            (None, Some(reason)) => {
                let made = http_error::response_for(&cx.js, &reason);
                Err(made.unwrap_or_else(|| http_error::response(502, "Bad Gateway")))
            }
            (None, None) => return,
        };
        let deferred = self.deferred.borrow_mut().take();
        self.child.replace(None);
        let Some(deferred) = deferred else { return };
        let value = |mut message: Message| {
            message.body.get_or_insert_with(Data::new);
            js::message_value(&cx.js, message)
        };
        let settled = match result {
            Ok(message) => value(message).map(Ok),
            Err(message) => value(message).map(Err),
        };
        match settled {
            Ok(settled) => deferred.settle(&cx.js, settled),
            Err(error) => drop(cx.failed("http.Agent", error)),
        }
    }
}

fn is_interim(message: &Message) -> bool {
    let Some(head) = &message.head else { return false };
    matches!(
        &*head.0.borrow(),
        HeadKind::Response(ResponseHead { status: 100..200, .. })
    )
}
