//! What benchmarks and campaigns of faults do to the machine before they judge anything by time.

mod primed;

pub use primed::Primed;
