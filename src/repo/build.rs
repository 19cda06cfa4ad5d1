//! Embeds the scripts that every Pod inherits: all .js and .json files of scripts/ at the top of the repository, as a list of
//! path and bytes that `seed.rs` includes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let scripts = manifest.join("../../scripts");
    let mut files = Vec::new();
    collect(&scripts, "", &mut files);
    files.sort();
    let mut text = String::from("&[\n");
    for (path, file) in files {
        writeln!(text, "    ({path:?}, include_bytes!({file:?})),").expect("text grows");
    }
    text.push_str("]\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it")).join("scripts.rs");
    std::fs::write(&out, text).unwrap_or_else(|e| panic!("write {}: {e}", out.display()));
    println!("cargo:rerun-if-changed={}", scripts.display());
}

fn collect(folder: &Path, below: &str, files: &mut Vec<(String, String)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let (path, file) = (format!("{below}/{name}"), entry.path());
        if file.is_dir() {
            collect(&file, &path, files);
        } else if name.ends_with(".js") || name.ends_with(".json") {
            let file = file.canonicalize().unwrap_or(file);
            files.push((path, file.display().to_string()));
        }
    }
}
