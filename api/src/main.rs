//! Postlens.
fn main() {}
