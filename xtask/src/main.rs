//! The project's one helper command.

fn main() {}
