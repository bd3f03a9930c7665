//! The store under the Raft library's own suite, lone nodes, three voters.

mod client;
mod format;
mod full_disk;
mod kafka_folder;
mod lone;
mod store_suite;
mod three;
