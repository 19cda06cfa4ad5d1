//! Link options of the binary `pause`. Not for code generation: there is none.

fn main() {
    // The index for unwinding: a release of ours aborts on panic and never unwinds. 15 KB of file, 9 KB compressed.
    println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    println!("cargo::rerun-if-changed=build.rs");
}
