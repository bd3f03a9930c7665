//! The scripts, one file per API or kind.

mod api_versions;
mod cluster;
mod configs;
mod consumer_groups;
mod create_topics;
mod delete_topics;
mod describe_cluster;
mod describe_topic_partitions;
mod elections;
mod fetch;
mod frames;
mod group_members;
mod group_offsets;
mod list_offsets;
mod metadata;
mod offsets_and_producers;
mod produce;
mod quotas;
mod restart;
mod scram_credentials;
mod topics;

use crate::session::{Session, Stopped};

/// A script under its name. Cases run in order, each on topics of its own.
#[derive(Debug)]
pub struct Case {
    /// Its name: the API, then what it is about.
    pub name: &'static str,
    /// The script.
    pub script: fn(&mut Session) -> Result<(), Stopped>,
}

/// Every case.
pub fn all() -> Vec<Case> {
    let (empty_cluster, metadata) = metadata::CASES.split_at(1);
    named(&[
        frames::CASES,
        api_versions::CASES,
        empty_cluster,
        // Before others make the internal topic in their own shape, in which Kafka finds no coordinator.
        group_members::CASES,
        group_offsets::CASES,
        consumer_groups::CASES,
        metadata,
        produce::CASES,
        fetch::CASES,
        list_offsets::CASES,
        describe_cluster::CASES,
        describe_topic_partitions::CASES,
        create_topics::CASES,
        delete_topics::CASES,
        elections::CASES,
        offsets_and_producers::CASES,
        configs::CASES,
        quotas::CASES,
        scram_credentials::CASES,
        cluster::CASES,
        restart::BEFORE,
    ])
}

/// Cases for servers that were stopped and started again on what they had, under other settings.
pub fn after_restart() -> Vec<Case> {
    named(&[restart::AFTER])
}

fn named(files: &[&[Row]]) -> Vec<Case> {
    files.iter().copied().flatten().map(|(name, script)| Case { name, script: *script }).collect()
}

/// A row of a file's list of cases.
pub type Row = (&'static str, fn(&mut Session) -> Result<(), Stopped>);
