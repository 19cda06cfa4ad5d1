//! The figures that the project answers for, each beside its peer in the same run. `cargo xtask bench` runs this.
//! Not for: pass or fail of behaviour (the tests do that), though a figure beyond its budget ends the run with status 1.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod http2;
mod memory;
mod proxy;
mod reactions;
mod reload;
mod table;
mod tls;

use std::process::ExitCode;

fn main() -> ExitCode {
    // `cargo bench` passes its own flags; words among them choose tables: `cargo xtask bench`, or -- memory.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    let mut missed = 0;
    if wanted("memory") {
        missed += memory::run().print();
    }
    if wanted("reactions") {
        missed += reactions::run().print();
    }
    if wanted("proxy") {
        missed += proxy::run().print();
    }
    if wanted("http2") {
        missed += http2::run().print();
    }
    if wanted("reload") {
        missed += reload::run().print();
    }
    if wanted("tls") {
        missed += tls::run().print();
    }
    if missed > 0 {
        println!("{missed} figures are beyond their budget");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
