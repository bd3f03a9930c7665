//! Runs metadata decisions on the Raft library; the only crate that names it.
