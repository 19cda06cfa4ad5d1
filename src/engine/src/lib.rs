//! PipyJS: events, pipelines, filters, globals, workers, reload.
//!
//! Layers, in this order; a module imports only those above it (checked by `cargo xtask tidy`). The one call upwards is
//! `js::Host`.
//!
//! - `limits`, `budget`, `series`, `metrics`: every bound; bytes held by a worker; metrics as values; counters
//! - `data`, `value`, `error`, `codebase`: bytes, kept script values, errors, the files of a version
//! - `event`, `message`: what flows
//! - `js`: the only door to QuickJS
//! - `pipeline`: layouts, running pipelines, the turn of the loop
//! - `net`: listeners, connections, TLS, DNS
//! - `session`: what the mux and demux families share
//! - `filters`, `globals`: the tables of what scripts use
//! - `script`: from source text to layouts
//! - `worker`: threads, start, reload, drain

mod budget;
mod codebase;
mod data;
mod error;
mod event;
mod filters;
mod globals;
mod js;
mod limits;
mod message;
mod metrics;
mod net;
mod pipeline;
mod script;
mod series;
mod session;
mod value;
mod worker;

/// Frames of WebSockets, for the owner's own ports.
pub use ballast_codec::{Chunks, websocket};
pub use codebase::Codebase;
pub use error::{Error, ScriptError};
pub use filters::{FilterInfo, filters};
pub use globals::{GlobalInfo, globals};
pub use limits::ScriptLimits;
pub use metrics::{Blame, Counters};
pub use series::{Metric, MetricKind, Series};
pub use worker::{
    AdminAnswer, AdminRequest, Collector, Engine, Graph, GraphFilter, KeepLine, LogSink, Notice, Options, Status,
};
