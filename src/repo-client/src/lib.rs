//! What agent, controller and Repo share: the types of a codebase and of `pod.json`, the rules for names and paths, every
//! bound on what crosses the wire, and the HTTP client of the Repo. Not for: serving or storing codebases (`ballast-repo`),
//! deriving them from Pods (`ballast-derive`). Source: the Repo's HTTP protocol, sections 1 to 4.
//!
//! - [`Worker`]: the reading side, rooted at one codebase: [`Worker::poll`], [`Worker::fetch_all`], [`Worker::post_status`],
//!   [`Worker::open_link`]
//! - [`Writer`]: the editing side, rooted at one Repo: create, upload, commit, publish in place, delete;
//!   [`Writer::put`] brings a derived codebase to what it is to be
//! - [`pod`]: the document `/config/pod.json` of a Pod's codebase
//! - [`path`]: which names and paths are allowed
//!
//! The client starts no thread and keeps one connection; it runs on a `current_thread` runtime. The process must have
//! installed a rustls crypto provider (in `main`) before it makes a client.

#![forbid(unsafe_code)]

mod client;
mod error;
pub mod limits;
pub mod path;
pub mod pod;
mod publish;
mod snapshot;
mod worker;
mod writer;

pub use client::{Options, Resolve, Resolving, without_credentials};
pub use error::Error;
pub use publish::{Published, Target};
/// The connection of an admin link.
pub use reqwest::Upgraded;
pub use snapshot::{FileVersion, Snapshot};
pub use worker::{Poll, Polled, Version, Worker};
pub use writer::{Info, Registration, Registrations, Upload, Writer};
