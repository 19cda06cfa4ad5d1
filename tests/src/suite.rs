//! Tests that share what is too dear to start for each: a table of cases run one after the other by a test binary without a
//! harness of its own, printed as cargo's harness does, chosen by its words. Not for: tests that can stand alone.

#![expect(clippy::print_stdout, reason = "it is a test harness, and cargo's prints")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

/// A case: its name, and what it does with what all share.
pub type Case<T> = (&'static str, fn(&T));

/// What was asked for on the command line: parts of names, none for all.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Choice {
    words: Vec<String>,
    is_exact: bool,
    /// Only the names are wanted.
    pub is_list: bool,
}

impl Choice {
    /// Takes `--exact`, `--list` and words; options of cargo's harness that change nothing here are passed over.
    pub fn of(args: impl IntoIterator<Item = String>) -> Self {
        let mut choice = Self::default();
        for arg in args {
            match arg.as_str() {
                "--exact" => choice.is_exact = true,
                "--list" => choice.is_list = true,
                option if option.starts_with('-') => {}
                _ => choice.words.push(arg),
            }
        }
        choice
    }

    /// Is this case wanted?
    pub fn has(&self, name: &str) -> bool {
        self.words.is_empty()
            || self.words.iter().any(|word| {
                if self.is_exact {
                    name == word
                } else {
                    name.contains(word.as_str())
                }
            })
    }
}

/// How many passed, failed, and were not asked for.
#[derive(Debug, Default)]
pub struct Tally {
    passed: u32,
    failed: Vec<&'static str>,
    left_out: u32,
}

impl Tally {
    /// Runs one case if it is wanted; its panic is its failure.
    pub fn run(&mut self, choice: &Choice, name: &'static str, case: impl FnOnce()) {
        if !choice.has(name) {
            self.left_out += 1;
            return;
        }
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(case));
        let seconds = start.elapsed().as_secs_f64();
        if outcome.is_ok() {
            self.passed += 1;
            println!("test {name} ... ok");
        } else {
            self.failed.push(name);
            println!("test {name} ... FAILED");
        }
        println!("      ({seconds:.1} s)");
    }

    /// Prints the line of sums.
    pub fn finish(self) -> ExitCode {
        let word = if self.failed.is_empty() { "ok" } else { "FAILED" };
        let (passed, failed, left_out) = (self.passed, self.failed.len(), self.left_out);
        println!(
            "\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {left_out} filtered out"
        );
        ExitCode::from(u8::from(!self.failed.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_choose_and_options_do_not() {
        let choice = |args: &[&str]| Choice::of(args.iter().map(|arg| (*arg).to_owned()));
        assert!(choice(&[]).has("any") && choice(&["--nocapture"]).has("any"));
        assert!(choice(&["el"]).has("label") && !choice(&["el"]).has("pod"));
        assert!(!choice(&["--exact", "lab"]).has("label") && choice(&["--exact", "label"]).has("label"));
    }

    #[test]
    fn a_panic_fails_its_case_only() {
        let mut tally = Tally::default();
        let choice = Choice::default();
        tally.run(&choice, "one", || std::panic::resume_unwind(Box::new("no")));
        tally.run(&choice, "two", || {});
        assert_eq!((tally.passed, tally.failed.as_slice()), (1, &["one"][..]));
    }
}
