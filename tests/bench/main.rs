//! The figures that the project answers for, each beside its peer in the same run. `cargo xtask bench` runs this.
//! Not for: pass or fail of behaviour (the tests do that), though a figure beyond its budget ends the run with status 1.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod admission;
mod connections;
mod forwarder;
mod http1;
mod http2;
mod load;
mod memory;
mod peers;
mod pod_start;
mod reactions;
mod relay;
mod reload;
mod table;
mod tls;
mod transparent;

use std::process::ExitCode;
use table::Table;

/// Measures, and gives what it found.
type Run = fn() -> Table;

/// Tables by the words that choose them.
const TABLES: &[(&str, Run)] = &[
    ("memory", memory::run),
    ("reactions", reactions::run),
    ("start", connections::start),
    ("pod-start", pod_start::run),
    ("proxy", http1::proxy),
    ("hello", http1::hello),
    ("http2", http2::run),
    ("relay", relay::run),
    ("idle", connections::idle),
    ("threads", connections::threads),
    ("admission", admission::run),
    ("reload", reload::run),
    ("tls", tls::run),
    ("transparent", transparent::run),
];

fn main() -> ExitCode {
    // `cargo bench` passes its own flags; words among them choose tables: `cargo xtask bench`, or -- memory.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if let [name, port, upstream] = &words[..]
        && name == "forwarder"
    {
        let number = |word: &String| word.parse().expect("a port");
        let ended = forwarder::run(number(port), number(upstream));
        println!("the forwarder ended: {ended:?}");
        return ExitCode::FAILURE;
    }
    let mut missed = 0;
    for (name, table) in TABLES {
        if words.is_empty() || words.iter().any(|word| word == name) {
            missed += table().print();
        }
    }
    if missed > 0 {
        println!("{missed} figures are beyond their budget");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
