//! The layouts that run, as people and the admin port see them. Made on demand, from what the loader has bound; nothing of
//! it is on the way of an event. Source: pipyjs/repo.md 1.2 (`modules`), cli.md section 2 (`--no-graph`).

use crate::pipeline::Layout;
use std::rc::Rc;

/// Sub-pipelines in one another that are shown; deeper ones are left out.
const DEPTH: usize = 16;

/// A pipeline that something outside starts, or a sub-pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Path of the module that made it.
    pub module: String,
    /// What starts it (`listen 0.0.0.0:8000`, `task 5s`), or the name of a layout.
    pub name: String,
    /// Its filters in order.
    pub filters: Vec<GraphFilter>,
}

/// A filter of a [`Graph`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphFilter {
    /// Its name in scripts.
    pub name: &'static str,
    /// What `.to(...)` gave it.
    pub sub: Option<Graph>,
}

/// The graph of a layout.
pub(super) fn graph(name: String, layout: &Rc<Layout>) -> Graph {
    at(name, layout, 0)
}

fn at(name: String, layout: &Rc<Layout>, depth: usize) -> Graph {
    let filters = layout.filters.borrow();
    let filters = filters.iter().map(|def| {
        let sub = def.sub.as_ref().and_then(|sub| sub.layout()).filter(|_| depth < DEPTH);
        GraphFilter {
            name: def.name,
            // Layouts may name one another: DEPTH ends that.
            sub: sub.map(|layout| at(layout.name.clone(), &layout, depth + 1)),
        }
    });
    Graph {
        module: layout.module.path.clone(),
        name,
        filters: filters.collect(),
    }
}

impl std::fmt::Display for Graph {
    /// One line a pipeline or filter, sub-pipelines drawn below their filter.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}] {}", self.module, self.name)?;
        lines(self, "  ", f)
    }
}

fn lines(graph: &Graph, indent: &str, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    let last = graph.filters.len().saturating_sub(1);
    for (index, filter) in graph.filters.iter().enumerate() {
        let (branch, below) = if index == last {
            ("└─", "  ")
        } else {
            ("├─", "│ ")
        };
        write!(f, "\n{indent}{branch} {}", filter.name)?;
        if let Some(sub) = &filter.sub {
            if !sub.name.is_empty() {
                write!(f, " → {}", sub.name)?;
            }
            lines(sub, &format!("{indent}{below} "), f)?;
        }
    }
    Ok(())
}
