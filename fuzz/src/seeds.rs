//! Writes what each target begins with: `seeds FOLDER` makes FOLDER/<target>/.

use std::error::Error;
use std::fs;
use std::path::Path;

use protocol::ApiKey;
use records::{BatchBuilder, Compression};

/// What Kafka's own classes make of each request at each version.
const GOLDEN: &str = include_str!("../../crates/protocol/golden/requests.txt");
const TIMESTAMP_MS: i64 = 1_600_000_000_000;
/// Beyond the checksum a batch has its attributes, and behind its head the records.
const RECORDS_AT: usize = 61;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: seeds FOLDER")?;
    let folder = Path::new(&folder);
    let mut number = 0;
    let mut save = |target: &str, bytes: &[u8]| -> Result<(), Box<dyn Error>> {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        number += 1;
        Ok(fs::write(folder.join(format!("seed-{number}")), bytes)?)
    };
    for line in GOLDEN.lines() {
        let Some((api_key, version, body)) = golden(line) else { continue };
        let place = (version - api_key.versions().min) as u8;
        save("requests", &[&[api_key as u8, place], &body[..]].concat())?;
        let mut head = Vec::from((api_key as i16).to_be_bytes());
        head.extend(version.to_be_bytes());
        head.extend([0, 0, 0, 1, 0, 1, b'c', 0]);
        let size = ((head.len() + body.len()) as i32).to_be_bytes();
        save("frame", &[&[9], &size[..], &head, &body, &[0, 0, 0, 1, 7]].concat())?;
    }
    // A read, a watch, and the watches of a client that comes back.
    for operation in [3u8, 4, 8, 12, 105, 106] {
        let packet = [&[0, 0, 0, 1, 0, 0, 0, operation, 0, 0, 0, 2][..], b"/a", &[1, 0, 0, 0]].concat();
        save("zookeeper", &[&[packet.len() as u8], &packet[..]].concat())?;
    }
    for codec in Compression::ALL {
        for count in [1, 3, 200] {
            let mut builder = BatchBuilder::new().compression(codec).producer(7, 0, 0);
            for nth in 0..count {
                builder.push(TIMESTAMP_MS + nth, Some(b"key"), Some(b"some text, some text"), &[]);
            }
            let batch = builder.build();
            save("batch", &batch)?;
            save("segment", &batch)?;
            let more = BatchBuilder::new().base_offset(count).record(TIMESTAMP_MS, None, Some(b"v")).build();
            save("segment", &[&batch[..], &more].concat())?;
            for bound in 0..5u8 {
                save("decompress", &[&[bound << 4 | codec as u8], &batch[RECORDS_AT..]].concat())?;
            }
        }
    }
    for text in
        ["a=b\nc : d\n# e\n! f\n  g\\=h = i\\\n   j\n", "k=\\u00e9\\t\nl\\ m n\n", "\u{e9}=\\\\\r\no=\r", ""]
    {
        save("properties", text.as_bytes())?;
    }
    Ok(())
}

fn golden(line: &str) -> Option<(ApiKey, i16, Vec<u8>)> {
    let mut words = line.split(' ');
    let name = words.next()?.strip_suffix("Request")?;
    let api_key = ApiKey::ALL.into_iter().find(|key| key.name() == name)?;
    let version = words.next()?.parse().ok()?;
    let digits = words.nth(1)?;
    let pairs = digits.as_bytes().chunks(2).take(2_000);
    let body = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    Some((api_key, version, body.collect::<Option<Vec<u8>>>()?))
}
