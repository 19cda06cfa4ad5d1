//! Sessions of `muxHTTP` that wait for their next request, by key. One pool a layout, shared by all its pipelines.
//! Not for what a session does: http_session.rs. Source: pipyjs/filters.md section 5.

use super::http_session::Session;
use super::http_wire::Opening;
use super::http2_client::Http2Session;
use crate::js::{self, Inbound};
use crate::pipeline::{Out, Realm, Task, spawn};
use crate::value::Saved;
use rquickjs::function::{Constructor, This};
use rquickjs::{Ctx, Function, Object, Value};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::rc::{Rc, Weak};
use std::time::Duration;

/// How often unused sessions are looked at.
const CHECK: Duration = Duration::from_secs(1);

/// Which streams may share sessions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// Pipelines without a connection: tasks, Agents.
    Layout,
    /// Streams of one accepted connection, by its number.
    Inbound(u32),
    /// null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number, by its bits.
    Number(u64),
    /// A string.
    Text(String),
    /// An object, by its number in the pool.
    Object(u64),
}

/// Hashes keys with a secret, for scripts take them from clients; but the numbers of connections, which are ours, as they are.
#[derive(Clone, Default)]
struct KeyHash(RandomState);

struct KeyHasher {
    secret: KeyHash,
    ours: u64,
    theirs: Option<DefaultHasher>,
}

impl BuildHasher for KeyHash {
    type Hasher = KeyHasher;

