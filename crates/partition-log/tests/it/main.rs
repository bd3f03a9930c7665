//! The log against the disk: appends and reads, crashes and damage, faults, Kafka's own files.

mod allocations;
mod basics;
mod beginnings;
mod damage;
mod faults;
mod flushing;
mod kafka_folder;
mod log_dirs;
mod model;
mod reserving;
mod support;
