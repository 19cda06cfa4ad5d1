//! `DNS.resolve(name)`. Messages of the protocol (`decode`, `encode`) are in dns_message.rs. Source: pipyjs/globals.md section 12.

use crate::js::{self, Deferred, throw_error};
use crate::limits;
use crate::net::resolve;
use crate::pipeline::{Task, realm, spawn};
use rquickjs::function::Function;
use rquickjs::{Ctx, IntoJs, JsLifetime, Object, Promise};
use slab::Slab;
use std::cell::RefCell;
use std::rc::Rc;

pub(super) fn init(ctx: &Ctx<'_>) -> js::Result<()> {
    let stored = ctx.store_userdata(Lookups::default());
    debug_assert!(stored.is_ok(), "user data is not borrowed while a realm is set up");
    let dns = Object::new(ctx.clone())?;
    dns.set("resolve", Function::new(ctx.clone(), lookup)?)?;
    super::dns_message::init(ctx, &dns)?;
    ctx.globals().set("DNS", dns)
}

/// Look-ups under way; they end with their realm.
#[derive(Clone, Default, JsLifetime)]
struct Lookups(Rc<RefCell<Slab<Option<Task>>>>);

/// A promise of the addresses of `name`; none when it cannot be resolved.
fn lookup<'js>(ctx: Ctx<'js>, name: String) -> js::Result<Promise<'js>> {
    let lookups = ctx
        .userdata::<Lookups>()
        .map(|lookups| lookups.clone())
        .unwrap_or_default();
    if lookups.0.borrow().len() >= limits::SCRIPT_LOOKUPS {
        let message = format!("more than {} names are being resolved", limits::SCRIPT_LOOKUPS);
        return Err(throw_error(&ctx, &message));
    }
    let (promise, deferred) = Deferred::new(&ctx)?;
    let key = lookups.0.borrow_mut().insert(None);
    let realm = realm(&ctx);
    realm.count_waiting(1);
    let (weak, table) = (Rc::downgrade(&realm), Rc::downgrade(&lookups.0));
    let task = spawn(async move {
        let addresses: Vec<String> = resolve(&name).await.iter().map(ToString::to_string).collect();
        let Some(realm) = weak.upgrade() else { return };
        realm.count_waiting(-1);
        realm.turn(None, |cx, _| {
            let addresses = addresses.into_js(&cx.js);
            let settled = addresses.map_err(|error| js::caught(&cx.js, error).1.get(&cx.js));
            deferred.settle(&cx.js, settled);
        });
        // Last: this lets go of the task that runs.
        let this = table.upgrade().and_then(|table| table.borrow_mut().try_remove(key));
        drop(this);
    });
    if let Some(slot) = lookups.0.borrow_mut().get_mut(key) {
        *slot = Some(task);
    }
    Ok(promise)
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::check;

    #[tokio::test(flavor = "current_thread")]
    async fn names_to_arrays_of_addresses() {
        for (name, output) in [
            ("localhost", "127.0.0.1"),
            ("10.1.2.3", "10.1.2.3"),
            ("::1", "::1"),
            ("no-such-host.invalid", ""),
            ("", ""),
        ] {
            let script = format!(
                "pipy().listen(PORT).replaceData(() => DNS.resolve('{name}').then(all => new Data('[' + all.join() + ']')))"
            );
            check(name, &[("/main.js", &script)], "x", &format!("[{output}]")).await;
        }
    }
}
