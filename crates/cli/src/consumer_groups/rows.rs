//! The tables of `kafka-consumer-groups`, in the original's columns.

use client::admin::{GroupDescription, GroupListing, GroupMember, TopicPartition};

use crate::columns::{row, width};

/// Where there is nothing to show.
pub(super) const MISSING: &str = "-";

/// A partition of a group, and who reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartitionRow {
    pub(super) partition: TopicPartition,
    pub(super) leader_epoch: Option<i32>,
    pub(super) offset: Option<i64>,
    pub(super) end: Option<i64>,
    /// Id, host and client id of the member.
    pub(super) reader: [String; 3],
}

/// Lines of the list of groups, the heading first.
pub(super) fn listing(groups: &[GroupListing], with_type: bool, with_state: bool) -> Vec<String> {
    let group = width(15, groups.iter().map(|group| group.id.as_str())) + 10;
    let line = |id: &str, kind: &str, state: &str| {
        let mut cells = vec![(group, id)];
        cells.extend(with_type.then_some((20, kind)));
        cells.extend(with_state.then_some((20, state)));
        row(&cells)
    };
    let mut lines = vec![line("GROUP", "TYPE", "STATE")];
    lines.extend(
        groups.iter().map(|group| line(&group.id, &group.kind.to_string(), &group.state.to_string())),
    );
    lines
}

/// Lines of the offsets of a group, the heading first.
pub(super) fn offsets(group: &str, rows: &[PartitionRow], verbose: bool) -> Vec<String> {
    let column = |place: usize| width(15, rows.iter().map(|row| row.reader[place].as_str()));
    let widths = (
        width(15, std::iter::once(group)),
        width(15, rows.iter().map(|row| row.partition.0.as_str())),
        column(0),
        column(1),
    );
    let line = |cells: [&str; 10]| {
        let [group, topic, partition, epoch, offset, end, lag, member, host, client] = cells;
        let mut all = vec![(widths.0, group), (widths.1, topic), (10, partition)];
        all.extend(verbose.then_some((15, epoch)));
        all.extend([(15, offset), (15, end), (15, lag), (widths.2, member), (widths.3, host), (0, client)]);
        row(&all)
    };
    let mut lines = vec![line([
        "GROUP",
        "TOPIC",
        "PARTITION",
        "LEADER-EPOCH",
        "CURRENT-OFFSET",
        "LOG-END-OFFSET",
        "LAG",
        "CONSUMER-ID",
        "HOST",
        "CLIENT-ID",
    ])];
    lines.extend(rows.iter().map(|row| {
        let PartitionRow { partition: (topic, number), leader_epoch, offset, end, reader } = row;
        let lag = offset.and_then(|offset| Some((*end)? - offset));
        let [member, host, client] = reader;
        line([
            group,
            topic,
            &number.to_string(),
            &shown(*leader_epoch),
            &shown(*offset),
            &shown(*end),
            &shown(lag),
            member,
            host,
            client,
        ])
    }));
    lines
}

