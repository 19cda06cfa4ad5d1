//! What `--help` and `--version` print; made from the table of options.

use super::flags::{FLAGS, Takes};
use std::fmt::Write;

/// The version line.
pub(super) fn version() -> String {
    format!("ballast {}\n", env!("CARGO_PKG_VERSION"))
}

/// Help of the binary.
pub(super) fn ballast() -> String {
    let mut text = "ballast agent      in a Pod, beside PID 1: runs the scripts that the Repo has for this Pod\n\
                    ballast run ...    runs scripts; see ballast run --help\n\
                    ballast container  entry point of the image `run`: scripts by environment\n\
                    ballast logs POD   what a Pod's agent has logged, by kubectl; see ballast logs --help\n\
                    ballast status POD what it runs\n\
                    ballast filters    what scripts can build pipelines of; ballast filters NAME shows one with examples\n\
                    ballast globals    the objects and functions that scripts see\n\
                    ballast --version\n\n\
                    Environment of ballast agent:\n"
        .to_owned();
    for (name, about) in super::agent::ENVIRONMENT {
        let _infallible = writeln!(text, "  {name:<20} {about}");
    }
    text.push_str("\nEnvironment of ballast container:\n");
    for (name, about) in super::container::ENVIRONMENT {
        let _infallible = writeln!(text, "  {name:<20} {about}");
    }
    text
}

/// Help of `run`, for who called it by this name.
pub(super) fn run(program: &str) -> String {
    let program = match program.rsplit('/').next() {
        Some("pipy") => "pipy",
        _ => "ballast run",
    };
    let mut text = format!(
        "{program} [options] [EXPRESSION | FILE | FOLDER | URL] [-- arguments]\n\n\
         FILE: runs it; FOLDER: runs its main.js; URL (http://host:port/path/): runs the codebase of a Repo;\n\
         anything else is script text. Values are given as --name=value only. Times in the log are UTC.\n\n"
    );
    for flag in FLAGS {
        let names = flag.names.join(", ");
        let left = match flag.takes {
            Takes::Nothing => names,
            Takes::Value(value) => format!("{names}={value}"),
        };
        let _infallible = writeln!(text, "  {left:<36} {}", flag.about);
    }
    let _infallible = write!(
        text,
        "\nExamples:\n\
         \x20 {program} proxy.js\n\
         \x20 {program} -e \"pipy().listen(8080).serveHTTP(new Message('hi'))\"\n\
         \x20 {program} http://repo:6060/repo/gateway/ --admin-port=6062\n\
         \x20 {program} --threads=max --reuse-port --watch-config-file proxy.js\n"
    );
    text
}

/// Names of all filters, one a line.
pub(super) fn filter_names() -> String {
    ballast_engine::filters()
        .iter()
        .map(|filter| format!("{}\n", filter.name))
        .collect()
}

/// All filters with arguments and what they do.
pub(super) fn filters() -> String {
    ballast_engine::filters()
        .iter()
        .map(|filter| format!("{}{}\n    {}\n", filter.name, filter.args, filter.about))
        .collect()
}
