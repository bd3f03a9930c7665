//! What hostile clients send: frames that follow from a seed, and where they come from.

mod batches;
mod frames;
mod mutation;

pub use frames::{Frames, Kind};
