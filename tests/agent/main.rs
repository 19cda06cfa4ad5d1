//! The binary `ballast` from outside: its command line, and its life as the agent of a Pod beside a real `ballast-repo`.
//! Sources: pipyjs/cli.md, repo.md 1 and 5; design.md 3 and 4; issue 3 items 5 and Tests.

#![forbid(unsafe_code)]

mod admin;
mod admin_log;
mod admin_pipelines;
mod admin_tls;
mod container;
mod elsewhere;
mod errors;
mod hostile_scripts;
mod library;
mod life;
mod link;
mod metrics;
mod plain;
mod proxy;
mod reload;
mod remote;
mod run;
mod script_limits;
mod signals;
mod stuck_log;
mod support;
