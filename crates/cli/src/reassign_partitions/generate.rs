//! `kafka-reassign-partitions --generate`.

use std::collections::BTreeMap;

use client::Admin;

use super::placement::{self, Located, Start};
use super::{LogDirs, Replicas, log_dirs_of, plan, replicas_of};
use crate::Output;
use crate::admin_tool::{refused, wrote};
use crate::failure::Failure;
use crate::options::Given;
use crate::partitions_file::unusable;

pub(super) async fn run(
    admin: &Admin,
    given: &Given,
    text: &str,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let wanted = plan::brokers(given.value("broker-list").map_err(refused)?.unwrap_or_default())?;
    let topics = plan::topics(text)?;
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let current = replicas_of(admin, &names).await?;
    let with_racks = !given.has("disable-rack-aware");
    let cluster = admin.describe_cluster(false).await.map_err(Failure::executed)?;
    let nodes = cluster.brokers.into_iter().map(|broker| broker.node);
    let brokers: Vec<Located> = nodes
        .filter(|node| wanted.contains(&node.id))
        .map(|node| (node.id, node.rack.filter(|_| with_racks)))
        .collect();
    let without = brokers.iter().filter(|(_, rack)| rack.is_none()).count();
    if with_racks && without != 0 && without != brokers.len() {
        return Err(unusable(
            "Not all brokers have rack information. Add --disable-rack-aware in command line to make replica assignment without rack information.",
        ));
    }
    let proposed = proposed(&current, &brokers)?;
    let holders: std::collections::BTreeSet<i32> = current.values().flatten().copied().collect();
    let log_dirs = log_dirs_of(admin, holders.into_iter()).await?;
    let (current, proposed) = (plan::written(&current, &log_dirs), plan::written(&proposed, &LogDirs::new()));
    wrote(writeln!(output.out, "Current partition replica assignment\n{current}\n"))?;
    wrote(writeln!(output.out, "Proposed partition reassignment configuration\n{proposed}"))
}

/// Another place for each partition, topic by topic.
fn proposed(current: &Replicas, brokers: &[Located]) -> Result<Replicas, Failure> {
    let mut topics: BTreeMap<&str, Vec<(i32, usize)>> = BTreeMap::new();
    for ((topic, partition), replicas) in current {
        topics.entry(topic).or_default().push((*partition, replicas.len()));
    }
    let mut proposed = Replicas::new();
    for (topic, partitions) in topics {
        let factor = partitions.first().map_or(0, |(_, factor)| *factor);
        let start = Start { first: random(brokers.len())?, shift: random(brokers.len())? };
        let placed = placement::place(brokers, partitions.len(), factor, start)?;
        for ((partition, _), replicas) in partitions.into_iter().zip(placed) {
            proposed.insert((topic.to_owned(), partition), replicas);
        }
    }
    Ok(proposed)
}

/// A number below another one, by the randomness of the system.
fn random(below: usize) -> Result<usize, Failure> {
    let id = quorum::format::random_id();
    let id = id.map_err(|error| Failure::of_class("java.lang.IllegalStateException", error.to_string()))?;
    let [.., high, low] = id.0;
    Ok(usize::from(u16::from_be_bytes([high, low])) % below.max(1))
}
