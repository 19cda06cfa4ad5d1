//! `chain(['a.js', 'b.js'])`: through the entrances of modules, each of which goes on to the next with `chain()`.
//! Example: `.chain(config.plugins)`. Source: pipyjs/model.md 1.5.2.

use super::pipe::values_of;
use crate::event::{Event, Reason};
use crate::js::{self, List};
use crate::pipeline::{Args, Build, Chain as Rest, Child, Cx, Filter, Given, Make, Out, Spec, Sub, Subs, realm};
use rquickjs::Value;
use std::rc::Rc;

pub(super) static CHAIN: Spec = Spec {
    name: "chain",
    args: "(files?)",
    about: "passes the stream through the entrances of modules, or goes on to the next one",
    subs: Subs::None,
    build: make,
};

fn make(build: &mut Build<'_, '_>) -> js::Result<Make> {
    let files = build.arg(0);
    if js::is_nullish(&files) {
        return Ok(Rc::new(|| Box::new(Next::new(None))));
    }
    let entrances: Rc<[Sub]> = modules(build, 0)?
        .iter()
        .map(|module| {
            let sub = Sub::default();
            module.enter_later(sub.clone());
            sub
        })
        .collect();
    Ok(Rc::new(move || {
        Box::new(Chain {
            entrances: entrances.clone(),
            child: None,
        })
    }))
}

/// Loads the modules of the files in an argument.
///
/// # Errors  Throws when it is no array of paths, or when a module cannot be loaded.
pub(super) fn modules<'js>(build: &Build<'_, 'js>, index: usize) -> js::Result<Vec<Rc<crate::pipeline::Module>>> {
    let files = build.arg(index);
    let files = files
        .as_list()
        .ok_or_else(|| build.expects(index, "an array of file names"))?;
    let modules = realm(build.ctx)
        .modules()
        .ok_or_else(|| js::throw_error(build.ctx, "modules can only be used while scripts load"))?;
    let mut loaded = Vec::new();
    for file in files.iter::<Value>() {
        let file = file?;
        let Some(path) = file.as_string() else {
            return Err(build.expects(index, "an array of file names"));
        };
        loaded.push(modules.module(build.ctx, &path.to_string()?)?);
    }
    Ok(loaded)
}

/// Starts a chain.
struct Chain {
    entrances: Rc<[Sub]>,
    child: Option<Child>,
}

impl Filter for Chain {
    fn process(&mut self, _cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        let Some(first) = self.entrances.first() else {
            return out.emit(event);
        };
        let child = self.child.get_or_insert_with(|| {
            let rest = Rest {
                layouts: self.entrances.iter().map(Sub::get).collect(),
                next: 1,
                args: Vec::new(),
            };
            out.spawn_chained(&first.get(), out.context(), 0, Args::None, Some(Rc::new(rest)))
        });
        out.feed(child, event);
    }

    fn reset(&mut self) {
        self.child = None;
    }
}

/// Goes on with the chain that the pipeline runs in; after its last module events pass through.
pub(super) struct Next {
    /// Start arguments in the place of the chain's.
    args: Option<Given>,
    child: Option<Child>,
}

impl Next {
    /// For the next pipeline, which starts with these arguments, or with those of the chain.
    pub(super) fn new(args: Option<Given>) -> Self {
        Next { args, child: None }
    }

    fn start(&mut self, cx: &mut Cx<'_>, event: &Event, out: &mut Out<'_>) -> Result<(), Reason> {
        if self.child.is_none()
            && let Some(chain) = out.instance().chain().cloned()
            && let Some(layout) = chain.layouts.get(chain.next)
        {
            let args = match &self.args {
                Some(args) => values_of(args, cx, event, out)?,
                None => chain.args.clone(),
            };
            let rest = Rest {
                layouts: chain.layouts.clone(),
                next: chain.next + 1,
                args: chain.args.clone(),
            };
            let args = Args::Values(args);
            self.child = Some(out.spawn_chained(layout, out.context(), 0, args, Some(Rc::new(rest))));
        }
        Ok(())
    }
}

impl Filter for Next {
    fn process(&mut self, cx: &mut Cx<'_>, event: Event, out: &mut Out<'_>) {
        if let Err(reason) = self.start(cx, &event, out) {
            return out.end(reason);
        }
        match &self.child {
            Some(child) => out.feed(child, event),
            None => out.emit(event),
        }
    }

    fn reset(&mut self) {
        self.child = None;
    }
}
