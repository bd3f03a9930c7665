//! Control records: what ends transactions, and what the Raft log of the cluster's metadata says of itself.

use protocol::{DecodeError, DecodeErrorKind, Reader, layout};
use records::{ControlType, Record};

use crate::failure::Failure;
use crate::record_json;

/// What the line of a control record ends with.
pub(super) fn shown(record: &Record<'_>) -> Result<String, Failure> {
    let key = record.key.unwrap_or_default();
    let Some(([high, low], [id_high, id_low])) = parts(key) else {
        return Err(Failure::of_class(
            "org.apache.kafka.common.InvalidRecordException",
            format!(
                "Invalid value size found for end control record key. Must have at least 4 bytes, but found only {}",
                key.len()
            ),
        ));
    };
    let version = i16::from_be_bytes([high, low]);
    if version < 0 {
        return Err(Failure::of_class(
            "org.apache.kafka.common.InvalidRecordException",
            format!("Invalid version found for control record: {version}. May indicate data corruption"),
        ));
    }
    let id = i16::from_be_bytes([id_high, id_low]);
    let of_layout = |title: &str, name: &str| Ok(format!(" {title} {}", value(record, name)?));
    match ControlType::from_id(id) {
        ControlType::Abort => end_of_transaction("ABORT", record),
        ControlType::Commit => end_of_transaction("COMMIT", record),
        ControlType::LeaderChange => of_layout("LeaderChange:", "LeaderChangeMessage"),
        ControlType::SnapshotHeader => of_layout("SnapshotHeader", "SnapshotHeaderRecord"),
        ControlType::SnapshotFooter => of_layout("SnapshotFooter", "SnapshotFooterRecord"),
        ControlType::KraftVersion => of_layout("KRaftVersion", "KRaftVersionRecord"),
        ControlType::KraftVoters => of_layout("KRaftVoters", "VotersRecord"),
        ControlType::Unknown(id) => Ok(format!(" controlType: UNKNOWN({id})")),
    }
}

fn parts(key: &[u8]) -> Option<([u8; 2], [u8; 2])> {
    let (version, rest) = key.split_first_chunk::<2>()?;
    Some((*version, *rest.first_chunk::<2>()?))
}

fn end_of_transaction(kind: &str, record: &Record<'_>) -> Result<String, Failure> {
    // Version, then the epoch.
    let epoch = record.value.and_then(|value| value.get(2..)?.first_chunk::<4>().copied());
    let epoch = epoch.ok_or_else(|| {
        Failure::of_class(
            "org.apache.kafka.common.InvalidRecordException",
            "Invalid value size found for end transaction marker",
        )
    })?;
    Ok(format!(" endTxnMarker: {kind} coordinatorEpoch: {}", i32::from_be_bytes(epoch)))
}

/// A value that begins with its version, which is a field of it too.
fn value(record: &Record<'_>, name: &str) -> Result<String, Failure> {
    let bytes = record.value.unwrap_or_default();
    let broken = |cause: String| Failure::of_class("java.lang.RuntimeException", cause);
    let layout = layout::named(name).ok_or_else(|| broken(format!("{name} has no layout")))?;
    let unread = |error: DecodeError| match error.kind {
        DecodeErrorKind::UnexpectedEnd { .. } => {
            Failure::without_message("java.nio.BufferUnderflowException")
        }
        _ => broken(error.to_string()),
    };
    let version = Reader::new(bytes).i16().map_err(unread)?;
    if !layout.versions.contains(version) {
        return Err(Failure::of_class(
            "org.apache.kafka.common.errors.UnsupportedVersionException",
            format!("Can't write version {version} of {name}"),
        ));
    }
    record_json::record(&mut Reader::new(bytes), layout, version).map_err(unread)
}
