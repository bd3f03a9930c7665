//! The executable `naru`: picks the tool by program name or first argument.

fn main() {}
