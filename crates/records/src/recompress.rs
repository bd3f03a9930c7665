//! Writes a batch again under another codec, when the topic's `compression.type` asks for one.

use crate::attributes::Compression;
use crate::batch::{BATCH_HEADER_SIZE, BatchView, at};
use crate::builder::{seal, write_at};
use crate::compression::{Codec, DecompressError, compress};
use crate::scratch::Scratch;

/// Appends `batch` to `out` with its records under `codec`; records and all other fields stay as they are.
///
/// `bound` limits the decompressed size in bytes.
pub fn recompress(
    batch: &BatchView<'_>,
    codec: Codec,
    scratch: &mut Scratch,
    bound: usize,
    out: &mut Vec<u8>,
) -> Result<(), DecompressError> {
    let plain = scratch.plain(batch, bound)?;
    let start = out.len();
    out.extend_from_slice(batch.bytes().get(..BATCH_HEADER_SIZE).unwrap_or_default());
    if codec.compression == Compression::None {
        out.extend_from_slice(plain);
    } else {
        compress(codec, plain, out);
    }
    if let Some(written) = out.get_mut(start..) {
        let attributes = batch.attributes().with_compression(codec.compression);
        write_at(written, at::ATTRIBUTES, attributes.0.to_be_bytes());
        seal(written);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchBuilder, next_batch};

    #[test]
    fn every_codec_turns_into_every_other() {
        let value = b"words, words, words, ".repeat(500);
        let build = |codec: Compression| {
            let builder = BatchBuilder::new().compression(codec).producer(3, 1, 4).leader_epoch(2);
            builder.record(10, Some(b"k"), Some(&value)).record(20, None, None).build()
        };
        let mut scratch = Scratch::new();
        for from in Compression::ALL {
            for to in Compression::ALL {
                let source = build(from);
                let mut out = b"before".to_vec();
                let batch = next_batch(&source).unwrap().unwrap();
                recompress(&batch, to.into(), &mut scratch, 1 << 20, &mut out).unwrap();
                assert_eq!(out[6..], build(to), "{from} to {to}");
            }
        }
    }
}
