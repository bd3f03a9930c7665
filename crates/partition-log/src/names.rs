//! Names of the files of a partition.

use std::path::{Path, PathBuf};

use model::{Offset, Uuid};

/// Records.
pub const LOG: &str = "log";
/// Offset index.
pub const OFFSET_INDEX: &str = "index";
/// Time index.
pub const TIME_INDEX: &str = "timeindex";
/// Aborted transactions.
pub const TXN_INDEX: &str = "txnindex";
/// Producer state.
pub const SNAPSHOT: &str = "snapshot";
/// Leader epochs and where they began.
pub const EPOCH_CHECKPOINT: &str = "leader-epoch-checkpoint";
/// Topic id.
pub const PARTITION_METADATA: &str = "partition.metadata";
/// Suffix of a file that is about to be removed.
pub const DELETED: &str = ".deleted";
/// Suffix of a file that compaction has not finished.
pub const CLEANED: &str = ".cleaned";
/// Suffix of a file that compaction has finished and that is about to replace others.
pub const SWAP: &str = ".swap";
/// Suffix of a file being written to replace another.
pub const TEMPORARY: &str = ".tmp";
/// Suffix of the folder of a deleted partition.
pub const DELETED_FOLDER: &str = "-delete";

/// Suffix of the folder of a partition that the cluster does not know here.
pub const STRAY_FOLDER: &str = "-stray";
/// Longest name of a folder.
const FOLDER_NAME_MAX: usize = 255;

/// The name a partition's folder gets when it is put out of the way: `topic-0.<32 hex digits>` and `suffix`.
pub fn renamed_folder(name: &str, id: Uuid, suffix: &str) -> String {
    let hex: String = id.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let tail = format!(".{hex}{suffix}");
    let kept = name.floor_char_boundary(FOLDER_NAME_MAX - tail.len());
    format!("{}{tail}", name.get(..kept).unwrap_or_default())
}

/// The path of a segment's file: 20 digits and an ending.
pub fn segment_file(folder: &Path, base_offset: Offset, ending: &str) -> PathBuf {
    folder.join(format!("{base_offset:020}.{ending}"))
}

/// Offset and ending of a segment file's name; `None` for other files.
pub fn parse_segment_file(name: &str) -> Option<(Offset, &str)> {
    let (digits, ending) = name.split_once('.')?;
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((digits.parse().ok()?, ending))
}

/// Topic and partition of a partition folder's name; `None` for other folders and deleted partitions.
pub fn parse_partition_folder(name: &str) -> Option<(&str, i32)> {
    if is_deleted(name) {
        return None;
    }
    let (topic, partition) = name.rsplit_once('-')?;
    if topic.is_empty() || partition.is_empty() || !partition.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((topic, partition.parse().ok()?))
}

/// True for the folder of a deleted partition: `topic-0.<32 hex digits>-delete`.
pub fn is_deleted(name: &str) -> bool {
    let Some(rest) = name.strip_suffix(DELETED_FOLDER) else { return false };
    rest.rsplit_once('.')
        .is_some_and(|(_, id)| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kafkas() {
        let path = segment_file(Path::new("/d"), 42, LOG);
        assert_eq!(path, Path::new("/d/00000000000000000042.log"));
        assert_eq!(parse_segment_file("00000000000000000042.log"), Some((42, "log")));
        assert_eq!(parse_segment_file("00000000000000000042.log.swap"), Some((42, "log.swap")));
        assert_eq!(parse_segment_file("42.log"), None);
        assert_eq!(parse_segment_file("leader-epoch-checkpoint"), None);
    }

    #[test]
    fn partition_folders_are_told_from_others() {
        assert_eq!(parse_partition_folder("a-b-12"), Some(("a-b", 12)));
        assert_eq!(parse_partition_folder("a"), None);
        assert_eq!(parse_partition_folder("-1"), None);
        let deleted = "a-0.0123456789abcdef0123456789abcdef-delete";
        assert!(is_deleted(deleted));
        assert_eq!(parse_partition_folder(deleted), None);
    }
}
