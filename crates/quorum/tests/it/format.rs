//! Formatted directories: the same files as Kafka 4.3.1 writes, and a quorum that starts on them.

use std::fs;
use std::path::{Path, PathBuf};

use metadata::VersionedRecord;
use model::{ErrorCode, Uuid};
use protocol::messages::{FeatureLevelRecord, MetadataRecord};
use quorum::format::{DirRole, FormatError, FormatPlan, InitialVoters, format, initial_voters};
use quorum::{InProcessNetwork, LogDirSurvey, MetaProperties, Quorum, Voter};
use records::{ControlType, Records, batches};

use crate::client::{CLUSTER, create_topic, options, voter, wait_active, wait_for};

const FIRST_SNAPSHOT: &str = "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint";

fn format_as(
    dirs: &[PathBuf],
    node_id: i32,
    cluster_id: &str,
    voters: InitialVoters,
) -> Result<Vec<(PathBuf, DirRole)>, FormatError> {
    let plan = FormatPlan {
        cluster_id,
        node_id,
        metadata_log_dir: &dirs[0],
        voters,
        features: &metadata::feature_records(),
        now_ms: 1_795_242_471_336,
    };
    let done = format(&LogDirSurvey::of(dirs.iter().map(PathBuf::as_path)), &plan)?;
    Ok(done.into_iter().map(|dir| (dir.log_dir, dir.role)).collect())
}

/// One line a batch and a record; the time in a snapshot header is left out unless it is 0.
fn described(bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in batches(bytes) {
        let batch = batch.unwrap();
        batch.verify_checksum().unwrap();
        let (base, epoch, is_control) = (batch.base_offset(), batch.leader_epoch(), batch.is_control());
        lines.push(format!(
            "batch {base} epoch {epoch} control {is_control} producer {}",
            batch.producer_id()
        ));
        for record in Records::new(&batch, batch.records_bytes()) {
            let record = record.unwrap();
            let mut value = record.value.unwrap().to_vec();
            if is_control && ControlType::of(&record) == Some(ControlType::SnapshotHeader) {
                let has_time = value[2..10] != [0; 8];
                value[2..10].fill(u8::from(has_time));
            }
            lines.push(format!("{:?} = {value:?}", record.key));
        }
    }
    lines
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/kafka-format").join(name)
}

#[test]
fn the_files_are_those_of_kafka() {
    let root = tempfile::tempdir().unwrap();
    let kafkas = root.path().join("kafka");
    fs::create_dir_all(kafkas.join("__cluster_metadata-0")).unwrap();
    let first = Path::new(FIRST_SNAPSHOT).file_name().unwrap().to_str().unwrap();
    fs::copy(golden(first), kafkas.join(FIRST_SNAPSHOT)).unwrap();
    let voters = initial_voters(&kafkas).unwrap().unwrap();
    assert_eq!(voters.len(), 1);
    let own = [root.path().join("own")];
    let done = format_as(&own, 1, CLUSTER, InitialVoters::Named(voters.clone())).unwrap();
    assert_eq!(done, [(own[0].clone(), DirRole::MetadataVoter)]);
    for (ours, theirs) in [("bootstrap.checkpoint", "bootstrap.checkpoint"), (FIRST_SNAPSHOT, first)] {
        let (ours, theirs) = (fs::read(own[0].join(ours)).unwrap(), fs::read(golden(theirs)).unwrap());
        assert_eq!(described(&ours), described(&theirs));
        assert_eq!(ours.len(), theirs.len());
    }
    let written = MetaProperties::read(&own[0]).unwrap().unwrap();
    assert_eq!(written, MetaProperties::new(CLUSTER, 1, voters[0].directory_id));
}

#[test]
fn a_quorum_starts_on_a_formatted_directory() {
    let root = tempfile::tempdir().unwrap();
    let dirs = [root.path().join("logs")];
    format_as(&dirs, 1, CLUSTER, InitialVoters::Standalone(voter(1).endpoints)).unwrap();
    let found = MetaProperties::read(&dirs[0]).unwrap().unwrap();
    let mut options = options(&dirs[0], 1, &[], &InProcessNetwork::new());
    options.voters = initial_voters(&dirs[0]).unwrap().unwrap();
    options.directory_id = found.directory_id.unwrap();
    let expected = Voter { directory_id: options.directory_id, ..voter(1) };
    assert_eq!(options.voters, std::slice::from_ref(&expected));
    for topic in ["first", "after-restart"] {
        let node = Quorum::start(options.clone()).unwrap();
        wait_active(&node);
        crate::client::register(&node, 1);
        assert_eq!(create_topic(&node, topic), Ok(ErrorCode::NONE));
        assert_eq!(node.status().voters[0].voter, expected);
        wait_for("the topic", || node.images().borrow().topics.get(topic).is_some());
        node.shutdown();
    }
}

