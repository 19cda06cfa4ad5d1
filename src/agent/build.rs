//! Collects the examples of the reference: the case folders of tests/script, each of which is also a test. So an example
//! that does not work fails the tests, and one that is missing is missed by them.
#![allow(clippy::unwrap_used, reason = "a build script has nobody to report to but cargo")]

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() {
    let cases = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../tests/script");
    println!("cargo::rerun-if-changed={}", cases.display());
    let mut code = String::from("/// (group, name, case, text of its main.js), in the order of the folders.\n");
    code.push_str("pub(super) static EXAMPLES: &[(&str, &str, &str, &str)] = &[\n");
    for group in ["filters", "globals"] {
        for subject in folders(&cases.join(group)) {
            for case in folders(&subject) {
                let main = case.join("main.js");
                if let Ok(main) = main.canonicalize() {
                    let (name, case) = (last(&subject), last(&case));
                    writeln!(code, "    ({group:?}, {name:?}, {case:?}, include_str!({main:?})),").unwrap();
                }
            }
        }
    }
    code.push_str("];\n");
    std::fs::write(Path::new(&std::env::var("OUT_DIR").unwrap()).join("examples.rs"), code).unwrap();
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
