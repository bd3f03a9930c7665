//! The log directories of the broker: which are online, where a new partition goes, what follows when one fails.

mod log_dir;
mod side_appends;
mod slowness;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use model::Uuid;
use tokio::sync::{Notify, watch};

use crate::broker::Broker;

pub use log_dir::BrokerLogDir;

/// The log directories, in the order of `log.dirs`.
#[derive(Debug)]
pub struct LogDirs {
    dirs: Vec<Arc<BrokerLogDir>>,
    /// Those that get no new partitions (`cordoned.log.dirs`).
    cordoned: ArcSwap<Vec<PathBuf>>,
    /// Counts what the controller has to be told: directories that fail, or are cordoned or not.
    failures: watch::Sender<usize>,
    /// Why the broker cannot go on.
    end: watch::Sender<Option<String>>,
    /// A partition was put where the controller does not know of.
    has_misplaced: AtomicBool,
    misplaced: Notify,
    has_recovered: AtomicBool,
}

impl LogDirs {
    /// Watches over `dirs`.
    pub fn new(dirs: Vec<Arc<BrokerLogDir>>) -> LogDirs {
        let failures = watch::Sender::new(0);
        for dir in &dirs {
            let told = failures.clone();
            dir.home.watch(move || told.send_modify(|count| *count += 1));
        }
        LogDirs {
            dirs,
            cordoned: ArcSwap::default(),
            failures,
            end: watch::Sender::new(None),
            has_misplaced: AtomicBool::new(false),
            misplaced: Notify::new(),
            has_recovered: AtomicBool::new(false),
        }
    }

    /// All of them, in the order of `log.dirs`.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<BrokerLogDir>> {
        self.dirs.iter()
    }

    /// Those that can be used.
    pub fn online(&self) -> impl Iterator<Item = &Arc<BrokerLogDir>> {
        self.dirs.iter().filter(|dir| !dir.is_offline())
    }

    /// Ids of those that can be used, in the order of `log.dirs`.
    pub fn online_ids(&self) -> Vec<Uuid> {
        self.online().map(|dir| dir.id).collect()
    }

    /// Ids of those that have failed, as far as they are known.
    pub fn offline_ids(&self) -> Vec<Uuid> {
        let offline = self.dirs.iter().filter(|dir| dir.is_offline() && !dir.id.is_zero());
        offline.map(|dir| dir.id).collect()
    }

    /// True where one has failed.
    pub fn has_offline(&self) -> bool {
        self.dirs.iter().any(|dir| dir.is_offline())
    }

    /// The one of that id, if it can be used.
    pub fn online_dir(&self, id: Uuid) -> Option<&Arc<BrokerLogDir>> {
        self.online().find(|dir| dir.id == id)
    }

    /// Where a partition goes that has no place yet: where fewest are, and where all are cordoned in one of those.
    pub fn least_filled(&self) -> Option<&Arc<BrokerLogDir>> {
        self.online().min_by_key(|dir| (self.is_cordoned(dir), dir.partition_count()))
    }

    /// Keeps new partitions away from the directories of these names, and from no other.
    pub fn cordon(&self, names: &[String]) {
        let paths: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
        if **self.cordoned.load() != paths {
            self.cordoned.store(Arc::new(paths));
            self.failures.send_modify(|count| *count += 1);
        }
    }

    /// True where new partitions are kept away from the directory.
    pub fn is_cordoned(&self, dir: &BrokerLogDir) -> bool {
        self.cordoned.load().contains(&dir.path)
    }

    /// Ids of those that new partitions are kept away from.
    pub fn cordoned_ids(&self) -> Vec<Uuid> {
        self.online().filter(|dir| self.is_cordoned(dir)).map(|dir| dir.id).collect()
    }

    /// The broker epoch that the last run left in every directory at its clean stop, -1 where they do not agree:
    /// only then is nothing lost that it had acknowledged (KIP-966).
    pub fn previous_broker_epoch(&self) -> i64 {
        let mut epochs = self.dirs.iter().map(|dir| dir.clean_epoch());
        let Some(Some(first)) = epochs.next() else { return -1 };
        if epochs.all(|epoch| epoch == Some(first)) { first } else { -1 }
    }

    /// A signal for whoever must know at once that a directory has failed, or is cordoned or not.
    pub fn failures(&self) -> watch::Receiver<usize> {
        self.failures.subscribe()
    }

    /// A partition was put where the image does not say; [`LogDirs::tell_misplaced`] tells once the image is there.
    pub(crate) fn note_misplaced(&self) {
        self.has_misplaced.store(true, Ordering::Release);
    }

    /// Wakes whoever reports where partitions lie, if there is something to report.
    pub(crate) fn tell_misplaced(&self) {
        if self.has_misplaced.swap(false, Ordering::AcqRel) {
            self.misplaced.notify_one();
        }
    }

    /// Returns when there is something to report.
    pub(crate) async fn misplaced(&self) {
        self.misplaced.notified().await;
    }

    /// Ends the broker; only the first reason counts.
    pub fn end(&self, reason: String) {
        self.end.send_if_modified(|end| end.is_none() && end.replace(reason).is_none());
    }

    /// Returns once the broker cannot go on, and why.
    pub async fn ended(&self) -> String {
        let mut end = self.end.subscribe();
        let reason = end.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.unwrap_or_default()
    }

    /// True once, for whoever opens the partitions that the last run left.
    pub(crate) fn begin_recovery(&self) -> bool {
        !self.has_recovered.swap(true, Ordering::AcqRel)
    }
}

/// Says which directories fail, wakes whoever waits for records there, and ends the broker when none is left.
pub async fn watch_over(broker: Arc<Broker>, mut stopping: watch::Receiver<bool>) {
    let log_dirs = &broker.log_dirs;
    let mut failures = log_dirs.failures();
    failures.mark_changed();
    let mut known: Vec<bool> = log_dirs.iter().map(|_| false).collect();
    loop {
        tokio::select! {
            changed = failures.changed() => if changed.is_err() { return },
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        for (dir, known) in log_dirs.iter().zip(&mut known) {
            if dir.is_offline() && !std::mem::replace(known, true) {
                stop_serving(&broker, dir);
            }
        }
        if log_dirs.online().next().is_none() {
            let paths: Vec<String> = log_dirs.iter().map(|dir| dir.path.display().to_string()).collect();
            log_dirs.end(format!(
                "Shutdown broker because all log dirs in {} have failed; repair the disk and start again",
                paths.join(", ")
            ));
        }
    }
}

fn stop_serving(broker: &Broker, dir: &Arc<BrokerLogDir>) {
    let partitions = broker.partitions.partitions_in(dir);
    let names: Vec<String> = partitions.iter().map(|partition| format!("{partition:?}")).collect();
    tracing::error!(
        reason = dir.home.offline_reason().unwrap_or_default(),
        partitions = names.join(","),
        "Stopping serving logs in dir {}; repair the disk and restart the broker",
        dir.path.display()
    );
    for partition in partitions {
        partition.waits.wake_all();
    }
}
