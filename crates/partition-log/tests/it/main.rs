//! The log against the disk: appends and reads, crashes and damage, faults, Kafka's own files.

mod basics;
mod support;
