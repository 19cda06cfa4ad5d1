//! Collects the examples of the reference: the case folders of tests/script, each of which is also a test. So an example
//! that does not work fails the tests, and one that is missing is missed by them. And says how the file is linked.
#![allow(clippy::unwrap_used, reason = "a build script has nobody to report to but cargo")]

use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::fmt::Write;
use std::io::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    drop_unwind_tables(Path::new(&package));
    let cases = Path::new(&package).join("../../tests/script");
    println!("cargo::rerun-if-changed={}", cases.display());
    // A tenth of a megabyte of text that a Pod never reads: packed.
    let mut texts = DeflateEncoder::new(Vec::new(), Compression::best());
    let mut code = String::from("/// (group, name, case, bytes of its main.js), in the order of the folders.\n");
    code.push_str("static INDEX: &[(&str, &str, &str, usize)] = &[\n");
    for group in ["filters", "globals"] {
        for subject in folders(&cases.join(group)) {
            for case in folders(&subject) {
                if let Ok(text) = std::fs::read_to_string(case.join("main.js")) {
                    let (name, case) = (last(&subject), last(&case));
                    writeln!(code, "    ({group:?}, {name:?}, {case:?}, {}),", text.len()).unwrap();
                    texts.write_all(text.as_bytes()).unwrap();
                }
            }
        }
    }
    code.push_str("];\n");
    let out = std::env::var("OUT_DIR").unwrap();
    std::fs::write(Path::new(&out).join("examples.rs"), code).unwrap();
    std::fs::write(Path::new(&out).join("examples.deflate"), texts.finish().unwrap()).unwrap();
}

/// In the static release file a panic aborts once it has said where and why: tables to walk the stack with, which the C
/// library and Rust's bring along, would be 0.9 MB that nobody reads. A backtrace asked for by `RUST_BACKTRACE` is cut off.
fn drop_unwind_tables(package: &Path) {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|all| all.split(',').any(|one| one == value));
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_FEATURE", "crt-static") {
        let script = package.join("no-unwind.ld");
        println!("cargo::rerun-if-changed={}", script.display());
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
    }
}

/// The folders in `path`, sorted; none when it is not there (a source tree without its tests builds too).
fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    all.sort();
    all
}

fn last(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
