//! Kafka reads what we write: needs Java and the jars of Kafka 4.3.1.
//!
//! `KAFKA_LIBS=<folder of jars> cargo test -p records -- --ignored`

use std::path::{Path, PathBuf};
use std::process::Command;

use records::{
    BatchBuilder, Codec, Compression, EndTxnMarker, ProduceRules, Scratch, TimestampType, crc32c,
    validate_produce,
};

use crate::listing::list;

fn batch(codec: Codec, base_offset: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::new().base_offset(base_offset).leader_epoch(3).compression(codec);
    for i in 0..200 {
        let value = format!("value {i} with words that repeat; ").repeat(30);
        let headers: [records::HeaderRef<'_>; 2] = [(b"h", Some(b"x")), (b"", None)];
        builder.push(
            1_700_000_000_000 - i,
            Some(b"key"),
            Some(value.as_bytes()),
            &headers[..(i as usize) % 3],
        );
    }
    builder.build()
}

#[test]
#[ignore = "needs Java and KAFKA_LIBS, the folder of Kafka's jars"]
fn kafka_reads_what_we_write() {
    let mut bytes = Vec::new();
    for compression in Compression::ALL {
        let levels: &[Option<i32>] = match compression {
            Compression::Gzip => &[None, Some(1), Some(9)],
            Compression::Zstd => &[None, Some(-5), Some(1), Some(19), Some(22)],
            _ => &[None],
        };
        for &level in levels {
            bytes.extend(batch(Codec { compression, level }, bytes.len() as i64));
        }
    }
    let next = bytes.len() as i64;
    let marker = EndTxnMarker { committed: false, coordinator_epoch: 4 };
    bytes.extend(marker.batch(8, 1, 1_700_000_000_000).base_offset(next).build());
    bytes.extend(BatchBuilder::new().base_offset(next + 1).log_append_time(5).record(1, None, None).build());
    let folder = folder("list");
    let file = folder.join("ours.bin");
    std::fs::write(&file, &bytes).unwrap();
    let said = oracle(&["list", file.to_str().unwrap()]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(said, list(&bytes));
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("records-java-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn oracle(arguments: &[&str]) -> String {
    let libs = std::env::var("KAFKA_LIBS").expect("KAFKA_LIBS names the folder of Kafka's jars");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java/RecordsOracle.java");
    let mut command = Command::new("java");
    let output = command.args(["-cp", &format!("{libs}/*")]).arg(source).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const NOW: i64 = 1_700_000_000_000;

fn three(codec: Compression) -> BatchBuilder {
    let builder = BatchBuilder::new().compression(codec).producer(9, 2, 5);
    builder.record(NOW, Some(b"a"), Some(b"1")).record(NOW + 7, None, None).record(NOW - 7, Some(b"c"), None)
}

/// A batch with bytes overwritten at a place, its length and checksum made right again.
fn with(codec: Compression, at: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = three(codec).build();
    bytes[at..at + value.len()].copy_from_slice(value);
    seal(bytes)
}

fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = bytes.len() as u32 - 12;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    let checksum = crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn cases() -> Vec<(String, Vec<u8>)> {
    let mut cases = Vec::new();
    for codec in Compression::ALL {
        let mut add = |name: &str, bytes: Vec<u8>| cases.push((format!("{name}-{codec}"), bytes));
        add("compacted-keyless", three(codec).build());
        add("sound", three(codec).build());
        add("count-low", with(codec, 57, &2i32.to_be_bytes()));
        add("count-negative", with(codec, 57, &(-1i32).to_be_bytes()));
        add("delta-negative", with(codec, 23, &(-1i32).to_be_bytes()));
        add("sequence-negative", with(codec, 53, &(-1i32).to_be_bytes()));
        add("control", with(codec, 21, &(0x20 | codec as i16).to_be_bytes()));
        add("append-time", three(codec).log_append_time(NOW).build());
        add("append-time-unset", three(codec).log_append_time(-1).build());
        add("append-time-topic-claim", three(codec).log_append_time(NOW).build());
        add("max-timestamp-wrong", with(codec, 35, &(NOW + 99).to_be_bytes()));
        add("too-old", BatchBuilder::new().compression(codec).record(NOW - 1001, None, None).build());
        add(
            "too-new",
            BatchBuilder::new()
                .compression(codec)
                .record(NOW, None, None)
                .record(NOW + 1001, None, None)
                .build(),
        );
        add(
            "at-the-bounds",
            BatchBuilder::new()
                .compression(codec)
                .record(NOW - 1000, None, None)
                .record(NOW + 1000, None, None)
                .build(),
        );
        add("no-timestamp", BatchBuilder::new().compression(codec).record(-1, None, None).build());
        let mut cut = three(codec).build();
        cut.truncate(cut.len() - 3);
        add("cut", seal(cut));
        let mut more = BatchBuilder::new().compression(codec);
        for _ in 0..3 {
            more.push(NOW, None, Some(b"1234"), &[]);
        }
        let mut bytes = more.build();
        bytes[57..61].copy_from_slice(&2i32.to_be_bytes());
        bytes[23..27].copy_from_slice(&1i32.to_be_bytes());
        add("records-left-over", seal(bytes));
        if codec == Compression::None {
            add("length-wrong", with(codec, 61, &[0x10]));
            add("length-huge", with(codec, 61, &[0x7e]));
        } else {
            add("garbage", with(codec, 61, &[0xee; 8]));
        }
    }
    cases.sort();
    cases
}

/// Structural damage, which Kafka describes in the words of whatever stumbled over it: only codes are compared.
fn is_loose(name: &str) -> bool {
    ["cut", "garbage", "length-huge"].iter().any(|prefix| name.starts_with(prefix))
}

#[test]
#[ignore = "needs Java and KAFKA_LIBS, the folder of Kafka's jars"]
fn kafka_judges_produced_batches_as_we_do() {
    let folder = folder("validate");
    let mut ours = Vec::new();
    for (name, bytes) in cases() {
        std::fs::write(folder.join(format!("{name}.batch")), &bytes).unwrap();
        let rules = ProduceRules {
            compacted: name.starts_with("compacted"),
            timestamp_type: if name.starts_with("append-time-topic") {
                TimestampType::LogAppendTime
            } else {
                TimestampType::CreateTime
            },
            timestamp_before_max_ms: 1000,
            timestamp_after_max_ms: 1000,
            ..ProduceRules::defaults("orders-0", NOW)
        };
        let verdict = match validate_produce(&bytes, &rules, &mut Scratch::new()) {
            Ok(checked) => {
                let max = checked.max_timestamp();
                format!("0 max={max} rebuilt=false type=CreateTime header-max={max}")
            }
            Err(error) => {
                let records =
                    error.record_errors.iter().map(|one| format!(" / {}: {}", one.batch_index, one.message));
                format!("{} {}{}", error.code.0, error.message, records.collect::<String>())
            }
        };
        ours.push(format!("{name} {verdict}"));
    }
    let said = oracle(&["validate", folder.to_str().unwrap(), &NOW.to_string()]);
    std::fs::remove_dir_all(&folder).unwrap();
    let theirs: Vec<&str> = said.lines().collect();
    assert_eq!(theirs.len(), ours.len());
    let mut differences = String::new();
    for (ours, theirs) in ours.iter().zip(theirs) {
        let code = |verdict: &str| verdict.split(' ').nth(1).map(str::to_owned);
        let same = if is_loose(ours) { code(ours) == code(theirs) } else { ours == theirs };
        if !same {
            differences.push_str(&format!("ours:   {ours}\ntheirs: {theirs}\n"));
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}
