//! Every bound that input is held to, in one place.

/// Longest topic name; with `-<partition>` a folder name stays below 255 bytes.
pub const TOPIC_NAME_LENGTH_MAX: usize = 249;

/// Most elements one array of a request may announce.
pub const ARRAY_ELEMENTS_MAX: usize = 1_000_000;

/// Most elements all arrays of one request may hold together, nested ones included.
pub const MESSAGE_ELEMENTS_MAX: usize = 2_000_000;

/// Elements for which room is made before the first one has been decoded.
pub const ARRAY_FIRST_ALLOCATION_MAX: usize = 1_000;

/// Most fields in one tag section.
pub const TAGGED_FIELDS_MAX: usize = 10_000;

/// Most partitions one topic may have, by creation or growth.
pub const TOPIC_PARTITIONS_MAX: i32 = 100_000;

/// Most a batch may grow when decompressed, in bytes, unless the caller knows a smaller bound.
pub const DECOMPRESSED_BATCH_SIZE_MAX: usize = 128 * 1024 * 1024;

/// Most bytes of a packet to the ZooKeeper listener; ZooKeeper's `jute.maxbuffer`.
pub const ZOOKEEPER_FRAME_BYTES_MAX: usize = 0xfffff;

/// Most bytes of a packet that a ZooKeeper client takes from a server; that of ZooKeeper's own client.
pub const ZOOKEEPER_REPLY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Most connections to the ZooKeeper listener at a time; ZooKeeper's `maxClientCnxns`.
pub const ZOOKEEPER_CONNECTIONS_MAX: usize = 60;

/// Most bytes that the watches of one ZooKeeper client may take.
pub const ZOOKEEPER_WATCHES_BYTES_MAX: usize = 1024 * 1024;
