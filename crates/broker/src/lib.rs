//! Runs the data path: frames in, responses out.
//!
//! In reading order: [`listeners`] accept, [`cores`] serve connections, `connection_loop` keeps their answers in
//! order, `dispatch` finds the handler, `handlers` answer, [`controller`] takes what only the controller may
//! decide, `coordinators` host the deciders of groups, [`metadata_view`] is the cluster as seen here.

#![forbid(unsafe_code)]

pub mod broker;
mod clock;
mod connection_loop;
pub mod controller;
mod coordinators;
pub mod cores;
mod delayed;
pub mod directory_assignments;
mod dispatch;
mod dynamic_settings;
mod fetch_sessions;
mod handlers;
pub mod housekeeping;
pub mod listeners;
pub mod log_dirs;
pub mod metadata_view;
pub mod options;
mod partition_threads;
mod partitions;
mod permissions;
mod produce_check;
mod producer_ids;
mod quotas;
pub mod registration;
mod request;
mod seldom;
mod traffic;
mod wakeups;

pub use broker::{Broker, BrokerParts};
pub use coordinators::{GroupLag, PartitionLag, Rebalance, RebalanceCounts};
pub use dispatch::api_name;
pub use traffic::{CoreCounters, DataPathCounts, PartitionTraffic, TopicTraffic};
