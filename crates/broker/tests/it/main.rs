//! The broker's data path over real sockets: what `docs` and ARCHITECTURE.md promise of it, promise by promise.

mod child;
mod client;
mod disk;
mod node;

mod allocations;
mod appends;
mod clock_jumps;
mod consumer_groups;
mod costs;
mod flushing;
mod group_commits;
mod group_loading;
mod groups;
mod listeners;
mod log_dirs;
mod long_poll;
mod many_partitions;
mod memory;
mod pipelining;
mod quotas;
mod refused_groups;
mod registration;
mod segments;
mod sending;
mod settings;
mod traffic;
mod upkeep;
