//! The five codecs behind two doors: decompress within a bound, compress with a level.

mod gzip;
mod lz4;
mod snappy;
mod zstandard;

use std::fmt;

use crate::attributes::Compression;

pub(crate) use lz4::HeaderChecksum;

/// Why bytes could not be decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecompressError {
    /// The bytes are not what the codec writes, or a checksum inside them is wrong.
    Corrupt(Compression),
    /// The output would exceed the bound the caller gave.
    TooLarge,
    /// A codec id Kafka does not define.
    UnknownCodec,
}

impl DecompressError {
    /// The message, without the codec's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Corrupt(Compression::Gzip) => "gzip data is corrupt",
            Self::Corrupt(Compression::Snappy) => "snappy data is corrupt",
            Self::Corrupt(Compression::Lz4) => "lz4 data is corrupt",
            Self::Corrupt(Compression::Zstd) => "zstd data is corrupt",
            Self::Corrupt(Compression::None) => "data is corrupt",
            Self::TooLarge => "decompressed records exceed the size limit",
            Self::UnknownCodec => "unknown compression codec id",
        }
    }
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for DecompressError {}

/// A codec with its level (`compression.gzip.level`, `.lz4.level`, `.zstd.level`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Codec {
    /// The codec.
    pub compression: Compression,
    /// The level; `None` is the codec's default (gzip 6, zstd 3). lz4 has one level here: a higher one of
    /// Kafka's settings changes size, never readability.
    pub level: Option<i32>,
}

impl From<Compression> for Codec {
    fn from(compression: Compression) -> Codec {
        Codec { compression, level: None }
    }
}

/// Decoder contexts, made at first use and kept.
#[derive(Default)]
pub(crate) struct Decoders {
    gzip: Option<gzip::Decoder>,
    snappy: snappy::Decoder,
    zstd: Option<zstandard::Decoder>,
}

impl Decoders {
    /// Replaces the contents of `out` by the decompressed `input`, at most `bound` bytes.
    pub(crate) fn decompress(
        &mut self,
        codec: Compression,
        input: &[u8],
        out: &mut Vec<u8>,
        bound: usize,
    ) -> Result<(), DecompressError> {
        out.clear();
        match codec {
            Compression::None if input.len() > bound => Err(DecompressError::TooLarge),
            Compression::None => {
                out.extend_from_slice(input);
                Ok(())
            }
            Compression::Gzip => self.gzip.get_or_insert_default().decompress(input, out, bound),
            Compression::Snappy => self.snappy.decompress(input, out, bound),
            Compression::Lz4 => lz4::decompress(input, out, bound, HeaderChecksum::Verify),
            Compression::Zstd => {
                self.zstd.get_or_insert_default().decompress(input, out, bound).map_err(|error| match error {
                    zstandard::Failure::TooLarge => DecompressError::TooLarge,
                    zstandard::Failure::Corrupt => DecompressError::Corrupt(codec),
                })
            }
        }
    }

    /// As [`Decoders::decompress`] for lz4 inside v0 messages, whose header checksum early clients got wrong.
    pub(crate) fn decompress_lz4_v0(
        input: &[u8],
        out: &mut Vec<u8>,
        bound: usize,
    ) -> Result<(), DecompressError> {
        out.clear();
        lz4::decompress(input, out, bound, HeaderChecksum::Ignore)
    }
}

/// Appends the compressed form of `input` to `out`.
pub fn compress(codec: Codec, input: &[u8], out: &mut Vec<u8>) {
    match codec.compression {
        Compression::None => out.extend_from_slice(input),
        Compression::Gzip => gzip::compress(input, codec.level, out),
        Compression::Snappy => snappy::compress(input, out),
        Compression::Lz4 => lz4::compress(input, out),
        Compression::Zstd => zstandard::compress(input, codec.level, out),
    }
}

/// Makes room for `more` bytes in steps that double, never past `bound` in all.
///
/// Returns the room there is, which is less than `more` only where the bound says so.
fn make_room(out: &mut Vec<u8>, more: usize, bound: usize) -> usize {
    let allowed = bound.saturating_sub(out.len()).min(more);
    if out.capacity() - out.len() < allowed {
        let doubled = out.capacity().saturating_mul(2).min(bound);
        out.reserve_exact(doubled.max(out.len() + allowed) - out.len());
    }
    allowed
}

#[cfg(test)]
mod tests;
