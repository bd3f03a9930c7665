//! Groups by the protocol their members speak.

pub mod classic;
