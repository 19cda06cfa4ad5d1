//! `cargo xtask STEP`: everything that is done with this repository, the same on every desk and in CI.
//! Not for: what a step does (one file each); this file only finds the step, prints help and maps errors to exit codes.

#![forbid(unsafe_code)]

mod arch;
mod bench;
mod build;
mod cargo_deny;
mod ci;
mod cluster;
mod console;
mod demo;
mod fuzz;
mod generate;
mod images;
mod interrupt;
mod kubernetes;
mod peers;
mod prereq;
mod profile;
mod registries;
mod scale;
mod size;
mod soak;
mod test;
mod tidy;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

/// Exit code for a bad command line (EX_USAGE of sysexits.h); 0 is success, 1 a failed step.
const EXIT_USAGE: u8 = 64;

/// A word on the command line that a step does not know.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// One thing that can be asked for.
struct Step {
    name: &'static str,
    about: &'static str,
    help: &'static str,
    run: fn(lexopt::Parser) -> anyhow::Result<()>,
}

/// In the order in which a newcomer needs them.
const STEPS: &[Step] = &[
    Step {
        name: "demo",
        about: "the main job from nothing, with proof",
        help: demo::HELP,
        run: demo::run,
    },
    Step {
        name: "cluster",
        about: "a Kubernetes cluster with our parts, until Ctrl-C",
        help: cluster::HELP,
        run: cluster::run,
    },
    Step {
        name: "test",
        about: "every test, set-up included",
        help: test::HELP,
        run: test::run,
    },
    Step {
        name: "ci",
        about: "what CI runs: all checks, then every test",
        help: ci::HELP,
        run: ci::run,
    },
    Step {
        name: "build",
        about: "the static binaries, into target/bin",
        help: build::HELP,
        run: build::run,
    },
    Step {
        name: "images",
        about: "the container images, into target/images",
        help: images::HELP,
        run: images::run,
    },
    Step {
        name: "gen",
        about: "files that are made from others, anew",
        help: generate::HELP,
        run: generate::run,
    },
    Step {
        name: "registries",
        about: "the real registries of the tests, by Maven",
        help: registries::HELP,
        run: registries::run,
    },
    Step {
        name: "peers",
        about: "the peers of tests that are Go programs",
        help: peers::HELP,
        run: peers::run,
    },
    Step {
        name: "kubernetes",
        about: "the parts of Kubernetes that tests start a cluster from",
        help: kubernetes::HELP,
        run: kubernetes::run,
    },
    Step {
        name: "bench",
        about: "figures beside nginx and haproxy",
        help: bench::HELP,
        run: bench::run,
    },
    Step {
        name: "profile",
        about: "by what the release build makes ballast fast and small",
        help: profile::HELP,
        run: profile::run,
    },
    Step {
        name: "scale",
        about: "the controller with 10,000 Pods",
        help: scale::HELP,
        run: scale::run,
    },
    Step {
        name: "soak",
        about: "mixed load with reloads, for half an hour",
        help: soak::HELP,
        run: soak::run,
    },
    Step {
        name: "fuzz",
        about: "open-ended fuzzing of the codecs",
        help: fuzz::HELP,
        run: fuzz::run,
    },
    Step {
        name: "tidy",
        about: "the layout rules of the repository",
        help: tidy::HELP,
        run: tidy::run,
    },
    Step {
        name: "deny",
        about: "licences, sources and duplicates of dependencies",
        help: cargo_deny::HELP,
        run: cargo_deny::run,
    },
    Step {
        name: "size",
        about: "binaries and image against their budgets",
        help: size::HELP,
        run: size::run,
    },
];

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let Some(name) = words.next() else {
        console::plain(&overview());
        return ExitCode::from(EXIT_USAGE);
    };
    if ["help", "--help", "-h"].iter().any(|word| name == *word) {
        console::plain(&overview());
        return ExitCode::SUCCESS;
    }
    let Some(step) = STEPS.iter().find(|step| name == step.name) else {
        console::plain(&format!("unknown step {name:?}\n\n{}", overview()));
        return ExitCode::from(EXIT_USAGE);
    };
    let rest: Vec<OsString> = words.collect();
    if rest.iter().any(|word| word == "--help" || word == "-h") {
        console::plain(&format!(
            "cargo xtask {}: {}\n\n{}",
            step.name,
            step.about,
            step.help.trim_end()
        ));
        return ExitCode::SUCCESS;
    }
    interrupt::watch();
    let result = (step.run)(lexopt::Parser::from_args(rest));
    interrupt::sweep();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Usage>() || error.is::<lexopt::Error>() => {
            console::plain(&format!("{error}; see `cargo xtask {} --help`", step.name));
            ExitCode::from(EXIT_USAGE)
        }
        Err(error) => {
            // The tests' own last line is a summary, and must stay the last.
            if !error.is::<test::Failed>() {
                console::plain(&format!("xtask {} failed: {error:#}", step.name));
            }
            ExitCode::FAILURE
        }
    }
}

fn overview() -> String {
    let mut text = String::from("cargo xtask STEP [--help]\n\n");
    for step in STEPS {
        text.push_str(&format!("  {:<11} {}\n", step.name, step.about));
    }
    text.push_str("\nExit codes: 0 done, 1 failed, 64 bad usage.");
    text
}

/// Fails on the first word that is left.
///
/// # Errors
/// [`Usage`].
pub(crate) fn no_arguments(mut parser: lexopt::Parser) -> anyhow::Result<()> {
    match parser.next()? {
        None => Ok(()),
        Some(arg) => Err(arg.unexpected().into()),
    }
}
