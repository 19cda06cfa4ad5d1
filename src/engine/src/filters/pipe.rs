//! `pipe(target, map?, args?)`: passes the stream through a pipeline that is chosen at run time, or through a chain of
//! them; `pipeNext(args?)` goes on with the chain. A target that is no array makes none: what it leads to is inside the
//! chain that this filter runs in. Example: `.pipe(evt => evt.head.path, { '/a': $ => $.dummy() })`.
//! Source: pipyjs/model.md 1.5.4, 1.4.

use super::chain::Next;
use crate::event::{Event, Reason};
use crate::js::{self, List};
use crate::pipeline::{
    Args, Build, Chain, Child, Cx, EventArg, Filter, Given, Hold, Layout, Make, Module, Out, Spec, Subs, template_of,
};
use crate::value::Saved;
use rquickjs::Value;
use std::rc::Rc;

pub(super) static PIPE: Spec = Spec {
    name: "pipe",
    args: "(template | name | [...] | fn, map, args)",
    about: "passes the stream through a pipeline or a chain of them, chosen at run time",
    subs: Subs::None,
    build: make,
};

pub(super) static PIPE_NEXT: Spec = Spec {
    name: "pipeNext",
    args: "(args?)",
    about: "passes the stream through the rest of the chain that pipe has begun",
    subs: Subs::None,
    build: |build| {
        let args = arguments(build, 0)?;
        Ok(Rc::new(move || Box::new(Next::new(args.clone()))))
    },
};

/// Start arguments: an array, or a function of the event; None when not given.
fn arguments(build: &Build<'_, '_>, index: usize) -> js::Result<Option<Given>> {
    let value = build.arg(index);
    if js::is_nullish(&value) {
        return Ok(None);
    }
    if !value.is_array() && !value.is_function() {
        return Err(build.expects(index, "an array or a function"));
    }
    Ok(Some(Given::argument(build, index)))
}

/// The values of start arguments.
///
/// # Errors  The reason to end the stream with.
pub(super) fn values_of(given: &Given, cx: &mut Cx<'_>, event: &Event, out: &Out<'_>) -> Result<Vec<Saved>, Reason> {
    let value = given.get(cx, (EventArg(event),), out)?;
    let Some(array) = value.as_list() else {
        return Ok(Vec::new());
    };
    let items = array.iter::<Value>().map(|item| Ok(Saved::new(&cx.js, item?)));
    let items: js::Result<Vec<Saved>> = items.collect();
    items.map_err(|error| cx.failed(&out.place(), error))
}

/// Pipelines that a target may name.
type Map = Rc<[(String, Rc<Layout>)]>;

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let first = build.arg(0);
    if js::is_nullish(&first) {
        return Err(build.expects(0, "a template, a name, an array of those or a function"));
    }
    let target = match template_of(&first) {
        Some(_) => Given::value(build.ctx, first),
        None => Given::argument(build, 0),
    };
    let mut map = Vec::new();
    let second = build.arg(1);
    // Without a map, start arguments may stand in its place: a function or an array can't be one.
    let early = js::is_nullish(&build.arg(2)) && (second.is_array() || second.is_function());
    if let Some(object) = second.as_object().filter(|_| !early) {
        for entry in object.props::<String, Value>() {
            let (name, value) = entry?;
            let layout = match (template_of(&value), value.as_function()) {
                (Some(layout), _) => layout,
                (None, Some(builder)) => (build.layout_of)(build.ctx, builder.clone())?,
                (None, None) => return Err(build.expects(1, "an object of templates and functions")),
            };
            map.push((name, layout));
        }
    }
    let map: Map = map.into();
    let args = arguments(build, if early { 1 } else { 2 })?;
    let module = build.module.clone();
    Ok(Rc::new(move || {
        Box::new(Pipe {
            target: target.clone(),
            map: map.clone(),
            args: args.clone(),
            module: module.clone(),
            way: Way::Undecided,
            held: Hold::default(),
        })
    }))
}

struct Pipe {
    target: Given,
    map: Map,
    args: Option<Given>,
    /// Names that are not in the map may be its pipelines'.
    module: Rc<Module>,
    way: Way,
    held: Hold,
}

enum Way {
    Undecided,
    /// Of an empty chain.
    Through,
    Child(Child),
}

impl Pipe {
    fn layout(&self, value: &Value<'_>) -> Result<Rc<Layout>, String> {
        if let Some(layout) = template_of(value) {
            return Ok(layout);
        }
        if !value.is_string() {
            return Err("the target of pipe is neither a template nor a name".to_owned());
        }
        let name = js::value_to_text(value.ctx(), value);
        let known = self.map.iter().find(|(known, _)| *known == name);
        let layout = known
            .map(|(_, layout)| layout.clone())
            .or_else(|| self.module.layout(&name));
        layout.ok_or_else(|| format!("pipeline '{name}' not found"))
    }

    /// The layouts of the target.
    fn layouts(&self, target: &Value<'_>) -> Result<Vec<Rc<Layout>>, String> {
        match target.as_list() {
            None => Ok(vec![self.layout(target)?]),
            Some(array) => array
                .iter::<Value>()
                .map(|item| match item {
                    Ok(item) => self.layout(&item),
                    Err(error) => Err(error.to_string()),
                })
                .collect(),
        }
    }

    fn decide(&mut self, cx: &mut Cx<'_>, event: &Event, out: &mut Out<'_>) -> Result<(), Reason> {
        let target = self.target.get(cx, (EventArg(event),), out)?;
        if js::is_nullish(&target) {
            return Ok(());
        }
        let layouts = match self.layouts(&target) {
            Ok(layouts) => layouts,
            Err(message) => {
                cx.fail(out, &message);
                return Ok(());
            }
        };
        let args = match &self.args {
            Some(args) => values_of(args, cx, event, out)?,
            None => Vec::new(),
        };
        self.way = match layouts.first().cloned() {
            None => Way::Through,
            Some(first) => {
                let chain = if target.is_array() {
                    Some(Rc::new(Chain {
                        layouts,
                        next: 1,
                        args: args.clone(),
                    }))
                } else {
                    out.instance().chain().cloned()
                };
                Way::Child(out.spawn_chained(&first, out.context(), 0, Args::Values(args), chain))
            }
        };
        Ok(())
    }
}

impl Filter for Pipe {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if let Way::Undecided = self.way
            && let Err(reason) = self.decide(cx, &event, out)
        {
            return out.end(reason);
        }
        if out.is_over() {
            return;
        }
        match &self.way {
            Way::Undecided => out.hold(&mut self.held, event),
            Way::Through => self.held.take().chain([event]).for_each(|event| out.emit(event)),
            Way::Child(child) => self.held.take().chain([event]).for_each(|event| out.feed(child, event)),
        }
    }

    fn reset(&mut self) {
        self.way = Way::Undecided;
        self.held.clear();
    }
}
