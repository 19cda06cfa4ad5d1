//! `use(file, name?)`: the entrance or a named pipeline of another module; `use([files], down?, up?, turnDown?)`: down
//! through one pipeline of each module and back up through another, in reverse order.
//! Example: `.use(['log.js', 'route.js'], 'request', 'response', () => _done)`. Source: pipyjs/model.md 1.5.2.

use super::chain::modules;
use super::link::Route;
use crate::event::Event;
use crate::js::{self, Callback};
use crate::pipeline::{Args, Build, Child, Cx, Filter, Layout, Make, Module, Out, Spec, Sub, Subs, realm};
use std::rc::Rc;

pub(super) static USE: Spec = Spec {
    name: "use",
    args: "(file, name?) or (files, down?, up?, turnDown?)",
    about: "passes the stream through pipelines of other modules",
    subs: Subs::None,
    build: make,
};

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let file = build.arg(0);
    let Some(path) = file.as_string() else {
        return make_stages(build);
    };
    let name = name(build, 1)?;
    let modules = realm(build.ctx)
        .modules()
        .ok_or_else(|| js::throw_error(build.ctx, "modules can only be used while scripts load"))?;
    let path = path.to_string()?;
    if path.ends_with(".so") {
        let message =
            format!("use('{path}'): native modules are not in this engine; let a program that exec() starts do it");
        return Err(js::throw_error(build.ctx, &message));
    }
    let module = modules.module(build.ctx, &path)?;
    let sub = Sub::default();
    match name {
        Some(name) => {
            sub.set_name(name, js::calling_place(build.ctx));
            module.resolve_later(sub.clone());
        }
        None => module.enter_later(sub.clone()),
    }
    Ok(Rc::new(move || {
        Box::new(Use {
            sub: sub.clone(),
            route: Route::default(),
        })
    }))
}

/// A pipeline name in an argument; None when it is missing.
fn name(build: &Build<'_, '_>, index: usize) -> js::Result<Option<String>> {
    let name = build.arg(index);
    if js::is_nullish(&name) {
        return Ok(None);
    }
    match name.as_string() {
        Some(name) => Ok(Some(name.to_string()?)),
        None => Err(build.expects(index, "a pipeline name")),
    }
}

/// One module.
struct Use {
    sub: Sub,
    route: Route,
}

impl Filter for Use {
    fn process(&mut self, _cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if !self.route.is_decided() {
            self.route.decide(Some(&self.sub.get()), out);
        }
        self.route.pass(event, out);
    }

    fn reset(&mut self) {
        self.route.reset();
    }
}

/// What the stages of `use([files], ...)` share.
struct Plan {
    modules: Vec<Rc<Module>>,
    down: Option<String>,
    up: Option<String>,
    turn: Option<Callback>,
}

impl Plan {
    fn down(&self, stage: usize) -> Option<Rc<Layout>> {
        let module = self.modules.get(stage)?;
        match &self.down {
            Some(name) => module.layout(name),
            None => module.entrance.borrow().clone(),
        }
    }

    fn up(&self, stage: usize) -> Option<Rc<Layout>> {
        self.modules.get(stage)?.layout(self.up.as_deref()?)
    }
}

fn make_stages(build: &Build<'_, '_>) -> js::Result<Make> {
    let modules = modules(build, 0)?;
    let down = name(build, 1)?;
    // Without a way up the condition may stand in its place.
    let early = build.optional_callback(2);
    let up = if early.is_some() { None } else { name(build, 2)? };
    let turn = early.or_else(|| build.optional_callback(3));
    let stages = modules.len();
    let plan = Rc::new(Plan {
        modules,
        down,
        up,
        turn,
    });
    Ok(Rc::new(move || {
        Box::new(Stages {
            plan: plan.clone(),
            down: (0..stages).map(|_| Entry::New).collect(),
            up: (0..stages).map(|_| Entry::New).collect(),
        })
    }))
}

/// A pipeline of one stage in one direction.
enum Entry {
    /// Nothing has reached it.
    New,
    /// Entered.
    Child(Child),
    /// The module has no such pipeline.
    Skipped,
    /// The stream turns back before it.
    Turned,
}

struct Stages {
    plan: Rc<Plan>,
    down: Vec<Entry>,
    up: Vec<Entry>,
}

impl Stages {
    /// An event goes down into `stage` or the first one after it that takes it.
    fn go_down(&mut self, cx: &mut Cx<'_>, from: usize, event: Event, out: &mut Out<'_>) {
        let mut stage = from;
        while let Some(entry) = self.down.get_mut(stage) {
            if let Entry::New = entry {
                let turn = match &self.plan.turn {
                    Some(turn) => match cx.call(out, turn, ()) {
                        Ok(value) => js::truthy(&value),
                        Err(reason) => return out.end(reason),
                    },
                    None => false,
                };
                *entry = match self.plan.down(stage) {
                    _ if turn => Entry::Turned,
                    Some(layout) => Entry::Child(out.spawn(&layout, out.context(), key(stage, false), Args::None)),
                    None => Entry::Skipped,
                };
            }
            match entry {
                Entry::Child(child) => return out.feed(child, event),
                Entry::Turned => break,
                Entry::Skipped | Entry::New => stage += 1,
            }
        }
        self.go_up(stage, event, out);
    }

    /// An event goes up into the last stage before `stage` that takes it, or out.
    fn go_up(&mut self, stage: usize, event: Event, out: &mut Out<'_>) {
        for stage in (0..stage).rev() {
            let Some(entry) = self.up.get_mut(stage) else { continue };
            if let Entry::New = entry {
                *entry = match self.plan.up(stage) {
                    Some(layout) => Entry::Child(out.spawn(&layout, out.context(), key(stage, true), Args::None)),
                    None => Entry::Skipped,
                };
            }
            if let Entry::Child(child) = entry {
                return out.feed(child, event);
            }
        }
        out.emit(event);
    }
}

fn key(stage: usize, up: bool) -> u64 {
    (stage as u64) << 1 | u64::from(up)
}

impl Filter for Stages {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        self.go_down(cx, 0, event, out);
    }

    fn output(&mut self, cx: &mut Cx<'_>, key: u64, event: Event, out: &mut Out<'_>) {
        let stage = (key >> 1) as usize;
        if key & 1 == 0 {
            self.go_down(cx, stage + 1, event, out);
        } else {
            self.go_up(stage, event, out);
        }
    }

    fn reset(&mut self) {
        self.down
            .iter_mut()
            .chain(&mut self.up)
            .for_each(|entry| *entry = Entry::New);
    }
}
