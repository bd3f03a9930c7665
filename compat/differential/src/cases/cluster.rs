//! DescribeLogDirs 1-5, DescribeQuorum 0-2, UpdateFeatures 0-2.

use protocol::ApiKey;
use protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use protocol::messages::update_features_request::FeatureUpdateKey;
use protocol::messages::{
    DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeQuorumRequest, DescribeQuorumResponse,
    UpdateFeaturesRequest,
};

use super::Row;
use super::topics::{batch, create, write};
use crate::session::{Session, Stopped, versions};

/// The cases.
pub const CASES: &[Row] = &[
    ("DescribeLogDirs", log_dirs),
    ("DescribeQuorum", quorum),
    ("UpdateFeatures only validated", features),
    ("UpdateFeatures", downgrade),
];

fn log_dirs(session: &mut Session) -> Result<(), Stopped> {
    create(session, "sized", 3, &[])?;
    write(session, "sized", 1, &batch(5, 1))?;
    for version in versions(ApiKey::DescribeLogDirs) {
        for (what, topic, partitions) in [
            ("known", "sized", &[0, 1, 2][..]),
            ("one of them", "sized", &[1]),
            ("unknown partition", "sized", &[9]),
            ("known and unknown partition", "sized", &[1, 9]),
            ("unknown topic", "nowhere", &[0]),
            ("no partition", "sized", &[]),
            ("illegal topic", "a b", &[0]),
        ] {
            session.note(what);
            let topic = DescribableLogDirTopic { topic: topic.into(), partitions: partitions.to_vec() };
            session.ask_sorted(version, &DescribeLogDirsRequest { topics: Some(vec![topic]) }, sort)?;
        }
        session.note("no topic");
        session.ask_sorted(version, &DescribeLogDirsRequest { topics: Some(Vec::new()) }, sort)?;
        session.note("all");
        let everything = session.ask_quietly(version, &DescribeLogDirsRequest { topics: None })?;
        let sized = everything.results.iter().flat_map(|dir| &dir.topics);
        let mut partitions: Vec<_> = sized
            .filter(|topic| topic.name == "sized")
            .flat_map(|topic| &topic.partitions)
            .map(|partition| (partition.partition_index, partition.partition_size))
            .collect();
        partitions.sort_unstable();
        session.tell("sizes", partitions);
        let mut names: Vec<_> =
            everything.results.iter().flat_map(|dir| dir.topics.iter().map(|topic| &*topic.name)).collect();
        names.sort_unstable();
        names.dedup();
        session.tell("has the metadata topic", names.contains(&"__cluster_metadata"));
    }
    Ok(())
}

fn sort(response: &mut DescribeLogDirsResponse<'static>) {
    for result in &mut response.results {
        result.topics.sort_by(|one, other| one.name.cmp(&other.name));
        for topic in &mut result.topics {
            topic.partitions.sort_by_key(|partition| partition.partition_index);
        }
    }
}

fn quorum(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::DescribeQuorum) {
        for (what, topic, partitions) in [
            ("the quorum", "__cluster_metadata", &[0][..]),
            ("another partition", "__cluster_metadata", &[1]),
            ("another topic", "other", &[0]),
            ("two partitions", "__cluster_metadata", &[0, 1]),
            ("no partition", "__cluster_metadata", &[]),
        ] {
            session.note(what);
            let partitions =
                partitions.iter().map(|index| PartitionData { partition_index: *index }).collect();
            let topic = TopicData { topic_name: topic.into(), partitions };
            session.ask_sorted(version, &DescribeQuorumRequest { topics: vec![topic] }, without_progress)?;
        }
        session.note("nothing");
        session.ask(version, &DescribeQuorumRequest { topics: Vec::new() })?;
    }
    Ok(())
}

/// How far the log has come says nothing; that it has come somewhere does.
fn without_progress(response: &mut DescribeQuorumResponse<'static>) {
    for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        partition.high_watermark = partition.high_watermark.signum();
        partition.leader_epoch = partition.leader_epoch.signum();
        for replica in partition.current_voters.iter_mut().chain(&mut partition.observers) {
            replica.log_end_offset = replica.log_end_offset.signum();
        }
    }
}

fn update(name: &str, level: i16, downgrade: bool, kind: i8) -> FeatureUpdateKey<'_> {
    FeatureUpdateKey {
        feature: name.into(),
        max_version_level: level,
        allow_downgrade: downgrade,
        upgrade_type: kind,
    }
}

fn request(feature_updates: Vec<FeatureUpdateKey<'_>>, validate_only: bool) -> UpdateFeaturesRequest<'_> {
    UpdateFeaturesRequest { timeout_ms: 10_000, feature_updates, validate_only }
}

fn features(session: &mut Session) -> Result<(), Stopped> {
    let levels = [
        ("group.version", 1),
        ("group.version", 0),
        ("group.version", 2),
        ("group.version", -1),
        ("metadata.version", 30),
        ("metadata.version", 31),
        ("metadata.version", 29),
        ("metadata.version", 3),
        ("metadata.version", 0),
        ("kraft.version", 1),
        ("kraft.version", 0),
        ("kraft.version", 2),
        ("transaction.version", 0),
        ("transaction.version", 3),
        ("share.version", 0),
        ("streams.version", 0),
        ("eligible.leader.replicas.version", 0),
        ("no.such.feature", 1),
        ("no.such.feature", 0),
        ("", 1),
    ];
    for version in versions(ApiKey::UpdateFeatures).filter(|version| *version > 0) {
        for (name, level) in levels {
            for kind in 0..=3 {
                session.note(format!("{name} to {level}, type {kind}"));
                session.ask(version, &request(vec![update(name, level, false, kind)], true))?;
            }
        }
        session.note("two, one of them bad");
        let two = vec![update("group.version", 0, false, 2), update("share.version", 9, false, 1)];
        session.ask(version, &request(two, true))?;
        session.note("two");
        let two = vec![update("group.version", 0, false, 2), update("share.version", 0, false, 2)];
        session.ask_sorted(version, &request(two, true), |response| {
            response.results.sort_by(|one, other| one.feature.cmp(&other.feature));
        })?;
        session.note("none");
        session.ask(version, &request(Vec::new(), true))?;
    }
    Ok(())
}

fn downgrade(session: &mut Session) -> Result<(), Stopped> {
    for (name, level, allowed) in [
        ("streams.version", 0, false),
        ("streams.version", 0, true),
        ("streams.version", 1, false),
        ("streams.version", 1, false),
        ("no.such.feature", 1, false),
    ] {
        session.note(format!("{name} to {level}, downgrade {allowed}"));
        session.ask(0, &request(vec![update(name, level, allowed, 1)], false))?;
        session.settle()?;
    }
    Ok(())
}
