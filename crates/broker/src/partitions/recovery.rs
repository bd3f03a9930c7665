//! The partitions that the last run left on disk: opened in parallel before the first image is applied.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use metadata::Image;
use metadata::image::Partition;
use model::{PartitionIndex, TopicName, Uuid};
use partition_log::{LastRun, LogDir, LogError, LogOptions, OpenedLog, PartitionLog, parse_partition_folder};

use super::apply::settings_of;
use crate::broker::Broker;
use crate::log_dirs::BrokerLogDir;

const ID_REMEDY: &str = "if the records beside it are those of that topic, write the lines 'version: 0' and 'topic_id: ' with that id into the file and start again, else move the folder away";

/// Opened logs by the names of their folders, and where each was found.
#[derive(Debug, Default)]
pub struct Recovered {
    logs: HashMap<String, (Arc<BrokerLogDir>, Result<PartitionLog, LogError>)>,
}

impl Recovered {
    /// Takes out the log of a partition, if it was there.
    pub fn take(&mut self, folder: &str) -> Option<(Arc<BrokerLogDir>, Result<PartitionLog, LogError>)> {
        self.logs.remove(folder)
    }
}

/// Opens every partition of this broker that is found in a log directory, directories beside each other. What
/// `image` does not place here is put aside, what was being deleted goes. An error is why the broker cannot start.
pub fn recover(broker: &Broker, image: &Image) -> Result<Recovered, String> {
    let mut recovered = Recovered::default();
    let opened: Vec<(Arc<BrokerLogDir>, Vec<OpenedLog>)> = std::thread::scope(|scope| {
        let open = |dir: &Arc<BrokerLogDir>| (Arc::clone(dir), recover_dir(broker, image, dir));
        let mut dirs = broker.log_dirs.online();
        let first = dirs.next();
        let others: Vec<_> = dirs.map(|dir| scope.spawn(move || open(dir))).collect();
        let mut opened: Vec<_> = first.map(open).into_iter().collect();
        opened.extend(others.into_iter().filter_map(|thread| thread.join().ok()));
        opened
    });
    for (dir, logs) in opened {
        for (name, outcome) in logs {
            let path = dir.path.display().to_string();
            if let Some((other, _)) = recovered.logs.insert(name.clone(), (Arc::clone(&dir), outcome)) {
                return Err(format!(
                    "Duplicate log directories for {name} are found in both {} and {path}. Recover the broker from this failure by deleting one of the two directories for this partition; it is recommended to delete the one in the log directory that is known to have failed recently",
                    other.path.display()
                ));
            }
        }
    }
    Ok(recovered)
}

fn recover_dir(broker: &Broker, image: &Image, dir: &Arc<BrokerLogDir>) -> Vec<OpenedLog> {
    let Some(files) = &dir.files else { return Vec::new() };
    let started = Instant::now();
    let last_run = dir.last_run();
    let mut found = match find(broker, image, files, &last_run) {
        Ok(found) => found,
        Err(error) => {
            dir.home.take_offline(&error.to_string());
            return Vec::new();
        }
    };
    let options = |name: &str| found.options.get(topic_of(name)).cloned().unwrap_or_default();
    let settle = |name: &str, log: &PartitionLog| {
        let Some((id, agreed)) = agreed_of(image, name) else { return Ok(()) };
        if found.without_id.contains(name) {
            log.set_topic_id(id)?;
        }
        log.assign_leader_epoch(agreed.leader_epoch)
    };
    let threads = broker.recovery_threads(image);
    let mut opened =
        files.open_logs(&found.folders, &options, &settle, &last_run, threads, broker.clock.now_ms());
    opened.append(&mut found.refused);
    let scanned: u64 = opened
        .iter()
        .filter_map(|(_, log)| log.as_ref().ok())
        .map(|log| log.recovery_report().scanned_bytes)
        .sum();
    if !opened.is_empty() {
        tracing::info!(
            partitions = opened.len(),
            clean = last_run.was_clean,
            scanned_bytes = scanned,
            ms = started.elapsed().as_millis(),
            "opened the logs in {}",
            dir.path.display()
        );
    }
    opened
}

/// What a directory holds of ours.
#[derive(Default)]
struct Found {
    folders: Vec<String>,
    /// Those of them in which the id of the topic is still to be written.
    without_id: HashSet<String>,
    /// Those that may be ours and cannot be opened, and why.
    refused: Vec<OpenedLog>,
    /// By topic.
    options: HashMap<String, Arc<LogOptions>>,
}

