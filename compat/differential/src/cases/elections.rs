//! ElectLeaders 0-2, AlterPartitionReassignments 0-1, ListPartitionReassignments 0, ListTransactions 0-2 and the three requests
//! about ACLs, of servers without an authorizer.

use protocol::ApiKey;
use protocol::messages::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
use protocol::messages::create_acls_request::AclCreation;
use protocol::messages::delete_acls_request::DeleteAclsFilter;
use protocol::messages::elect_leaders_request::TopicPartitions;
use protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use protocol::messages::{
    AlterPartitionReassignmentsRequest, CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest,
    ElectLeadersRequest, ListPartitionReassignmentsRequest, ListTransactionsRequest,
};

use super::Row;
use super::topics::create;
use crate::session::{Session, Stopped, versions};

/// The cases.
pub const CASES: &[Row] = &[
    ("ElectLeaders", elect),
    ("AlterPartitionReassignments", alter),
    ("ListPartitionReassignments", list),
    ("ListTransactions", transactions),
    ("ACLs without an authorizer", acls),
];

fn elect(session: &mut Session) -> Result<(), Stopped> {
    create(session, "elected", 2, &[])?;
    session.settle()?;
    for version in versions(ApiKey::ElectLeaders) {
        // Version 0 knows the preferred leader only.
        let types: &[i8] = if version == 0 { &[0] } else { &[0, 1, 2, -1] };
        for election_type in types.iter().copied() {
            for (topic, partitions) in [
                ("elected", vec![0, 1]),
                ("elected", vec![2, -1]),
                ("elected-nowhere", vec![0]),
                ("elected", vec![]),
            ] {
                session.note(format!("type {election_type} of {topic} {partitions:?}"));
                let topic_partitions = Some(vec![TopicPartitions { topic: topic.into(), partitions }]);
                session.ask(
                    version,
                    &ElectLeadersRequest { election_type, topic_partitions, timeout_ms: 5000 },
                )?;
            }
        }
    }
    Ok(())
}

fn alter(session: &mut Session) -> Result<(), Stopped> {
    create(session, "moved", 2, &[])?;
    session.settle()?;
    for version in versions(ApiKey::AlterPartitionReassignments) {
        for replicas in [None, Some(vec![1]), Some(vec![]), Some(vec![1, 1]), Some(vec![2]), Some(vec![-1])] {
            for (name, partition_index) in [("moved", 0), ("moved", 5), ("moved-nowhere", 0)] {
                session.note(format!("{name}-{partition_index} to {replicas:?}"));
                let partition = ReassignablePartition { partition_index, replicas: replicas.clone() };
                let topics = vec![ReassignableTopic { name: name.into(), partitions: vec![partition] }];
                let request = AlterPartitionReassignmentsRequest { topics, ..Default::default() };
                session.ask(version, &request)?;
            }
        }
    }
    Ok(())
}

fn list(session: &mut Session) -> Result<(), Stopped> {
    create(session, "still", 2, &[])?;
    session.settle()?;
    let of = |name: &'static str, partition_indexes: Vec<i32>| {
        Some(vec![ListPartitionReassignmentsTopics { name: name.into(), partition_indexes }])
    };
    for topics in
        [None, Some(vec![]), of("still", vec![0, 1]), of("still", vec![9]), of("still-nowhere", vec![0])]
    {
        session.note(format!("{topics:?}"));
        session.ask(0, &ListPartitionReassignmentsRequest { timeout_ms: 5000, topics })?;
    }
    Ok(())
}

fn transactions(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::ListTransactions) {
        for states in [
            vec![],
            vec!["Ongoing"],
            vec!["Ongoing", "ongoing", "Nothing"],
            vec!["PrepareEpochFence", "Dead"],
        ] {
            session.note(format!("states {states:?}"));
            let state_filters = states.into_iter().map(Into::into).collect();
            session.ask(version, &ListTransactionsRequest { state_filters, ..Default::default() })?;
        }
        for pattern in ["", "a.*", "a("] {
            if version < 2 {
                continue;
            }
            session.note(format!("pattern {pattern:?}"));
            let transactional_id_pattern = Some(pattern.into());
            session
                .ask(version, &ListTransactionsRequest { transactional_id_pattern, ..Default::default() })?;
        }
    }
    Ok(())
}

fn acls(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::DescribeAcls) {
        let request = DescribeAclsRequest {
            resource_type_filter: 1,
            pattern_type_filter: 1,
            operation: 1,
            permission_type: 1,
            ..Default::default()
        };
        session.ask(version, &request)?;
        let creation = AclCreation {
            resource_type: 2,
            resource_name: "guarded".into(),
            resource_pattern_type: 3,
            principal: "User:a".into(),
            host: "*".into(),
            operation: 3,
            permission_type: 3,
        };
        for creations in [vec![], vec![creation.clone()], vec![creation.clone(), creation]] {
            session.note(format!("{} creations", creations.len()));
            session.ask(version, &CreateAclsRequest { creations })?;
        }
        let filter = DeleteAclsFilter {
            resource_type_filter: 1,
            pattern_type_filter: 1,
            operation: 1,
            permission_type: 1,
            ..Default::default()
        };
        for filters in [vec![], vec![filter.clone()], vec![filter.clone(), filter]] {
            session.note(format!("{} filters", filters.len()));
            session.ask(version, &DeleteAclsRequest { filters })?;
        }
    }
    Ok(())
}
