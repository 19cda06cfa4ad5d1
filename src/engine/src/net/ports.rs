//! The listening ports of a worker over all versions of its scripts. Ports open while scripts load and accept once all of
//! them have loaded; afterwards `pipy.listen` opens, replaces and closes them at once. A port that two versions have
//! keeps its socket. Source: pipyjs/model.md section 3 (`listen`), repo.md 1.1.

use super::listener::{Address, Bound, ListenTarget, Listener};
use super::options::Protocol;
use crate::error::Error;
use crate::pipeline::Layout;
use rquickjs::{Ctx, JsLifetime};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use tokio::sync::Notify;

/// See the module.
pub(crate) struct Ports {
    /// SO_REUSEPORT.
    reuse_port: bool,
    /// A port that cannot be opened is no error.
    force: bool,
    /// Without SO_REUSEPORT the first thread accepts for all.
    is_first_thread: bool,
    listeners: RefCell<HashMap<Address, Listener>>,
    emptied: Notify,
}

impl Ports {
    /// No port yet.
    pub(crate) fn new(reuse_port: bool, force: bool, is_first_thread: bool) -> Rc<Self> {
        Rc::new(Ports {
            reuse_port,
            force,
            is_first_thread,
            listeners: RefCell::default(),
            emptied: Notify::new(),
        })
    }

    /// Addresses that are listened on.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        self.listeners.borrow().keys().copied().collect()
    }

    /// What runs at each address.
    pub(crate) fn layouts(&self) -> Vec<(Address, Rc<Layout>)> {
        let listeners = self.listeners.borrow();
        listeners
            .iter()
            .map(|(address, listener)| (*address, listener.layout()))
            .collect()
    }

    /// Closes all.
    pub(crate) fn clear(&self) {
        let all = self.listeners.take();
        drop(all);
        self.emptied.notify_one();
    }

    /// Returns when no port is open.
    pub(crate) async fn none(&self) {
        while !self.listeners.borrow().is_empty() {
            self.emptied.notified().await;
        }
    }

    /// A socket on an address; None where it is no error that there is none.
    fn bind(&self, address: Address, target: &ListenTarget, is_strict: bool) -> Result<Option<Bound>, Error> {
        match Listener::bind(address, self.reuse_port, target.options.transparent) {
            Ok(socket) => Ok(Some(socket)),
            Err(_) if !self.is_first_thread && !self.reuse_port => Ok(None),
            Err(error) if is_strict && !self.force => Err(error),
            Err(error) => {
                tracing::error!(target: "listener", "{error}");
                Ok(None)
            }
        }
    }

    fn start(&self, address: Address, socket: Bound, target: ListenTarget) {
        let protocol = match address.protocol {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        };
        let (ip, port) = (address.socket.ip(), address.socket.port());
        tracing::info!(target: "listener", "listening on {protocol} port {port} at {ip}");
        let listener = Listener::start(address, socket, target);
        self.listeners.borrow_mut().insert(address, listener);
    }

    /// New connections get this from now on; false when the port is not open.
    fn retarget(&self, address: Address, target: &ListenTarget) -> bool {
        let listeners = self.listeners.borrow();
        let listener = listeners.get(&address);
        if let Some(listener) = listener {
            listener.retarget(target.clone());
        }
        listener.is_some()
    }

    fn close(&self, address: Address) {
        let closed = self.listeners.borrow_mut().remove(&address);
        drop(closed);
        self.emptied.notify_one();
    }
}

/// What one version of the scripts wants of the ports.
pub(crate) struct Claims {
    ports: Rc<Ports>,
    stage: Cell<Stage>,
    wanted: RefCell<HashMap<Address, (Option<Bound>, ListenTarget)>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The scripts are being loaded; `true`: the first version, for which a port that cannot be opened is an error.
    Loading(bool),
    /// They run.
    Running,
    /// A newer version runs, or the worker ends.
    Past,
}

#[derive(JsLifetime)]
struct ClaimsSlot(Rc<Claims>);

/// The claims of the scripts in `ctx`; None where they run without a worker.
pub(crate) fn claims(ctx: &Ctx<'_>) -> Option<Rc<Claims>> {
    ctx.userdata::<ClaimsSlot>().map(|slot| slot.0.clone())
}

impl Claims {
    /// For a version that is about to be loaded into `ctx`.
    pub(crate) fn install(ctx: &Ctx<'_>, ports: &Rc<Ports>, is_first: bool) -> Rc<Self> {
        let claims = Rc::new(Claims {
            ports: ports.clone(),
            stage: Cell::new(Stage::Loading(is_first)),
            wanted: RefCell::default(),
        });
        let stored = ctx.store_userdata(ClaimsSlot(claims.clone()));
        debug_assert!(stored.is_ok(), "user data is not borrowed while a realm is set up");
        claims
    }

    /// Opens a port, or replaces what its new connections get.
    ///
    /// # Errors  When it cannot be opened while the first version is loaded, or by scripts that run.
    pub(crate) fn listen(&self, address: Address, target: ListenTarget) -> Result<(), Error> {
        match self.stage.get() {
            Stage::Loading(is_first) => {
                let known = self.wanted.borrow_mut().remove(&address);
                let is_open = self.ports.listeners.borrow().contains_key(&address);
                let socket = match known {
                    Some((socket, _)) => socket,
                    None if is_open => None,
                    None => self.ports.bind(address, &target, is_first)?,
                };
                self.wanted.borrow_mut().insert(address, (socket, target));
            }
            Stage::Running => {
                if !self.ports.retarget(address, &target)
                    && let Some(socket) = self.ports.bind(address, &target, true)?
                {
                    self.ports.start(address, socket, target);
                }
            }
            Stage::Past => {
                tracing::warn!(target: "listener", %address, "an old version of the scripts cannot open a port any more");
            }
        }
        Ok(())
    }

    /// Closes a port; its connections go on.
    pub(crate) fn close(&self, address: Address) {
        match self.stage.get() {
            Stage::Loading(_) => drop(self.wanted.borrow_mut().remove(&address)),
            Stage::Running => self.ports.close(address),
            Stage::Past => {}
        }
    }

    /// All scripts have loaded: ports that are not wanted close, the others accept.
    pub(crate) fn commit(&self) {
        let wanted = self.wanted.take();
        self.ports
            .listeners
            .borrow_mut()
            .retain(|address, _| wanted.contains_key(address));
        for (address, (socket, target)) in wanted {
            if !self.ports.retarget(address, &target)
                && let Some(socket) = socket
            {
                self.ports.start(address, socket, target);
            }
        }
        self.stage.set(Stage::Running);
    }

    /// The version has been replaced, ends, or is not going to run: it has no say any more.
    pub(crate) fn retire(&self) {
        self.stage.set(Stage::Past);
        // They hold their realm.
        let wanted = self.wanted.take();
        drop(wanted);
    }
}