    fn build_hasher(&self) -> KeyHasher {
        KeyHasher {
            secret: self.clone(),
            ours: 0,
            theirs: None,
        }
    }
}

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        let hasher = self.theirs.get_or_insert_with(|| self.secret.0.build_hasher());
        hasher.write(bytes);
    }

    /// Which kind of key it is.
    fn write_isize(&mut self, kind: isize) {
        self.write_u32(kind as u32);
    }

    fn write_u32(&mut self, number: u32) {
        self.ours = (self.ours.rotate_left(5) ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        let theirs = self.theirs.as_ref().map_or(0, DefaultHasher::finish);
        self.ours ^ theirs
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Pool {
    groups: RefCell<HashMap<Key, Rc<Group>, KeyHash>>,
    /// WeakMap of scripts: object → its number.
    objects: RefCell<Option<Saved>>,
    next_object: Cell<u64>,
    tick: Cell<u64>,
    reaper: RefCell<Option<Task>>,
}

/// The sessions of one key.
pub(super) struct Group {
    key: Key,
    /// Without a request, last used last.
    idle: RefCell<Vec<Rc<Session>>>,
    /// With requests, and room for more; empty unless `maxQueue` is above 1.
    shared: RefCell<Vec<Rc<Session>>>,
    /// Sessions of HTTP/2, used or not.
    http2: RefCell<Vec<Rc<Http2Session>>>,
    /// A session of which it is not known yet what it speaks.
    opening: RefCell<Weak<Opening>>,
    /// What the last one spoke was HTTP/1.
    speaks_http1: Cell<bool>,
    /// Sessions that exist.
    live: Cell<usize>,
    /// The connection that the group is for.
    inbound: Option<Weak<Inbound>>,
}

impl Pool {
    /// The key that a script gave.
    ///
    /// # Errors  When the script engine runs out of memory.
    pub(crate) fn key_of<'js>(&self, ctx: &Ctx<'js>, value: &Value<'js>, out: &Out<'_>) -> js::Result<Key> {
        if value.is_undefined() {
            return Ok(Self::default_key(out));
        }
        if value.is_null() {
            return Ok(Key::Null);
        }
        if let Some(flag) = value.as_bool() {
            return Ok(Key::Bool(flag));
        }
        if let Some(number) = value.as_number() {
            return Ok(Key::Number(number.to_bits()));
        }
        if let Some(text) = value.as_string() {
            return Ok(Key::Text(text.to_string()?));
        }
        self.object(ctx, value).map(Key::Object)
    }

    /// Whether a session of HTTP/1 waits for its next request.
    pub(crate) fn has_idle_http1(&self, key: &Key) -> bool {
        let groups = self.groups.borrow();
        let group = groups.get(key);
        group.is_some_and(|group| group.idle.borrow().iter().any(|session| session.is_alive()))
    }

    /// A session that is being opened and that the stream should wait for: it may turn out to be one that can be shared.
    pub(crate) fn opening(&self, key: &Key) -> Option<Rc<Opening>> {
        let groups = self.groups.borrow();
        let group = groups.get(key).filter(|group| !group.speaks_http1.get())?;
        group.opening.borrow().upgrade()
    }

    /// A session is being opened.
    pub(crate) fn set_opening(&self, key: &Key, opening: &Rc<Opening>, out: &Out<'_>) {
        *self.group(key, out).opening.borrow_mut() = Rc::downgrade(opening);
    }

    /// The session that was opened speaks HTTP/1.
    pub(crate) fn learn_http1(&self, key: &Key, out: &Out<'_>) {
        let group = self.group(key, out);
        group.speaks_http1.set(true);
        *group.opening.borrow_mut() = Weak::new();
    }

    /// The key of streams without one.
    pub(crate) fn default_key(out: &Out<'_>) -> Key {
        out.instance()
            .context
            .inbound()
            .map_or(Key::Layout, |inbound| Key::Inbound(inbound.info.id))
    }

    fn object<'js>(&self, ctx: &Ctx<'js>, value: &Value<'js>) -> js::Result<u64> {
        let known = self.objects.borrow().clone();
        let map: Object = match known.and_then(|saved| saved.get(ctx).into_object()) {
            Some(map) => map,
            None => {
                let weak_map: Constructor = ctx.globals().get("WeakMap")?;
                let map: Object = weak_map.construct(())?;
                *self.objects.borrow_mut() = Some(Saved::new(ctx, map.clone().into_value()));
                map
            }
        };
        let get: Function = map.get("get")?;
        let number: Option<f64> = get.call((This(map.clone()), value.clone()))?;
        if let Some(number) = number {
            return Ok(number as u64);
        }
        let number = self.next_object.replace(self.next_object.get() + 1);
        let set: Function = map.get("set")?;
        set.call::<_, Value>((This(map), value.clone(), number as f64))?;
        Ok(number)
    }

    pub(super) fn group(&self, key: &Key, out: &Out<'_>) -> Rc<Group> {
        if let Some(group) = self.groups.borrow().get(key) {
            return group.clone();
        }
        let inbound = match key {
            Key::Inbound(_) => out.instance().context.inbound().map(Rc::downgrade),
            _ => None,
        };
        let group = Rc::new(Group {
            key: key.clone(),
            inbound,
            idle: RefCell::default(),
            shared: RefCell::default(),
            http2: RefCell::default(),
            opening: RefCell::default(),
            speaks_http1: Cell::default(),
            live: Cell::default(),
        });
        self.groups.borrow_mut().insert(key.clone(), group.clone());
        group
    }

    /// Lets go of a group without sessions: keys come and go with connections.
    pub(super) fn forget(&self, group: &Rc<Group>) {
        let mut groups = self.groups.borrow_mut();
        if group.live.get() == 0 && groups.get(&group.key).is_some_and(|known| Rc::ptr_eq(known, group)) {
            groups.remove(&group.key);
        }
    }

    pub(super) fn tick(&self) -> u64 {
        self.tick.get()
    }

    /// Makes sure that unused sessions are looked at.
    pub(super) fn watch(self: &Rc<Self>, realm: &Rc<Realm>) {
        let mut reaper = self.reaper.borrow_mut();
        if reaper.as_ref().is_none_or(Task::is_done) {
            *reaper = Some(spawn(reap(Rc::downgrade(self), Rc::downgrade(realm))));
        }
    }

    /// Closes what was unused for too long; false when nothing is unused.
    fn check(&self, realm: &Rc<Realm>) -> bool {
        let now = self.tick.get() + 1;
        self.tick.set(now);
        let retired = realm.is_retired();
        let groups: Vec<Rc<Group>> = self.groups.borrow().values().cloned().collect();
        let mut is_idle = false;
        for group in groups {
            let all = retired || group.is_orphan(realm);
            let over: Vec<Rc<Session>> = group
                .idle
                .borrow_mut()
                .extract_if(.., |session| all || session.is_over(now))
                .collect();
            over.iter().for_each(|session| session.close());
            let over: Vec<Rc<Http2Session>> = group
                .http2
                .borrow()
                .iter()
                .filter(|session| session.is_unused() && (all || session.is_over(now)))
                .cloned()
                .collect();
            over.iter().for_each(|session| session.close());
            is_idle |= !group.idle.borrow().is_empty();
            is_idle |= group.http2.borrow().iter().any(|session| session.is_unused());
        }
        // What was closed is reset in a turn.
        realm.turn(None, |_, _| {});
        is_idle
    }
}

async fn reap(pool: Weak<Pool>, realm: Weak<Realm>) {
    loop {
        tokio::time::sleep(CHECK).await;
        let (Some(pool), Some(realm)) = (pool.upgrade(), realm.upgrade()) else {
            return;
        };
        if !pool.check(&realm) {
            return;
        }
    }
}

impl Group {
    /// A session for one more request; it counts as used from now on.
    pub(super) fn take(&self, max_queue: usize) -> Option<Rc<Session>> {
        while let Some(session) = self.idle.borrow_mut().pop() {
            if session.is_alive() {
                if max_queue > 1 {
                    self.shared.borrow_mut().push(session.clone());
                }
                return Some(session);
            }
        }
        if max_queue <= 1 {
            return None;
        }
        let shared = self.shared.borrow();
        shared.iter().find(|session| session.has_room(max_queue)).cloned()
    }

