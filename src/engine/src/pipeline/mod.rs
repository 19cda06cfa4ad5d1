//! Layouts, running pipelines, and the turn of the loop that moves events through them. Source: pipyjs/model.md 1.2.
//!
//! Order of effects is depth first without recursion: what a filter outputs goes on a LIFO run list, first output on
//! top, so each event runs all the way down before the next one starts (realm.rs). A filter is taken out of its slot
//! while it runs; a script that it calls can only queue work, never re-enter.

mod background;
mod cx;
mod filter;
mod given;
mod hold;
mod instance;
mod layout;
pub(crate) mod outbox;
mod pace;
mod pick;
mod realm;
mod rejections;
mod spawned;
mod tap;
mod task;
mod template;
mod turn;
mod waiting;

pub(crate) use background::{Background, Leave};
pub(crate) use cx::{Cx, EventArg};
pub(crate) use filter::{Build, Filter, Make, Out, Spec, Subs, Wake};
pub(crate) use given::Given;
pub(crate) use hold::Hold;
pub(crate) use instance::{Args, Chain, Child, Instance, Output, Port, Sink};
pub(crate) use layout::{FilterDef, Layout, Module, Modules, OnStart, Sub};
pub(crate) use pace::Pace;
pub(crate) use pick::{Pick, Which};
pub(crate) use realm::{Batch, Flush, Realm, Work, realm};
pub(crate) use spawned::{Feed, spawn_pipeline};
pub(crate) use tap::{Closed, Tap};
pub(crate) use task::{Task, spawn, timer};
pub(crate) use template::{Template, template_of};
pub(crate) use waiting::Waiting;
