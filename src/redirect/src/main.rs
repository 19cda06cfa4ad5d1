//! `ballast-init`, an init container, and `ballast-cni`, a chained CNI plugin: one static file, told apart by the name that it
//! is called by (or `ballast-init cni`). Both redirect a Pod's TCP to the proxy in its infra container by nftables rules.
//! Not for: the proxy itself (scripts/features/proxy), nor for any process that stays.
//! Source: pods.md "Interception in the pod netns"; the CNI specification 1.0.0.
#![forbid(unsafe_code)]

mod cni;
mod error;
mod flags;
mod kernel;
mod netlink;
mod rules;
mod settings;

use flags::Action;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Bad usage.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    let arguments: Vec<OsString> = arguments.collect();
    let is_plugin = Path::new(&program)
        .file_name()
        .is_some_and(|name| name == "ballast-cni");
    if is_plugin || arguments.first().is_some_and(|first| first == "cni") {
        return cni::main();
    }
    match flags::parse(arguments) {
        Err(usage) => {
            complain(&usage);
            ExitCode::from(USAGE)
        }
        Ok(flags) => init(&flags),
    }
}

fn init(flags: &flags::Flags) -> ExitCode {
    let chains = rules::chains(&flags.settings);
    let done = match flags.action {
        Action::Help => Ok(flags::help()),
        Action::Version => Ok(format!("ballast-init {}\n", env!("CARGO_PKG_VERSION"))),
        Action::Print => Ok(rules::listing(&chains)),
        Action::Check => kernel::verify(&chains).map(|()| "table inet ballast: as it should be\n".to_owned()),
        Action::Remove => kernel::remove().map(|()| "table inet ballast: removed\n".to_owned()),
        Action::Load => kernel::load(&chains).map(|()| {
            let rules: usize = chains.iter().map(|chain| chain.rules.len()).sum();
            format!("table inet ballast: loaded, {rules} rules\n")
        }),
    };
    match done {
        Ok(text) => {
            // A closed stdout is the caller's choice.
            std::io::stdout().write_all(text.as_bytes()).ok();
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn complain(text: &str) {
    // Nobody to tell when stderr is closed.
    writeln!(std::io::stderr(), "ballast-init: {text}").ok();
}
