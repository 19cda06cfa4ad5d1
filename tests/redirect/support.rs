//! What the tests here share: our binary in a network namespace, and nft beside it.

use std::process::Command;
use std::time::Duration;

use ballast_tests::{Netns, bin, process};

/// Longest run of a program that does one thing.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What a program printed (stdout and stderr), and its exit code.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) text: String,
}

/// `ballast-init` with these words in this namespace.
#[track_caller]
pub(crate) fn init(netns: &Netns, words: &str) -> Said {
    let mut command = netns.command(bin("ballast-init").to_str().expect("a UTF-8 path"));
    command.args(words.split_whitespace());
    said(command)
}

/// `nft` with these words; it must succeed.
#[track_caller]
pub(crate) fn nft(netns: &Netns, words: &str) -> String {
    let mut command = netns.command("nft");
    command.args(words.split_whitespace());
    let said = said(command);
    assert_eq!(said.code, 0, "nft {words} (package nftables): {}", said.text);
    said.text
}

/// Runs it to its end.
#[track_caller]
pub(crate) fn said(mut command: Command) -> Said {
    let (status, text) = process::run("a program of a test", &mut command, DEADLINE).expect("it ends");
    Said {
        code: status.code().unwrap_or(-1),
        text,
    }
}
