//! `new ListenerArray(ports?, options?)`: a set of ports that scripts change while they run, for classic `listen`.
//! Example: `((ports = new ListenerArray([8080])) => pipy().listen(ports).dummy())()`, later `ports.set([8080, 8081])`.
//! Source: pipyjs/globals.md section 11, model.md section 2.

use super::embedded;
use crate::js::{self, List, Options, throw_error, throw_type};
use crate::net::{Address, ListenOptions, ListenTarget, claims, parse_address};
use crate::pipeline::{Layout, realm};
use rquickjs::class::Trace;
use rquickjs::prelude::Opt;
use rquickjs::{Class, Ctx, JsLifetime, Object, Value};
use std::cell::RefCell;
use std::rc::Rc;

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    embedded::define_bound::<ListenerArray>(ctx, &ctx.globals())
}

/// What scripts hold.
#[derive(Trace, JsLifetime)]
#[rquickjs::class]
pub struct ListenerArray {
    #[qjs(skip_trace)]
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    ports: RefCell<Vec<(Address, ListenOptions)>>,
    /// Options of all ports: those given to the constructor.
    common: RefCell<Option<crate::value::Saved>>,
    /// The pipelines that listen.
    layouts: RefCell<Vec<Rc<Layout>>>,
}

/// The ports of an array that was given to `listen`, whose pipeline follows it from now on; None: it is no array.
pub(crate) fn follow<'js>(value: &Value<'js>, layout: &Rc<Layout>) -> Option<Vec<(Address, ListenOptions)>> {
    let class = Class::<ListenerArray>::from_value(value).ok()?;
    let state = class.borrow().state.clone();
    state.layouts.borrow_mut().push(layout.clone());
    let ports = state.ports.borrow().clone();
    Some(ports)
}

/// An element: a port, `'ip:port'`, or an object with `port` and options. None for port 0.
fn element<'js>(
    ctx: &Ctx<'js>,
    common: Option<Value<'js>>,
    element: &Value<'js>,
    options: Option<Value<'js>>,
) -> js::Result<Option<(Address, ListenOptions)>> {
    let all = Object::new(ctx.clone())?;
    let own = element.as_object().map(|object| object.clone().into_value());
    for given in [common, own.clone(), options].into_iter().flatten() {
        if js::is_nullish(&given) {
            continue;
        }
        let given = given
            .into_object()
            .ok_or_else(|| throw_type(ctx, "options expects an object"))?;
        for entry in given.props::<String, Value<'js>>() {
            let (name, value) = entry?;
            all.set(name, value)?;
        }
    }
    let port = match &own {
        Some(_) => all.get("port")?,
        None => element.clone(),
    };
    if js::is_nullish(&port) || port.as_number() == Some(0.0) {
        return Ok(None);
    }
    let options = ListenOptions::parse(&Options::new(ctx, &all.into_value())?, ctx)?;
    let address = parse_address(&js::value_to_text(ctx, &port), options.protocol);
    let address = address.map_err(|what| throw_error(ctx, &format!("ListenerArray: {what}")))?;
    Ok(address.map(|address| (address, options)))
}

impl State {
    fn common<'js>(&self, ctx: &Ctx<'js>) -> Option<Value<'js>> {
        self.common.borrow().as_ref().map(|common| common.get(ctx))
    }

    /// Opens a port of running scripts, or changes its options. What cannot be opened is told and stays wanted no more.
    fn open(&self, ctx: &Ctx<'_>, address: Address, options: ListenOptions) {
        self.ports.borrow_mut().retain(|(known, _)| *known != address);
        self.ports.borrow_mut().push((address, options.clone()));
        let Some(claims) = claims(ctx) else { return };
        for layout in &*self.layouts.borrow() {
            let target = ListenTarget {
                realm: realm(ctx),
                layout: layout.clone(),
                options: options.clone(),
            };
            if let Err(error) = claims.listen(address, target) {
                tracing::error!(target: "listener", "{error}");
            }
        }
    }

    fn close(&self, ctx: &Ctx<'_>, address: Address) {
        self.ports.borrow_mut().retain(|(known, _)| *known != address);
        if let Some(claims) = claims(ctx).filter(|_| !self.layouts.borrow().is_empty()) {
            claims.close(address);
        }
    }
}

fn elements<'js>(ctx: &Ctx<'js>, state: &State, ports: &Value<'js>) -> js::Result<Vec<(Address, ListenOptions)>> {
    let Some(ports) = ports.as_list() else {
        return Err(throw_type(ctx, "argument 1 expects an array of ports"));
    };
    let mut all = Vec::new();
    for port in ports.iter::<Value<'js>>() {
        all.extend(element(ctx, state.common(ctx), &port?, None)?);
    }
    Ok(all)
}

#[rquickjs::methods]
impl ListenerArray {
    /// See the class.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, ports: Opt<Value<'js>>, options: Opt<Value<'js>>) -> js::Result<Self> {
        let state = Rc::<State>::default();
        if let Some(options) = options.0.filter(|options| !js::is_nullish(options)) {
            ListenOptions::parse(&Options::new(&ctx, &options)?, &ctx)?;
            *state.common.borrow_mut() = Some(crate::value::Saved::new(&ctx, options));
        }
        if let Some(ports) = ports.0.filter(|ports| !js::is_nullish(ports)) {
            let all = elements(&ctx, &state, &ports)?;
            *state.ports.borrow_mut() = all;
        }
        Ok(ListenerArray { state })
    }

    /// Opens and closes what differs.
    pub fn set<'js>(&self, ctx: Ctx<'js>, ports: Value<'js>) -> js::Result<()> {
        let wanted = elements(&ctx, &self.state, &ports)?;
        let old: Vec<Address> = self.state.ports.borrow().iter().map(|(address, _)| *address).collect();
        for address in old {
            if wanted.iter().all(|(wanted, _)| *wanted != address) {
                self.state.close(&ctx, address);
            }
        }
        for (address, options) in wanted {
            self.state.open(&ctx, address, options);
        }
        Ok(())
    }

    /// Opens a port, or changes its options.
    pub fn add<'js>(&self, ctx: Ctx<'js>, port: Value<'js>, options: Opt<Value<'js>>) -> js::Result<()> {
        if let Some((address, options)) = element(&ctx, self.state.common(&ctx), &port, options.0)? {
            self.state.open(&ctx, address, options);
        }
        Ok(())
    }

    /// Closes a port; connections go on.
    pub fn remove<'js>(&self, ctx: Ctx<'js>, port: Value<'js>, options: Opt<Value<'js>>) -> js::Result<()> {
        if let Some((address, _)) = element(&ctx, self.state.common(&ctx), &port, options.0)? {
            self.state.close(&ctx, address);
        }
        Ok(())
    }
}
