//! DescribeLogDirs 1-5: log directories, their room, and the size of each partition in them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use model::ErrorCode;
use protocol::messages::describe_log_dirs_request::DescribeLogDirsRequest;
use protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResponse, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use protocol::{ApiKey, VersionRange};
use transport::Outbound;

use crate::dispatch::Api;
use crate::log_dirs::BrokerLogDir;
use crate::partitions::Partition;
use crate::request::{Request, Served};

/// The handler's row in the table of APIs.
pub const API: Api = Api { key: ApiKey::DescribeLogDirs, versions: VersionRange::new(1, 5), serve };

fn serve(request: &mut Request<'_>, body: &mut [u8], out: &mut Outbound) -> Served {
    let asked: DescribeLogDirsRequest<'_> = request.decode(body)?;
    let broker = request.broker();
    let partitions = match &asked.topics {
        None => broker.partitions.partitions(),
        Some(topics) => {
            let wanted =
                topics.iter().flat_map(|topic| topic.partitions.iter().map(|index| (&topic.topic, *index)));
            wanted.filter_map(|(topic, index)| broker.partitions.partition(topic, index).ok()).collect()
        }
    };
    let dirs = broker.log_dirs.iter();
    let results = dirs.map(|dir| describe(dir, broker.log_dirs.is_cordoned(dir), &partitions));
    let response = DescribeLogDirsResponse { results: results.collect(), ..Default::default() };
    request.answer(out, &response)
}

fn describe(
    log_dir: &Arc<BrokerLogDir>,
    is_cordoned: bool,
    partitions: &[Arc<Partition>],
) -> DescribeLogDirsResult<'static> {
    let log_dir_text = log_dir.path.display().to_string();
    if log_dir.is_offline() {
        let error_code = ErrorCode::KAFKA_STORAGE_ERROR;
        return DescribeLogDirsResult { error_code, log_dir: log_dir_text.into(), ..Default::default() };
    }
    let mut topics: BTreeMap<&str, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
    for partition in partitions.iter().filter(|partition| Arc::ptr_eq(&partition.log_dir, log_dir)) {
        let partition_size = i64::try_from(partition.log.size_bytes()).unwrap_or(i64::MAX);
        let described = DescribeLogDirsPartition {
            partition_index: partition.index,
            partition_size,
            offset_lag: 0,
            is_future_key: false,
        };
        topics.entry(partition.topic.name.as_str()).or_default().push(described);
    }
    let shown = |(name, partitions): (&str, Vec<DescribeLogDirsPartition>)| DescribeLogDirsTopic {
        name: Cow::Owned(name.to_owned()),
        partitions,
    };
    let (total_bytes, usable_bytes) = log_dir.room().unwrap_or((-1, -1));
    DescribeLogDirsResult {
        error_code: ErrorCode::NONE,
        log_dir: log_dir_text.into(),
        topics: topics.into_iter().map(shown).collect(),
        total_bytes,
        usable_bytes,
        is_cordoned,
    }
}
