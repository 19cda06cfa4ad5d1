//! pause.
fn main() {}
