//! The connections of this thread, for `pipy.inbound` and `pipy.outbound`. Each version of the scripts sees its own: the
//! objects of another one belong to another script engine. Source: pipyjs/model.md section 3.

use super::outbound_info::{Facts, OutboundInfo};
use crate::js::Inbound;
use crate::pipeline::Realm;
use slab::Slab;
use std::cell::RefCell;
use std::rc::{Rc, Weak};

thread_local! {
    static INBOUND: RefCell<Slab<(Weak<Realm>, Rc<Inbound>)>> = const { RefCell::new(Slab::new()) };
    static OUTBOUND: RefCell<Vec<Weak<Facts>>> = const { RefCell::new(Vec::new()) };
}

/// Keeps an accepted connection on the list until it is dropped.
pub(super) struct Listed(usize);

impl Listed {
    /// Adds one.
    pub(super) fn new(realm: &Rc<Realm>, inbound: &Rc<Inbound>) -> Self {
        Listed(INBOUND.with_borrow_mut(|list| list.insert((Rc::downgrade(realm), inbound.clone()))))
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let gone = INBOUND.try_with(|list| list.borrow_mut().try_remove(self.0));
        drop(gone);
    }
}

/// Accepted connections and UDP peers of these scripts.
pub(crate) fn inbounds(realm: &Rc<Realm>) -> Vec<Rc<Inbound>> {
    let is_ours = |of: &Weak<Realm>| std::ptr::eq(of.as_ptr(), Rc::as_ptr(realm));
    INBOUND.with_borrow(|list| {
        let ours = list.iter().filter(|(_, (of, _))| is_ours(of));
        ours.map(|(_, (_, inbound))| inbound.clone()).collect()
    })
}

/// Adds a connection that is being opened; it leaves the list when nobody knows it any more.
pub(super) fn list_outbound(facts: &Rc<Facts>) {
    OUTBOUND.with_borrow_mut(|list| {
        // Those that have gone are let go of before the list grows: it stays within twice its living ones.
        if list.len() == list.capacity() {
            list.retain(|facts| facts.strong_count() > 0);
            let living = list.len();
            list.reserve(living.max(16));
        }
        list.push(Rc::downgrade(facts));
    });
}

/// Connections that these scripts have opened, or are opening.
pub(crate) fn outbounds(realm: &Rc<Realm>) -> Vec<OutboundInfo> {
    OUTBOUND.with_borrow(|list| {
        let living = list.iter().filter_map(Weak::upgrade);
        let ours = living.filter(|facts| std::ptr::eq(facts.realm.as_ptr(), Rc::as_ptr(realm)));
        let open = ours.filter(|facts| facts.state.get() != "closed");
        open.map(|shared| OutboundInfo { shared }).collect()
    })
}