    /// A session of HTTP/2 for one more request.
    pub(super) fn take_http2(&self, max_queue: usize) -> Option<Rc<Http2Session>> {
        let sessions = self.http2.borrow();
        sessions.iter().find(|session| session.has_room(max_queue)).cloned()
    }

    /// A new session of HTTP/2.
    pub(super) fn add_http2(&self, session: &Rc<Http2Session>) {
        self.live.set(self.live.get() + 1);
        self.speaks_http1.set(false);
        self.http2.borrow_mut().push(session.clone());
    }

    /// The session of HTTP/2 has ended.
    pub(super) fn remove_http2(&self, session: &Rc<Http2Session>) {
        self.live.set(self.live.get().saturating_sub(1));
        self.http2.borrow_mut().retain(|other| !Rc::ptr_eq(other, session));
    }

    /// A new session with its first request.
    pub(super) fn add(&self, session: &Rc<Session>, max_queue: usize) {
        self.live.set(self.live.get() + 1);
        if max_queue > 1 {
            self.shared.borrow_mut().push(session.clone());
        }
    }

    /// The session has no request any more.
    pub(super) fn put(&self, session: Rc<Session>) {
        self.unshare(&session);
        self.idle.borrow_mut().push(session);
    }

    /// The session takes no further requests.
    pub(super) fn unshare(&self, session: &Rc<Session>) {
        self.shared.borrow_mut().retain(|other| !Rc::ptr_eq(other, session));
    }

    /// The session has ended.
    pub(super) fn remove(&self, session: &Rc<Session>) {
        self.live.set(self.live.get().saturating_sub(1));
        self.unshare(session);
        self.idle.borrow_mut().retain(|other| !Rc::ptr_eq(other, session));
    }

    /// True when the connection that the group is for has gone: nobody holds it but the contexts of unused sessions.
    fn is_orphan(&self, realm: &Realm) -> bool {
        let Some(inbound) = &self.inbound else { return false };
        let idle = self.idle.borrow();
        let http2 = self.http2.borrow();
        if http2.iter().any(|session| !session.is_unused()) {
            return false;
        }
        let contexts: Vec<_> = idle
            .iter()
            .filter_map(|session| session.context())
            .chain(http2.iter().filter_map(|session| session.context()))
            .collect();
        let current = realm.scope.current();
        let mut distinct = 0;
        for (index, context) in contexts.iter().enumerate() {
            if contexts.iter().take(index).any(|other| Rc::ptr_eq(other, context)) {
                continue;
            }
            distinct += 1;
            // Each session holds it once and `contexts` once more; the scope and `current` when it was entered last.
            let ours = 2 * contexts.iter().filter(|other| Rc::ptr_eq(other, context)).count();
            let entered = current.as_ref().is_some_and(|current| Rc::ptr_eq(current, context));
            if Rc::strong_count(context) > ours + if entered { 2 } else { 0 } {
                return false;
            }
        }
        inbound.strong_count() <= distinct
    }
}

#[cfg(test)]
mod tests {
    use super::{BuildHasher, Cell, Group, Key, KeyHash, Pool, Rc, RefCell};

    #[test]
    fn what_scripts_give_is_hashed_with_a_secret() {
        let (one, other) = (KeyHash::default(), KeyHash::default());
        for (key, has_secret) in [
            (Key::Text("a".to_owned()), true),
            (Key::Number(1.0_f64.to_bits()), true),
            (Key::Object(7), true),
            (Key::Inbound(7), false),
        ] {
            assert_eq!(one.hash_one(&key), one.hash_one(key.clone()), "{key:?}");
            assert_eq!(one.hash_one(&key) != other.hash_one(&key), has_secret, "{key:?}");
        }
        // All that a table looks at differs between connections that follow one another.
        let low: std::collections::HashSet<u64> = (0..64).map(|id| one.hash_one(Key::Inbound(id)) & 63).collect();
        assert_eq!(low.len(), 64);
    }

    #[test]
    fn a_group_lives_as_long_as_its_sessions() {
        for (name, live, kept) in [("with a session", 1, true), ("without", 0, false)] {
            let pool = Pool::default();
            let group = Rc::new(Group {
                key: Key::Inbound(1),
                idle: RefCell::default(),
                shared: RefCell::default(),
                http2: RefCell::default(),
                opening: RefCell::default(),
                speaks_http1: Cell::default(),
                live: Cell::new(live),
                inbound: None,
            });
            pool.groups.borrow_mut().insert(Key::Inbound(1), group.clone());
            pool.forget(&group);
            assert_eq!(pool.groups.borrow().contains_key(&Key::Inbound(1)), kept, "{name}");
        }
    }
}
