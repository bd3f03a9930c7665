//! The partitions this broker holds: found by topic name or id, appended to inline, read without a lock.

mod append;
mod append_queue;
mod append_watch;
mod apply;
mod durability;
mod partition;
mod recovery;
mod registry;

pub use append_queue::AppendTicket;
pub use append_watch::AppendWatch;
pub use apply::apply_image;
pub(crate) use partition::FlushBegun;
pub use partition::{Partition, PartitionCounters};
pub use recovery::{Recovered, recover};
pub use registry::Registry;
