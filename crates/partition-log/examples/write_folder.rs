//! Writes partition folders of every kind for `tests/kafka-dump.sh` to show to Kafka's tools.
//!
//! `cargo run -p partition-log --example write_folder <folder>`

use std::path::Path;
use std::sync::Arc;

use partition_log::{FileHandles, LogHome, LogOptions, PartitionLog, RealDisk, RecoveryStart};
use records::{BatchBuilder, CheckedBatch, Compression, EndTxnMarker, next_batch};

type Failure = Box<dyn std::error::Error>;

const TIME: i64 = 1_700_000_000_000;

fn main() -> Result<(), Failure> {
    let folder = std::env::args().nth(1).ok_or("usage: write_folder <folder>")?;
    let home = LogHome::new(Arc::new(RealDisk), Arc::new(FileHandles::new(100)));
    for log_append_time in [false, true] {
        let options = LogOptions {
            segment_bytes: 20_000,
            index_interval_bytes: 1000,
            log_append_time,
            ..LogOptions::default()
        };
        let name = if log_append_time { "append-time-0" } else { "create-time-0" };
        write(&home, &Path::new(&folder).join(name), options)?;
    }
    Ok(())
}

fn write(home: &Arc<LogHome>, folder: &Path, options: LogOptions) -> Result<(), Failure> {
    let recovery = RecoveryStart { clean_shutdown: true, ..RecoveryStart::default() };
    let log = PartitionLog::open(home, folder, Arc::new(options), recovery, TIME)?;
    log.assign_leader_epoch(0)?;
    for round in 0..40i64 {
        for (place, codec) in Compression::ALL.into_iter().enumerate() {
            let producer = 100 + place as i64;
            let count = 1 + (round + place as i64) % 7;
            let sequence = i32::try_from(round * 10)?;
            let mut builder = BatchBuilder::new().compression(codec);
            if place > 0 {
                builder = builder.producer(producer, i16::try_from(round)?, 0);
            }
            if place > 2 {
                builder = builder.transactional();
            }
            for n in 0..count {
                let value = format!("round {round} record {n} of {codec}, sequence {sequence}; ").repeat(4);
                let headers: [records::HeaderRef<'_>; 1] = [(b"h", Some(b"x"))];
                let key = (n % 3 > 0).then_some(&b"key"[..]);
                builder.push(
                    TIME + round * 100 + n,
                    key,
                    Some(value.as_bytes()),
                    &headers[..(n % 2) as usize],
                );
            }
            append(&log, &builder, round)?;
            if place > 2 {
                let marker = EndTxnMarker { committed: round % 2 == 0, coordinator_epoch: 5 };
                append(&log, &marker.batch(producer, i16::try_from(round)?, TIME + round * 100), round)?;
            }
        }
    }
    log.close()?;
    println!("{} {} {}", folder.display(), log.log_end_offset(), log.segment_count());
    Ok(())
}

fn append(log: &PartitionLog, builder: &BatchBuilder, round: i64) -> Result<(), Failure> {
    let mut bytes = builder.build();
    let checked = next_batch(&bytes)?.as_ref().map(CheckedBatch::own).ok_or("the batch is empty")?;
    log.append_as_leader(&mut bytes, &checked, i32::try_from(round / 10)?, TIME + round * 100)?;
    Ok(())
}
