//! The file that goes into images, and its command line.

use std::process::Command;

use ballast_tests::bin;
use ballast_tests::sandbox::Spec;

use crate::{memory_kib, settled};

/// Bytes of the shipped file when this was written; a change of more than 5 % is to be argued where this is changed.
const RECORDED_BYTES: u64 = 1_118_128;

#[test]
fn the_file_is_static_and_small() {
    let file = std::fs::read(bin("pause")).unwrap();
    let bytes = file.len() as u64;
    assert!(bytes <= 1_200_000, "{bytes} bytes");
    assert!(
        bytes.abs_diff(RECORDED_BYTES) * 20 <= RECORDED_BYTES,
        "{bytes} bytes, recorded: {RECORDED_BYTES}"
    );
    let packed = Command::new("gzip").arg("-9c").arg(bin("pause")).output().unwrap();
    assert!(
        packed.status.success() && packed.stdout.len() <= 500 << 10,
        "{} bytes compressed",
        packed.stdout.len()
    );
    // ELF64 program headers: offset at 32, size at 54, number at 56; a type of 3 asks for an interpreter (elf(5)).
    let number = |at: usize, bytes: usize| {
        file[at..at + bytes]
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | usize::from(*byte))
    };
    assert_eq!(&file[..5], b"\x7fELF\x02");
    for header in 0..number(56, 2) {
        assert_ne!(
            number(number(32, 8) + header * number(54, 2), 4),
            3,
            "program header {header} names an interpreter"
        );
    }
}

#[test]
fn v_in_any_case_and_place_prints_the_version() {
    for args in [&["-v"][..], &["-V"], &["x", "-v"], &["--other", "x", "-V", "y"]] {
        let done = Command::new(bin("pause")).args(args).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{args:?}");
        let output = String::from_utf8(done.stdout).unwrap();
        let version = output
            .trim()
            .strip_prefix("pause ")
            .unwrap_or_else(|| panic!("{args:?}: {output:?}"));
        assert!(
            version.split('.').count() == 3 && version.starts_with(|c: char| c.is_ascii_digit()),
            "{output}"
        );
    }
}

#[test]
fn pid_1_is_small() {
    let sandbox = Spec::new(&bin("pause")).start();
    settled(&sandbox);
    let [anonymous, rss] = ["Anonymous", "Rss"].map(|key| memory_kib(sandbox.init(), key));
    println!("PID 1: {anonymous} KiB anonymous, {rss} KiB in all");
    assert!(anonymous <= 100, "{anonymous} KiB anonymous");
    assert!(rss <= 1200, "{rss} KiB in all");
}
