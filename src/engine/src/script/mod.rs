//! From source text to layouts: the classic dialects E1 and E2. Source: pipyjs/model.md 1.5 and 1.6.
//! Not for what filters do nor for opening ports: the worker starts what is described here.

mod chain;
mod config;
mod loader;
mod rewrite;

pub(crate) use config::{Root, RootKind, When};
pub(crate) use loader::Loader;
