//! Kafka reads what we write: needs Java and the jars of Kafka 4.3.1.
//!
//! `KAFKA_LIBS=<folder of jars> cargo test -p records -- --ignored`

use std::path::Path;
use std::process::Command;

use records::{BatchBuilder, Codec, Compression, EndTxnMarker};

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
    let libs = std::env::var("KAFKA_LIBS").expect("KAFKA_LIBS names the folder of Kafka's jars");
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
    let folder = std::env::temp_dir().join(format!("records-java-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("ours.bin");
    std::fs::write(&file, &bytes).unwrap();
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java/RecordsOracle.java");
    let output = Command::new("java")
        .args(["-cp", &format!("{libs}/*")])
        .arg(oracle)
        .arg("list")
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), list(&bytes));
}
