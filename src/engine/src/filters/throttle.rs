//! `throttleMessageRate(quota | fn, { blockInput = true })`, `throttleDataRate(...)`, `throttleConcurrency(...)`: hold the
//! stream while a quota is empty. Example: `.throttleDataRate(new algo.Quota(1024 * 1024, { per: 1 }))`.
//! Source: pipyjs/filters.md section 3. The old form `(rate | fn, account)` makes a quota a second for each account:
//! section 11.

use super::quota::{Core, Place, quota_of};
use crate::event::{Event, Reason};
use crate::js;
use crate::pipeline::{Build, Closed, Cx, Filter, Given, Hold, Make, Out, Spec, Subs, Wake};
use rquickjs::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};

macro_rules! specs {
    ($($id:ident $name:literal $kind:ident $about:literal),* $(,)?) => {
        $(pub(super) static $id: Spec = Spec {
            name: $name,
            args: "(quota | fn, { blockInput })",
            about: $about,
            subs: Subs::None,
            build: |build| make(build, Kind::$kind),
        };)*
    };
}
specs!(
    CONCURRENCY "throttleConcurrency" Concurrency "holds streams beyond a number at a time",
    DATA_RATE "throttleDataRate" Data "holds bytes beyond a rate",
    MESSAGE_RATE "throttleMessageRate" Message "holds messages beyond a rate",
);

/// What is counted.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Message,
    Data,
    Concurrency,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Message => MESSAGE_RATE.name,
            Kind::Data => DATA_RATE.name,
            Kind::Concurrency => CONCURRENCY.name,
        }
    }

    /// What a suffix k multiplies a rate by.
    fn unit(self) -> f64 {
        match self {
            Kind::Data => 1024.0,
            Kind::Message | Kind::Concurrency => 1000.0,
        }
    }
}

/// Quotas of the old form, by account: they live as long as a stream uses them, named ones beyond.
type Accounts = Rc<RefCell<HashMap<String, Weak<Core>>>>;

fn make(build: &mut Build<'_, '_>, kind: Kind) -> js::Result<Make> {
    let first = build.arg(0);
    let known = first.is_function() || quota_of(&first).is_some() || js::number_of(&first, kind.unit()).is_some();
    if !known {
        return Err(build.expects(0, "an algo.Quota, a number or a function"));
    }
    let quota = Given::argument(build, 0);
    let second = build.arg(1);
    let (account, block) = if second.is_object() && !second.is_function() {
        (None, build.options(1)?.boolean("blockInput")?.unwrap_or(true))
    } else {
        ((!js::is_nullish(&second)).then(|| Given::argument(build, 1)), true)
    };
    let accounts = Accounts::default();
    Ok(Rc::new(move || {
        Box::new(Throttle {
            kind,
            quota: quota.clone(),
            account: account.clone(),
            block,
            accounts: accounts.clone(),
            core: None,
            taken: false,
            front: None,
            held: Hold::default(),
            place: None,
            closed: Vec::new(),
        })
    }))
}

struct Throttle {
    kind: Kind,
    quota: Given,
    account: Option<Given>,
    block: bool,
    accounts: Accounts,
    core: Option<Rc<Core>>,
    /// The stream has taken what it gives back at its end.
    taken: bool,
    /// What the quota is awaited for, and what came behind it.
    front: Option<Event>,
    held: Hold,
    place: Option<Place>,
    /// Sources that are not read meanwhile.
    closed: Vec<Closed>,
}

impl Throttle {
    fn core(&mut self, cx: &mut Cx<'_>, out: &mut Out<'_>) -> Result<Option<Rc<Core>>, Reason> {
        if self.core.is_none() {
            let value = self.quota.get(cx, (), out)?;
            self.core = match quota_of(&value) {
                Some(core) => Some(core),
                None => self.of_account(cx, &value, out)?,
            };
            if self.core.is_none() {
                cx.fail(
                    out,
                    &format!("{}: neither an algo.Quota nor a number", self.kind.name()),
                );
            }
        }
        Ok(self.core.clone())
    }

    fn of_account<'js>(&self, cx: &mut Cx<'js>, rate: &Value<'js>, out: &Out<'_>) -> Result<Option<Rc<Core>>, Reason> {
        let Some(rate) = js::number_of(rate, self.kind.unit()) else {
            return Ok(None);
        };
        let account = match &self.account {
            Some(account) => account.text(cx, out)?,
            None => None,
        };
        let key = account.as_deref().unwrap_or_default();
        let mut accounts = self.accounts.borrow_mut();
        if let Some(known) = accounts.get(key).and_then(Weak::upgrade) {
            return Ok(Some(known));
        }
        let named = account
            .as_ref()
            .map(|account| format!("{} {account}", self.kind.name()));
        let core = Core::per_second(rate, named.as_deref());
        if accounts.len() == accounts.capacity() {
            accounts.retain(|_, core| core.strong_count() > 0);
        }
        accounts.insert(key.to_owned(), Rc::downgrade(&core));
        Ok(Some(core))
    }

    /// Outputs the event as far as the quota allows; gives back what has to wait.
    fn pass(&mut self, core: &Core, event: Event, out: &mut Out<'_>) -> Option<Event> {
        let free = match (self.kind, &event) {
            (Kind::Message, Event::MessageStart(_)) => core.take_whole(1.0) >= 1.0,
            (Kind::Concurrency, _) if !self.taken => {
                self.taken = core.take_whole(1.0) >= 1.0;
                self.taken
            }
            (Kind::Data, Event::Data(data)) if !data.is_empty() => {
                let mut data = data.clone();
                let covered = data.shift(core.take_whole(data.len() as f64) as usize);
                if !covered.is_empty() {
                    out.emit(Event::Data(covered));
                }
                return (!data.is_empty()).then_some(Event::Data(data));
            }
            _ => true,
        };
        if !free {
            return Some(event);
        }
        out.emit(event);
        None
    }

    fn block(&mut self, cx: &Cx<'_>) {
        if let Some(tap) = cx.tap.as_ref().filter(|_| self.block)
            && !self.closed.iter().any(|closed| closed.is_of(tap))
        {
            self.closed.push(tap.close());
        }
    }
}

impl Filter for Throttle {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        let core = match self.core(cx, out) {
            Ok(Some(core)) => core,
            Ok(None) => return,
            Err(reason) => return out.end(reason),
        };
        if self.place.is_some() {
            self.block(cx);
            return out.hold(&mut self.held, event);
        }
        // Others came first.
        let counts = match (self.kind, &event) {
            (Kind::Message, Event::MessageStart(_)) => true,
            (Kind::Data, Event::Data(data)) => !data.is_empty(),
            (Kind::Concurrency, _) => !self.taken,
            _ => false,
        };
        let waits = match counts && !core.is_free() {
            true => Some(event),
            false => self.pass(&core, event, out),
        };
        if waits.is_some() {
            self.front = waits;
            self.place = Some(core.wait(&cx.realm, out.port()));
            self.block(cx);
        }
    }

    fn wake(&mut self, _cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        let (Wake::Timer, Some(core), true) = (wake, self.core.clone(), self.place.is_some()) else {
            return;
        };
        while let Some(event) = self.front.take().or_else(|| self.held.pop()) {
            self.front = self.pass(&core, event, out);
            if self.front.is_some() {
                return;
            }
        }
        self.place = None;
        self.closed.clear();
    }

    fn reset(&mut self) {
        self.front = None;
        self.held.clear();
        self.place = None;
        self.closed.clear();
        if let Some(core) = self.core.take().filter(|_| self.taken) {
            core.produce(1.0);
        }
        self.taken = false;
    }
}
