//! Partitions without leader or replicas, groups that do not settle, disks that are full or gone.

use std::time::Duration;

use client::Admin;
use client::admin::{GroupListing, GroupState, LogDir, PartitionDescription, TopicDescription};

use super::report::Report;

const PARTITIONS: &str = "partitions";
const GROUPS: &str = "groups";
const DISKS: &str = "log directories";
/// Names in one finding at most.
const NAMED_MAX: usize = 5;
/// How long a group is watched that is between two assignments.
const WATCHED: Duration = Duration::from_secs(3);
/// Free space below which a disk counts as nearly full, in percent.
const FREE_PERCENT_MIN: i128 = 10;
/// States between two assignments.
const UNSETTLED: [GroupState; 4] = [
    GroupState::PreparingRebalance,
    GroupState::CompletingRebalance,
    GroupState::Assigning,
    GroupState::Reconciling,
];

/// Looks at all partitions; gives the topics.
pub(super) async fn check_partitions(admin: &Admin, report: &mut Report) -> Vec<TopicDescription> {
    let told = async {
        let listed = admin.list_topics().await?;
        let names: Vec<&str> = listed.iter().map(|topic| topic.name.as_str()).collect();
        if names.is_empty() { Ok(Vec::new()) } else { admin.describe_topics(&names).await }
    };
    let topics = match told.await {
        Ok(topics) => topics,
        Err(error) => {
            report.note(PARTITIONS, format!("they were not looked at: {error}"), "", "");
            return Vec::new();
        }
    };
    let before = report.problems();
    let offline = named(&topics, |partition| partition.leader.is_none());
    if !offline.is_empty() {
        report.problem(
            PARTITIONS,
            format!("{} have no leader: {}", count(&offline), shown(&offline)),
            "all brokers that hold them in sync are down, or their log directories failed; nothing can be read or written there",
            "start these brokers again; 'naru topic describe' shows which they are",
        );
    }
    let behind = named(&topics, |one| one.leader.is_some() && one.isr.len() < one.replicas.len());
    if !behind.is_empty() {
        report.problem(
            PARTITIONS,
            format!("{} are under-replicated: {}", count(&behind), shown(&behind)),
            "some of the brokers that hold them are down, or cannot keep up",
            "start these brokers again, or look at their load; 'naru topic describe' shows which are not in sync",
        );
    }
    let all: usize = topics.iter().map(|topic| topic.partitions.len()).sum();
    report.fine_since(before, PARTITIONS, format!("all {all} have a leader and all replicas in sync"));
    topics
}

fn named(topics: &[TopicDescription], is: impl Fn(&PartitionDescription) -> bool) -> Vec<String> {
    let all = topics.iter().flat_map(|topic| {
        let found = topic.partitions.iter().filter(|partition| is(partition));
        found.map(|partition| format!("{}-{}", topic.name, partition.partition))
    });
    all.collect()
}

fn count(names: &[String]) -> String {
    if names.len() == 1 { "1 partition".to_owned() } else { format!("{} partitions", names.len()) }
}

