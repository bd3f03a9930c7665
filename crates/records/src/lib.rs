//! Record batches: v2, legacy read, compression, checksums, control records.
//!
//! [`next_batch`] finds a [`BatchView`] in bytes, [`validate_produce`] judges one a client sent, [`stamp()`]
//! writes what a leader assigns, [`Scratch`] decompresses and iterates, [`BatchBuilder`] makes batches.
//! Nothing here knows topics or decides offsets, and nothing trusts a length it has not checked.

#![forbid(unsafe_code)]

mod attributes;
mod batch;
mod builder;
mod checksum;
mod compression;
mod control;
mod legacy;
mod recompress;
mod record;
mod scratch;
mod stamp;
mod validate;
pub mod varint;

pub use attributes::{Attributes, Compression, TimestampType};
pub use batch::{
    BATCH_HEADER_SIZE, BatchError, BatchView, Batches, Entry, LOG_OVERHEAD, add_sequence, batches,
    entry_size_and_magic, next_batch, next_entry,
};
pub use builder::{BatchBuilder, HeaderRef};
pub use checksum::{crc32, crc32c};
pub use compression::{Codec, DecompressError, compress};
pub use control::{ControlType, EndTxnMarker};
pub use legacy::LegacyView;
pub use recompress::recompress;
pub use record::{Headers, Record, Records};
pub use scratch::Scratch;
pub use stamp::{BatchStamp, stamp};
pub use validate::{CheckedBatch, Depth, ProduceError, ProduceRules, RecordError, validate_produce};
