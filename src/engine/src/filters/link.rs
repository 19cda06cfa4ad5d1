//! `link(name | fn)`, `link().to(...)`, and of dialect E1 `link(name, cond, name, cond, ..., default?)`; `linkAsync`.
//! Example: `.link(() => _tls ? 'tls' : 'plain')`. Source: pipyjs/model.md 1.5.2, filters.md section 4.

use super::hub::{Hub, Member, hub_of};
use crate::event::Event;
use crate::js::{self, Callback};
use crate::pipeline::{
    Args, Build, Child, Cx, Filter, Hold, Layout, Make, Module, Out, Spec, Sub, Subs, Task, Wake, realm, spawn,
};
use rquickjs::Value;
use std::rc::Rc;

pub(super) static LINK: Spec = Spec {
    name: "link",
    args: "(name | fn | name, condition, ..., default?)",
    about: "passes the stream through another pipeline",
    subs: Subs::Optional,
    build: |build| make(build, false),
};

pub(super) static LINK_ASYNC: Spec = Spec {
    name: "linkAsync",
    args: "(name | fn)",
    about: "as link, but each event waits for the next turn of the loop",
    subs: Subs::Optional,
    build: |build| make(build, true),
};

/// A sub-pipeline that shares the context, chosen once for the pipeline instance; until then events are held.
#[derive(Default)]
pub(super) struct Route {
    target: Target,
    held: Hold,
}

#[derive(Default)]
enum Target {
    #[default]
    Undecided,
    Bypass,
    Child(Child),
    Hub(Member),
}

impl Route {
    /// True once decided.
    pub(super) fn is_decided(&self) -> bool {
        !matches!(self.target, Target::Undecided)
    }

    /// Keeps an event until the decision.
    pub(super) fn hold(&mut self, event: Event, out: &mut Out<'_>) {
        out.hold(&mut self.held, event);
    }

    /// Decides: starts a pipeline of `layout`, or passes events through for None; then lets go of what is held.
    pub(super) fn decide(&mut self, layout: Option<&Rc<Layout>>, out: &mut Out<'_>) {
        self.target = match layout {
            Some(layout) => Target::Child(out.spawn(layout, out.context(), 0, Args::None)),
            None => Target::Bypass,
        };
        for event in self.held.take() {
            self.pass(event, out);
        }
    }

    /// Decides: joins a hub; then lets go of what is held.
    fn join(&mut self, hub: &Rc<Hub>, out: &mut Out<'_>) {
        self.target = Target::Hub(hub.join(out));
        for event in self.held.take() {
            self.pass(event, out);
        }
    }

    /// Hands an event on; holds it while undecided.
    pub(super) fn pass(&mut self, event: Event, out: &mut Out<'_>) {
        match &self.target {
            Target::Undecided => out.hold(&mut self.held, event),
            Target::Bypass => out.emit(event),
            Target::Child(child) => out.feed(child, event),
            Target::Hub(member) => member.broadcast(&event, out),
        }
    }

    /// Back to undecided; ends the child.
    pub(super) fn reset(&mut self) {
        self.target = Target::Undecided;
        self.held.clear();
    }
}

/// Where to go, as the arguments say.
#[derive(Clone)]
enum Choice {
    /// Always there.
    Fixed(Sub),
    /// Asked at each event for a name in the module until it gives one.
    Name(Callback, Rc<Module>),
    /// The first whose condition holds (no condition: always); without a pipeline: bypass.
    First(Rc<[(Option<Sub>, Option<Callback>)]>),
}

fn make(build: &mut Build<'_, '_>, later: bool) -> js::Result<Make> {
    let choice = match build.args.len() {
        0 => {
            build.needs_sub = true;
            Choice::Fixed(build.sub.clone())
        }
        1 => match build.optional_callback(0) {
            Some(callback) => Choice::Name(callback, build.module.clone()),
            None => Choice::Fixed(build.target(0)?),
        },
        _ => multi_way(build)?,
    };
    Ok(Rc::new(move || {
        Box::new(Link {
            choice: choice.clone(),
            later,
            route: Route::default(),
            queue: Hold::default(),
            turn: None,
        })
    }))
}

