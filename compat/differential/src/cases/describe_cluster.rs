//! DescribeCluster 0-2 and UnregisterBroker 0.

use protocol::ApiKey;
use protocol::messages::{DescribeClusterRequest, UnregisterBrokerRequest};

use super::Row;
use crate::session::{Session, Stopped, versions};

/// The cases.
pub const CASES: &[Row] = &[
    ("DescribeCluster", describe),
    ("DescribeCluster of endpoints", endpoints),
    ("UnregisterBroker", unregister),
];

fn describe(session: &mut Session) -> Result<(), Stopped> {
    for version in versions(ApiKey::DescribeCluster) {
        for operations in [false, true] {
            session.note(format!("operations {operations}"));
            let request = DescribeClusterRequest {
                include_cluster_authorized_operations: operations,
                endpoint_type: 1,
                include_fenced_brokers: version >= 2,
            };
            session.ask(version, &request)?;
        }
    }
    Ok(())
}

fn endpoints(session: &mut Session) -> Result<(), Stopped> {
    for version in 1..=2 {
        for endpoint_type in [0, 2, 3, -1] {
            session.note(format!("endpoint type {endpoint_type}"));
            let request = DescribeClusterRequest { endpoint_type, ..DescribeClusterRequest::default() };
            session.ask(version, &request)?;
        }
    }
    Ok(())
}

fn unregister(session: &mut Session) -> Result<(), Stopped> {
    for broker_id in [7, -1, 1000] {
        session.note(format!("broker {broker_id}"));
        session.ask(0, &UnregisterBrokerRequest { broker_id })?;
    }
    Ok(())
}
