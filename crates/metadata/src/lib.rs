//! What the cluster agrees on: metadata records, the image, controller decisions, placement.
//!
//! [`Image`] is what all records so far amount to; [`Image::apply`] is the only thing that changes one.
//! [`controller::handle`] decides a request against an image: records to append and an answer. Deciders read no
//! clock, no random source, no file: what they need stands in [`DecisionContext`].

mod bootstrap;
mod context;
pub mod controller;
pub mod decide;
pub mod directory;
pub mod image;
mod partition_change;
mod placement;
pub mod quota;
mod record;
pub mod scram;

/// Static settings, which deciders read through [`DecisionContext`].
pub use config::StaticSettings;

pub use bootstrap::{KNOWN_FEATURES, KnownFeature, QUORUM_FEATURE, bootstrap_records, feature_records};
pub use context::{BrokerSessions, Decision, DecisionContext, Random};
pub use controller::{ControllerError, ControllerRequest, ControllerResponse};
pub use decide::MutationPermits;
pub use decide::create_topics::invalid_topic_message;
pub use image::{ApplyError, Image, Replay, to_records};
pub use placement::{PlacementError, Placer};
pub use record::VersionedRecord;
