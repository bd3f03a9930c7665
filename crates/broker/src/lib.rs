//! Runs the data path: frames in, responses out.
//!
//! In reading order: [`listeners`] accept, [`cores`] serve connections, `connection_loop` keeps their answers in
//! order, `dispatch` finds the handler, `handlers` answer, [`controller`] takes what only the controller may
//! decide, [`metadata_view`] is the cluster as seen here.

#![forbid(unsafe_code)]

pub mod broker;
mod connection_loop;
pub mod controller;
pub mod cores;
mod dispatch;
mod handlers;
pub mod listeners;
pub mod metadata_view;
pub mod options;
mod permissions;
mod producer_ids;
pub mod registration;
mod request;

pub use broker::{Broker, BrokerParts};
pub use dispatch::api_name;
