//! The crate against batches made by Kafka's own classes, random records, and random damage.

mod allocations;
mod golden;
mod java;
mod listing;
mod properties;
