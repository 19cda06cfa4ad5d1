//! From source text to layouts, in all dialects: E1 and E2 (classic), E3 (modules). Source: pipyjs/model.md 1.5, 1.6.
//! Not for what filters do nor for opening ports: the worker starts what is described here.

mod chain;
mod config;
mod draft;
mod esm;
mod fiber;
mod graph;
mod loader;
mod params;
mod rewrite;

pub(crate) use config::{Root, RootKind, When};
pub(crate) use loader::Loader;