/// `(name, condition, name, condition, ..., name?)`; the name `''` means that events pass through.
fn multi_way(build: &Build<'_, '_>) -> js::Result<Choice> {
    // Codebases that link this way are of 2021, and rely on more than this form.
    realm(build.ctx).legacy.set(true);
    let mut ways = Vec::new();
    let mut index = 0;
    while index < build.args.len() {
        let name = build.arg(index);
        let name = name
            .as_string()
            .ok_or_else(|| build.expects(index, "a pipeline name"))?
            .to_string()?;
        let sub = (!name.is_empty()).then(|| build.target(index)).transpose()?;
        let condition = build.optional_callback(index + 1);
        if condition.is_none() && index + 1 < build.args.len() && !build.arg(index + 1).is_string() {
            return Err(build.expects(index + 1, "a function"));
        }
        index += if condition.is_some() { 2 } else { 1 };
        ways.push((sub, condition));
    }
    Ok(Choice::First(ways.into()))
}

struct Link {
    choice: Choice,
    /// Events wait for the next turn (`linkAsync`).
    later: bool,
    route: Route,
    queue: Hold,
    turn: Option<Task>,
}

impl Link {
    /// Hands an event on once it is known where to.
    fn forward(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if self.route.is_decided() {
            return self.route.pass(event, out);
        }
        let chosen = match &self.choice {
            Choice::Fixed(sub) => Some(Some(sub.get())),
            Choice::Name(callback, module) => match cx.call(out, callback, ()) {
                Ok(value) => {
                    if let Some(hub) = hub_of(&value) {
                        self.route.hold(event, out);
                        return self.route.join(&hub, out);
                    }
                    match named(module, &value) {
                        Ok(layout) => layout.map(Some),
                        Err(message) => return cx.fail(out, &message),
                    }
                }
                Err(reason) => return out.end(reason),
            },
            Choice::First(ways) => {
                let mut chosen = None;
                for (sub, condition) in ways.iter() {
                    let holds = match condition {
                        None => true,
                        Some(condition) => match cx.call(out, condition, ()) {
                            Ok(value) => js::truthy(&value),
                            Err(reason) => return out.end(reason),
                        },
                    };
                    if holds {
                        chosen = Some(sub.as_ref().map(Sub::get));
                        break;
                    }
                }
                chosen
            }
        };
        self.route.hold(event, out);
        if let Some(layout) = chosen {
            self.route.decide(layout.as_ref(), out);
        }
    }
}

/// The layout that a function named; None when it has not decided yet.
fn named(module: &Module, name: &Value<'_>) -> Result<Option<Rc<Layout>>, String> {
    if js::is_nullish(name) {
        return Ok(None);
    }
    let Some(name) = name.as_string().and_then(|name| name.to_string().ok()) else {
        return Err("callback did not return a pipeline name".to_owned());
    };
    match module.layout(&name) {
        Some(layout) => Ok(Some(layout)),
        None => Err(format!("pipeline not found with name: {name}")),
    }
}

impl Filter for Link {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if !self.later {
            return self.forward(cx, event, out);
        }
        out.hold(&mut self.queue, event);
        if self.turn.is_none() {
            let port = out.port();
            let realm = Rc::downgrade(&cx.realm);
            self.turn = Some(spawn(async move {
                tokio::task::yield_now().await;
                if let Some(realm) = realm.upgrade() {
                    port.wake(&realm, Wake::Timer);
                }
            }));
        }
    }

    fn wake(&mut self, cx: &mut Cx<'_>, wake: Wake, out: &mut Out<'_>) {
        if matches!(wake, Wake::Timer) {
            self.turn = None;
            for event in self.queue.take() {
                if out.is_over() {
                    return;
                }
                self.forward(cx, event, out);
            }
        }
    }

    fn reset(&mut self) {
        self.route.reset();
        self.queue.clear();
        self.turn = None;
    }
}
