//! What a topic's settings demand of a produced batch, and the codes for what goes wrong.

use model::ErrorCode;
use model::limits::DECOMPRESSED_BATCH_SIZE_MAX;
use records::{
    CheckedBatch, Codec, ProduceError, ProduceRules, Scratch, TimestampType, next_batch, recompress,
    validate_produce,
};

use crate::options::TopicSettings;
use crate::partitions::Partition;

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
    scratch: &mut Scratch,
    now_ms: i64,
) -> Result<Ready, ProduceError> {
    let rules = ProduceRules {
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
        decompressed_size_max: DECOMPRESSED_BATCH_SIZE_MAX,
    };
    let checked = validate_produce(batch, &rules, scratch)?;
    match &settings.codec {
        Some(codec) if codec.compression != checked.compression() => rewrite(batch, *codec, scratch),
        _ => Ok(Ready::InPlace(checked)),
    }
}

fn rewrite(batch: &[u8], codec: Codec, scratch: &mut Scratch) -> Result<Ready, ProduceError> {
    let corrupt = |message: String| ProduceError {
        code: ErrorCode::CORRUPT_MESSAGE,
        message,
        record_errors: Vec::new(),
    };
    let view = next_batch(batch).map_err(|error| corrupt(error.to_string()))?;
    let view = view.ok_or_else(|| corrupt("the batch is empty".to_owned()))?;
    let mut out = Vec::with_capacity(batch.len());
    recompress(&view, codec, scratch, DECOMPRESSED_BATCH_SIZE_MAX, &mut out)
        .map_err(|error| corrupt(error.to_string()))?;
    let rewritten = next_batch(&out).map_err(|error| corrupt(error.to_string()))?;
    let checked =
        rewritten.as_ref().map(CheckedBatch::own).ok_or_else(|| corrupt("the batch is empty".to_owned()))?;
    Ok(Ready::Rewritten(out, checked))
}
