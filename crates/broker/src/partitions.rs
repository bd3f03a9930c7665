//! The partitions this broker holds: found by topic name or id, appended to inline, read without a lock.

mod append_queue;
mod apply;
mod partition;
mod recovery;
mod registry;

pub use append_queue::AppendTicket;
pub use apply::apply_image;
pub use partition::{Partition, PartitionCounters};
pub use recovery::{Recovered, recover};
pub use registry::Registry;
