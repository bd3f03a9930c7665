//! Groups and committed offsets as replicated state machines.
//!
//! A [`GroupShard`] is what one partition of `__consumer_offsets` amounts to. It reads no clock, no random source and no
//! file: time, ids and the cluster's topics are arguments, timers and answers are part of the [`Step`] that each decision
//! brings about. The host appends the records of a step, and once they are committed delivers its answers, sets its
//! timers and, where the step says so, comes back with [`GroupShard::stored`] or [`GroupShard::regexes_resolved`].

mod assignor;
mod group;
mod offsets;
mod record;
mod settings;
mod shard;
mod sorted;
mod step;
mod topics;

pub use assignor::Assignor;
pub use group::consumer::Resolution;
pub use offsets::CommittedOffset;
pub use record::{Record, RecordBytes};
pub use settings::{Bounded, ConsumerGroupSettings, GroupOverrides, GroupSettings, MigrationPolicy};
pub use shard::{Asker, GroupFilter, GroupProgress, GroupShard, LoadError, Owners};
pub use step::{Answer, GroupEvent, ReplyTo, ResolveRegexes, Step, Stored, Timer, TimerKey};
pub use topics::{Topic, TopicChanges, TopicView};