fn find(broker: &Broker, image: &Image, files: &LogDir, last_run: &LastRun) -> Result<Found, LogError> {
    let now = Instant::now();
    broker.doomed.lock().extend(files.deleted_folders()?.into_iter().map(|folder| (now, folder)));
    let mut found = Found::default();
    for name in files.partition_folders()? {
        let topic = topic_of(&name);
        if topic == TopicName::CLUSTER_METADATA {
            continue;
        }
        let belongs = belonging(broker, image, files, &name, last_run)?;
        if let Belonging::Refused(error) = belongs {
            found.refused.push((name, Err(error)));
            continue;
        }
        if matches!(belongs, Belonging::Elsewhere) {
            let aside = files.set_aside(&name, broker.clock.random_id())?;
            tracing::warn!(
                "Log in {} marked stray and renamed to {}: the cluster does not place this partition here; remove the folder if nobody needs it",
                files.path().join(&name).display(),
                aside.display()
            );
            continue;
        }
        if !found.options.contains_key(topic) {
            found.options.insert(topic.to_owned(), settings_of(broker, image, topic).log);
        }
        if matches!(belongs, Belonging::HereWithoutId) {
            found.without_id.insert(name.clone());
        }
        found.folders.push(name);
    }
    Ok(found)
}

/// Whether a folder found is that of a partition of this broker.
enum Belonging {
    Here,
    /// The id of its topic is still to be written.
    HereWithoutId,
    /// Whose records it holds cannot be told.
    Refused(LogError),
    Elsewhere,
}

/// Looks for the partition in `image` by the id of its topic.
fn belonging(
    broker: &Broker,
    image: &Image,
    files: &LogDir,
    name: &str,
    last_run: &LastRun,
) -> Result<Belonging, LogError> {
    let Some((topic, index)) = parse_partition_folder(name) else { return Ok(Belonging::Elsewhere) };
    let (id, damage) = match files.topic_id_in(name) {
        Ok(id) => (id, None),
        Err(LogError::Corrupt { path, reason, .. }) => (None, Some((path, reason))),
        Err(error) => return Err(error),
    };
    if let Some(id) = id {
        let is_here = is_placed_here(broker, image, id, topic, index);
        return Ok(if is_here { Belonging::Here } else { Belonging::Elsewhere });
    }
    let known = image.topics.get(topic).map(|topic| topic.id);
    let Some(id) = known.filter(|id| is_placed_here(broker, image, *id, topic, index)) else {
        return Ok(Belonging::Elsewhere);
    };
    if !files.has_records(name)? {
        return Ok(Belonging::HereWithoutId);
    }
    // The id is on stable storage with the first flush, so that a power cut before that may take it and leave records.
    if !last_run.was_clean && last_run.recovery_points.offset(topic, index).is_none_or(|point| point == 0) {
        let path = files.path().join(name);
        tracing::warn!(path = %path.display(), %id, "a crash has left records without the id of their topic; they are taken to be those of the topic of that name");
        return Ok(Belonging::HereWithoutId);
    }
    let Some((path, reason)) = damage else { return Ok(Belonging::Elsewhere) };
    let reason = format!("{reason}; the cluster's topic {topic} has the id {id}");
    Ok(Belonging::Refused(LogError::Corrupt { path, position: 0, reason, remedy: ID_REMEDY }))
}

fn is_placed_here(broker: &Broker, image: &Image, id: Uuid, topic: &str, index: PartitionIndex) -> bool {
    let agreed = image.topics.get_by_id(id).filter(|agreed| *agreed.name == *topic);
    agreed
        .and_then(|agreed| agreed.partition(index))
        .is_some_and(|partition| partition.replicas.contains(&broker.options.node_id))
}

fn agreed_of<'a>(image: &'a Image, folder: &str) -> Option<(Uuid, &'a Partition)> {
    let (topic, index) = parse_partition_folder(folder)?;
    let topic = image.topics.get(topic)?;
    topic.partition(index).map(|partition| (topic.id, partition.as_ref()))
}

fn topic_of(folder: &str) -> &str {
    parse_partition_folder(folder).map_or("", |(topic, _)| topic)
}