/// Lines of the members of a group, the heading first.
pub(super) fn members(group: &str, description: &GroupDescription, verbose: bool) -> Vec<String> {
    let members = &description.members;
    let group_width = width(15, std::iter::once(group).filter(|_| !members.is_empty()));
    let with_instance = members.iter().any(|member| member.instance_id.is_some());
    let of = |least, text: fn(&GroupMember) -> &str| width(least, members.iter().map(text));
    let (member_width, host_width, client_width) =
        (of(15, |one| &one.member_id), of(15, |one| &one.host), of(15, |one| &one.client_id));
    let instance_width = of(17, |one| one.instance_id.as_deref().unwrap_or_default());
    let current: Vec<String> = members.iter().map(|one| assignment(&one.assignment)).collect();
    let target: Vec<String> =
        members.iter().map(|one| assignment(one.target.as_deref().unwrap_or_default())).collect();
    let current_width = width(20, current.iter().map(String::as_str));
    let target_width = width(20, target.iter().map(String::as_str));
    let speaks = |upgraded| members.iter().any(|member| member.is_upgraded == Some(upgraded));
    // On its way from one protocol to the other.
    let with_upgraded = speaks(true) && speaks(false);
    let line = |cells: [&str; 6], more: [&str; 5]| {
        let [group, member, instance, host, client, count] = cells;
        let mut all = vec![(group_width, group), (member_width, member)];
        all.extend(with_instance.then_some((instance_width, instance)));
        all.extend([(host_width, host), (client_width, client), (15, count)]);
        if verbose {
            let [epoch, current, target_epoch, target, upgraded] = more;
            all.extend([(15, epoch), (current_width, current), (15, target_epoch), (target_width, target)]);
            all.extend(with_upgraded.then_some((0, upgraded)));
        } else {
            // The original ends such a line with a blank.
            all.push((0, ""));
        }
        row(&all)
    };
    let mut lines = vec![line(
        ["GROUP", "CONSUMER-ID", "GROUP-INSTANCE-ID", "HOST", "CLIENT-ID", "#PARTITIONS"],
        ["CURRENT-EPOCH", "CURRENT-ASSIGNMENT", "TARGET-EPOCH", "TARGET-ASSIGNMENT", "UPGRADED"],
    )];
    for (place, one) in members.iter().enumerate() {
        let instance = one.instance_id.as_deref().unwrap_or_default();
        let count = one.assignment.len().to_string();
        let upgraded = one.is_upgraded.map_or(MISSING, |upgraded| if upgraded { "true" } else { "false" });
        lines.push(line(
            [group, &one.member_id, instance, &one.host, &one.client_id, &count],
            [
                &shown(one.epoch),
                &current[place],
                &shown(description.assignment_epoch),
                &target[place],
                upgraded,
            ],
        ));
    }
    lines
}

/// Both lines of the state of a group.
pub(super) fn state(group: &str, description: &GroupDescription, verbose: bool) -> [String; 2] {
    let node = &description.coordinator;
    let coordinator = format!("{}:{}  ({})", node.address.host, node.address.port, node.id);
    let widths = (width(15, std::iter::once(group)), width(25, std::iter::once(coordinator.as_str())));
    let line = |cells: [&str; 7]| {
        let [group, coordinator, strategy, state, epoch, assignment_epoch, members] = cells;
        let mut all = vec![(widths.0, group), (widths.1, coordinator), (20, strategy), (20, state)];
        if verbose {
            all.extend([(15, epoch), (25, assignment_epoch)]);
        }
        all.push((0, members));
        row(&all)
    };
    let strategy = if description.assignor.is_empty() { MISSING } else { &description.assignor };
    [
        line([
            "GROUP",
            "COORDINATOR (ID)",
            "ASSIGNMENT-STRATEGY",
            "STATE",
            "GROUP-EPOCH",
            "TARGET-ASSIGNMENT-EPOCH",
            "#MEMBERS",
        ]),
        line([
            group,
            &coordinator,
            strategy,
            &description.state.to_string(),
            &shown(description.group_epoch),
            &shown(description.assignment_epoch),
            &description.members.len().to_string(),
        ]),
    ]
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| MISSING.to_owned(), |value| value.to_string())
}

/// Partitions by topic: `orders:0,1;payments:3`.
fn assignment(partitions: &[TopicPartition]) -> String {
    let mut topics: std::collections::BTreeMap<&str, Vec<i32>> = std::collections::BTreeMap::new();
    for (topic, partition) in partitions {
        topics.entry(topic).or_default().push(*partition);
    }
    let mut shown: Vec<String> = Vec::new();
    for (topic, mut partitions) in topics {
        partitions.sort_unstable();
        let partitions: Vec<String> = partitions.iter().map(i32::to_string).collect();
        shown.push(format!("{topic}:{}", partitions.join(",")));
    }
    if shown.is_empty() { MISSING.to_owned() } else { shown.join(";") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_told_by_topic() {
        let partition = |topic: &str, number| (topic.to_owned(), number);
        let partitions = [partition("b", 10), partition("a", 1), partition("b", 2)];
        assert_eq!(assignment(&partitions), "a:1;b:2,10");
        assert_eq!(assignment(&[]), "-");
    }
}
