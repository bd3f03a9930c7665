//! Three voters in one process.

use model::ErrorCode;
use quorum::{AskError, InProcessNetwork, Quorum, QuorumHandle, SnapshotTriggers};
use tempfile::TempDir;

use crate::client::{create_topic, options, register, wait_for};

struct Cluster {
    network: InProcessNetwork,
    dirs: Vec<TempDir>,
    nodes: Vec<Option<QuorumHandle>>,
    snapshots: SnapshotTriggers,
}

impl Cluster {
    fn start(snapshots: SnapshotTriggers) -> Cluster {
        let dirs = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
        let mut cluster =
            Cluster { network: InProcessNetwork::new(), dirs, nodes: vec![None, None, None], snapshots };
        for place in 0..3 {
            cluster.start_node(place);
        }
        cluster
    }

    fn start_node(&mut self, place: usize) {
        let id = i32::try_from(place).unwrap() + 1;
        let mut options = options(self.dirs[place].path(), id, &[1, 2, 3], &self.network);
        options.snapshots = self.snapshots;
        options.segment_bytes = 4_000;
        self.nodes[place] = Some(Quorum::start(options).unwrap());
    }

    fn running(&self) -> impl Iterator<Item = (usize, &QuorumHandle)> {
        self.nodes.iter().enumerate().filter_map(|(place, node)| Some((place, node.as_ref()?)))
    }

    /// The place of the node that answers as controller.
    fn leader(&self) -> usize {
        let mut found = None;
        wait_for("a controller", || {
            found =
                self.running().find(|(_, node)| create_topic(node, "probe").is_ok()).map(|(place, _)| place);
            found.is_some()
        });
        found.unwrap()
    }

    fn node(&self, place: usize) -> &QuorumHandle {
        self.nodes[place].as_ref().unwrap()
    }
}

fn often() -> SnapshotTriggers {
    SnapshotTriggers { after_bytes: 1_000, after_ms: 0 }
}

fn never() -> SnapshotTriggers {
    SnapshotTriggers { after_bytes: u64::MAX, after_ms: 0 }
}

#[test]
fn a_follower_names_the_controller() {
    let cluster = Cluster::start(never());
    let leader = cluster.leader();
    let id = i32::try_from(leader).unwrap() + 1;
    let (_, follower) = cluster.running().find(|(place, _)| *place != leader).unwrap();
    wait_for("the follower to know", || {
        create_topic(follower, "probe") == Err(AskError::NotController(Some(id)))
    });
}

#[test]
fn the_loss_of_the_leader_loses_nothing() {
    let mut cluster = Cluster::start(never());
    let first = cluster.leader();
    register(cluster.node(first), 1);
    assert_eq!(create_topic(cluster.node(first), "a"), Ok(ErrorCode::NONE));
    cluster.nodes[first] = None;
    let second = cluster.leader();
    assert_ne!(first, second);
    assert!(cluster.node(second).images().borrow().topics.get("a").is_some());
    assert_eq!(create_topic(cluster.node(second), "b"), Ok(ErrorCode::NONE));
    let epoch = cluster.node(second).status().leader_epoch;
    assert!(epoch > 1, "a new leader has a new epoch");
    cluster.start_node(first);
    wait_for("the old leader to catch up", || {
        *cluster.node(first).images().borrow() == *cluster.node(second).images().borrow()
    });
    assert!(cluster.node(first).images().borrow().topics.get("b").is_some());
}

#[test]
fn a_voter_that_was_away_is_brought_up_by_a_snapshot() {
    let mut cluster = Cluster::start(often());
    let leader = cluster.leader();
    register(cluster.node(leader), 1);
    let away = (leader + 1) % 3;
    cluster.nodes[away] = None;
    for number in 0..60 {
        assert_eq!(create_topic(cluster.node(leader), &format!("topic-{number}")), Ok(ErrorCode::NONE));
    }
    cluster.start_node(away);
    wait_for("the voter to catch up", || {
        *cluster.node(away).images().borrow() == *cluster.node(leader).images().borrow()
    });
    cluster.nodes[away] = None;
    cluster.start_node(away);
    wait_for("the voter to catch up again", || {
        *cluster.node(away).images().borrow() == *cluster.node(leader).images().borrow()
    });
}

#[test]
fn without_a_majority_nothing_is_decided_and_a_node_still_stops() {
    let mut cluster = Cluster::start(never());
    let leader = cluster.leader();
    register(cluster.node(leader), 1);
    for place in 0..3 {
        if place != leader {
            cluster.nodes[place] = None;
        }
    }
    let asked = create_topic(cluster.node(leader), "lonely");
    assert!(matches!(asked, Err(AskError::Undecided | AskError::NotController(_))), "{asked:?}");
    assert!(cluster.node(leader).images().borrow().topics.get("lonely").is_none());
    cluster.nodes[leader] = None;
}