/// Some of the names, and how many more there are.
pub(super) fn shown(names: &[String]) -> String {
    let first = names.get(..names.len().min(NAMED_MAX)).unwrap_or_default().join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Looks for groups that stay between two assignments.
pub(super) async fn check_groups(admin: &Admin, reachable: &[i32], report: &mut Report) {
    if reachable.is_empty() {
        return report.note(
            GROUPS,
            "they were not looked at: no broker can be reached by the name it gives itself",
            "",
            "",
        );
    }
    let unsettled = async || -> Result<(usize, Vec<GroupListing>), client::Error> {
        let mut groups = admin.list_groups(&[], &[]).await?;
        let all = groups.len();
        groups.retain(|group| UNSETTLED.contains(&group.state));
        Ok((all, groups))
    };
    let (all, first) = match unsettled().await {
        Ok(told) => told,
        Err(error) => return report.note(GROUPS, format!("they were not looked at: {error}"), "", ""),
    };
    let mut stuck = Vec::new();
    if !first.is_empty() {
        tokio::time::sleep(WATCHED).await;
        let later = unsettled().await.map(|(_, later)| later).unwrap_or_default();
        let same = later.iter().filter(|group| first.iter().any(|before| before.id == group.id));
        stuck.extend(same.map(|group| format!("{} ({})", group.id, group.state)));
    }
    if stuck.is_empty() {
        return report.fine(GROUPS, format!("none of {all} is stuck between two assignments"));
    }
    report.problem(
        GROUPS,
        format!("still between two assignments after {} s: {}", WATCHED.as_secs(), shown(&stuck)),
        "members come and go again and again, or one of them does not answer: it takes longer than max.poll.interval.ms between two polls, or is stuck",
        "look at the members with 'naru group describe', and at the logs of those that left; raise max.poll.interval.ms or lower max.poll.records",
    );
}

/// Looks at the disks of brokers.
pub(super) async fn check_disks(admin: &Admin, reachable: &[i32], report: &mut Report) {
    let before = report.problems();
    let mut seen = 0;
    for broker in reachable {
        match admin.describe_log_dirs(*broker).await {
            Ok(directories) => {
                seen += directories.len();
                directories.iter().for_each(|directory| check_directory(*broker, directory, report));
            }
            Err(error) => {
                report.note(DISKS, format!("those of broker {broker} were not looked at: {error}"), "", "");
            }
        }
    }
    if seen > 0 {
        report.fine_since(before, DISKS, format!("all {seen} are online and have room"));
    }
}

fn check_directory(broker: i32, directory: &LogDir, report: &mut Report) {
    let LogDir { path, total_bytes, usable_bytes, .. } = directory;
    if let Some(error) = &directory.error {
        return report.problem(
            DISKS,
            format!("{path} of broker {broker} is offline: {error}"),
            "the disk failed, was taken away, or is not writable; its partitions are offline on this broker",
            "repair or replace the disk and start the broker again; its log names the first failure",
        );
    }
    let path_is_temporary = ["/tmp", "/var/tmp"]
        .iter()
        .any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    if path_is_temporary {
        report.problem(
            DISKS,
            format!("{path} of broker {broker} is a temporary folder"),
            "the system empties such folders at a start or after some days, and the records are gone",
            "set log.dirs to a folder that stays",
        );
    }
    if *total_bytes > 0 && *usable_bytes >= 0 {
        let free_percent = i128::from(*usable_bytes) * 100 / i128::from(*total_bytes);
        if free_percent < FREE_PERCENT_MIN {
            report.problem(
                DISKS,
                format!("the disk of {path} of broker {broker} has {free_percent} % left, {usable_bytes} of {total_bytes} bytes"),
                "a broker whose disk is full takes its log directory offline",
                "lower retention.ms or retention.bytes of large topics, or give the broker more room",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Level;
    use super::*;

    fn directory(path: &str, total_bytes: i64, usable_bytes: i64) -> LogDir {
        LogDir { path: path.to_owned(), error: None, partitions: Vec::new(), total_bytes, usable_bytes }
    }

    fn problems(directory: &LogDir) -> Vec<String> {
        let mut report = Report::default();
        check_directory(1, directory, &mut report);
        report.evidences(Level::Problem).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn disks_are_judged_by_what_is_left() {
        assert!(problems(&directory("/data", 1000, 100)).is_empty());
        assert_eq!(problems(&directory("/data", 1000, 99)).len(), 1);
        assert!(problems(&directory("/data", -1, -1)).is_empty(), "nothing is told");
        assert!(problems(&directory("/data", i64::MAX, i64::MAX)).is_empty());
        assert!(problems(&directory("/tmp/kafka-logs", 10, 9))[0].contains("temporary"));
        assert!(problems(&directory("/tmpfiles", 10, 9)).is_empty());
        let gone = LogDir { error: Some(client::Error::Closed), ..directory("/data", 10, 9) };
        assert!(problems(&gone)[0].contains("offline"));
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..7).map(|number| format!("t-{number}")).collect();
        assert_eq!(shown(&names), "t-0, t-1, t-2, t-3, t-4 and 2 more");
        assert_eq!(shown(&names[..1]), "t-0");
    }
}
