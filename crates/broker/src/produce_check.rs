//! What a topic's settings demand of a produced batch, and the codes for what goes wrong.

use model::ErrorCode;
use model::limits::DECOMPRESSED_BATCH_SIZE_MAX;
use parking_lot::Mutex;
use records::{
    CheckedBatch, Codec, DecompressError, ProduceError, ProduceRules, Scratch, TimestampType, next_batch,
    recompress, validate_produce,
};

use crate::options::TopicSettings;
use crate::partitions::Partition;

/// Bytes to which a batch may unpack on every core at the same time. Larger ones take turns, so that few bytes which
/// unpack to many cost their memory once and not once a core.
const UNPACKED_SIDE_BY_SIDE_MAX: usize = 8 * 1024 * 1024;

/// Memory to unpack batches in.
pub struct Unpacking<'s> {
    /// The core's own, kept from request to request.
    pub own: &'s mut Scratch,
    /// For one large batch at a time; emptied now and then.
    pub shared: &'s Mutex<Scratch>,
}

/// A batch that may be appended.
pub enum Ready {
    /// As the producer sent it.
    InPlace(CheckedBatch),
    /// Written again under the topic's compression.
    Rewritten(Vec<u8>, CheckedBatch),
}

/// Checks the records that a request holds for one partition.
pub fn check(
    partition: &Partition,
    settings: &TopicSettings,
    produce_version: i16,
    batch: &[u8],
    unpacking: &mut Unpacking<'_>,
    now_ms: i64,
) -> Result<Ready, ProduceError> {
    let rules = rules(partition, settings, produce_version, now_ms);
    match check_within(&rules, settings, batch, unpacking.own) {
        // The batch itself may be too large as well: then this is found again at once.
        Err(error) if error.code == ErrorCode::MESSAGE_TOO_LARGE => {
            let rules = ProduceRules { decompressed_size_max: DECOMPRESSED_BATCH_SIZE_MAX, ..rules };
            let mut shared = unpacking.shared.lock();
            shared.reserve(DECOMPRESSED_BATCH_SIZE_MAX);
            check_within(&rules, settings, batch, &mut shared)
        }
        outcome => outcome,
    }
}

fn rules<'p>(
    partition: &'p Partition,
    settings: &TopicSettings,
    produce_version: i16,
    now_ms: i64,
) -> ProduceRules<'p> {
    ProduceRules {
        place: partition.log.name(),
        batch_size_max: settings.batch_bytes_max,
        compacted: settings.compacts,
        timestamp_type: if settings.log.log_append_time {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        },
        timestamp_before_max_ms: settings.timestamp_before_max_ms,
        timestamp_after_max_ms: settings.timestamp_after_max_ms,
        now_ms,
        produce_version,
        depth: settings.depth,
        decompressed_size_max: UNPACKED_SIDE_BY_SIDE_MAX,
    }
}

fn check_within(
    rules: &ProduceRules<'_>,
    settings: &TopicSettings,
    batch: &[u8],
    scratch: &mut Scratch,
) -> Result<Ready, ProduceError> {
    let checked = validate_produce(batch, rules, scratch)?;
    match &settings.codec {
        Some(codec) if codec.compression != checked.compression() => {
            rewrite(batch, *codec, scratch, rules.decompressed_size_max)
        }
        _ => Ok(Ready::InPlace(checked)),
    }
}

fn rewrite(
    batch: &[u8],
    codec: Codec,
    scratch: &mut Scratch,
    unpacked_max: usize,
) -> Result<Ready, ProduceError> {
    let corrupt = |message: String| ProduceError {
        code: ErrorCode::CORRUPT_MESSAGE,
        message,
        record_errors: Vec::new(),
    };
    let view = next_batch(batch).map_err(|error| corrupt(error.to_string()))?;
    let view = view.ok_or_else(|| corrupt("the batch is empty".to_owned()))?;
    let mut out = Vec::with_capacity(batch.len());
    recompress(&view, codec, scratch, unpacked_max, &mut out).map_err(|error| match error {
        DecompressError::TooLarge => {
            ProduceError { code: ErrorCode::MESSAGE_TOO_LARGE, ..corrupt(error.to_string()) }
        }
        other => corrupt(other.to_string()),
    })?;
    let rewritten = next_batch(&out).map_err(|error| corrupt(error.to_string()))?;
    let checked =
        rewritten.as_ref().map(CheckedBatch::own).ok_or_else(|| corrupt("the batch is empty".to_owned()))?;
    Ok(Ready::Rewritten(out, checked))
}
