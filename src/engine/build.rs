//! Packs the globals that are written in JavaScript (src/globals/embedded.rs): most scripts name few of them.
#![allow(clippy::unwrap_used, reason = "a build script has nobody to report to but cargo")]

use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::io::Write;
use std::path::Path;

fn main() {
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("src/globals");
    let out = std::env::var("OUT_DIR").unwrap();
    println!("cargo::rerun-if-changed={}", folder.display());
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "js") {
            let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
            packed.write_all(&std::fs::read(&path).unwrap()).unwrap();
            let name = Path::new(path.file_name().unwrap()).with_extension("deflate");
            std::fs::write(Path::new(&out).join(name), packed.finish().unwrap()).unwrap();
        }
    }
}