/// Formats a lone node to begin with these features and starts it.
fn start_with(dir: &Path, features: &[(&'static str, i16)]) -> quorum::QuorumHandle {
    let record = |(name, feature_level): &(&'static str, i16)| {
        let record = FeatureLevelRecord { name: (*name).into(), feature_level: *feature_level };
        VersionedRecord { record: MetadataRecord::FeatureLevel(record), version: 0 }
    };
    let plan = FormatPlan {
        cluster_id: CLUSTER,
        node_id: 1,
        metadata_log_dir: dir,
        voters: InitialVoters::Standalone(voter(1).endpoints),
        features: &features.iter().map(record).collect::<Vec<_>>(),
        now_ms: 0,
    };
    format(&LogDirSurvey::of([dir]), &plan).unwrap();
    Quorum::start(options(dir, 1, &[1], &InProcessNetwork::new())).unwrap()
}

#[test]
fn a_cluster_begins_with_the_features_it_was_formatted_with() {
    let cases: [(&[(&str, i16)], bool); 3] = [
        (&[("metadata.version", 17)], false),
        (&[("metadata.version", 21), ("transaction.version", 1)], false),
        (&[("metadata.version", 30), ("eligible.leader.replicas.version", 1)], true),
    ];
    for (features, has_min_insync_replicas) in cases {
        let dir = tempfile::tempdir().unwrap();
        let node = start_with(dir.path(), features);
        wait_for("a controller", || node.images().borrow().metadata_version() == features[0].1);
        let image = node.images().borrow().clone();
        let levels: Vec<(&str, i16)> =
            image.features.iter().map(|(name, level)| (name.as_str(), *level)).collect();
        let mut expected = features.to_vec();
        expected.sort_unstable();
        assert_eq!(levels, expected);
        let configs = metadata::to_records(&image)
            .into_iter()
            .filter(|record| matches!(record.record, MetadataRecord::Config(_)));
        assert_eq!(configs.count() == 1, has_min_insync_replicas);
        crate::client::register(&node, 1);
        assert_eq!(create_topic(&node, "works"), Ok(ErrorCode::NONE));
    }
}

#[test]
fn only_empty_directories_are_formatted_and_each_has_its_role() {
    let root = tempfile::tempdir().unwrap();
    let dirs = ["meta", "one", "two"].map(|name| root.path().join(name));
    let done = format_as(&dirs, 1, CLUSTER, InitialVoters::Unnamed).unwrap();
    let roles: Vec<DirRole> = done.iter().map(|(_, role)| *role).collect();
    assert_eq!(roles, [DirRole::Metadata, DirRole::Data, DirRole::Data]);
    assert_eq!(initial_voters(&dirs[0]).unwrap(), None);
    let ids: std::collections::BTreeSet<Option<Uuid>> =
        dirs.iter().map(|dir| MetaProperties::read(dir).unwrap().unwrap().directory_id).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(format_as(&dirs, 1, CLUSTER, InitialVoters::Unnamed).unwrap(), []);
    fs::remove_file(dirs[2].join("meta.properties")).unwrap();
    let again = format_as(&dirs, 1, CLUSTER, InitialVoters::Unnamed).unwrap();
    assert_eq!(again, [(dirs[2].clone(), DirRole::Data)]);
}

#[test]
fn a_foreign_directory_stops_the_format_before_anything_is_written() {
    let root = tempfile::tempdir().unwrap();
    let dirs = ["a", "b"].map(|name| root.path().join(name));
    format_as(&dirs[..1], 1, CLUSTER, InitialVoters::Unnamed).unwrap();
    for (node_id, cluster) in [(2, CLUSTER), (1, "other")] {
        let refused = format_as(&dirs, node_id, cluster, InitialVoters::Unnamed);
        assert!(matches!(refused, Err(FormatError::Foreign(_))), "{refused:?}");
        assert!(!dirs[1].exists());
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "").unwrap();
    let parent = root.path().join("file");
    let survey = LogDirSurvey { empty: [parent.join("logs")].into(), ..LogDirSurvey::default() };
    let plan = FormatPlan {
        cluster_id: CLUSTER,
        node_id: 1,
        metadata_log_dir: &parent,
        voters: InitialVoters::Unnamed,
        features: &[],
        now_ms: 0,
    };
    let message = format(&survey, &plan).unwrap_err().to_string();
    assert!(message.contains("file/logs") && message.contains("may be written"), "{message}");
}
