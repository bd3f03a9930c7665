//! A caller-owned buffer with decoder contexts, so that decompression allocates nothing once warm.

use crate::attributes::Compression;
use crate::batch::{BatchError, BatchView};
use crate::compression::{Decoders, DecompressError};
use crate::record::Records;

/// Buffer and decoders for one thread. It grows to the largest batch seen; see [`Scratch::trim`].
#[derive(Default)]
pub struct Scratch {
    buffer: Vec<u8>,
    decoders: Decoders,
}

impl Scratch {
    /// An empty scratch; the first use of a codec makes its decoder.
    pub fn new() -> Scratch {
        Scratch::default()
    }

    /// Decompresses `input`; never holds more than `bound` bytes of output.
    pub fn decompress(
        &mut self,
        codec: Compression,
        input: &[u8],
        bound: usize,
    ) -> Result<&[u8], DecompressError> {
        self.decoders.decompress(codec, input, &mut self.buffer, bound)?;
        Ok(&self.buffer)
    }

    /// The records section of `batch` in plain form: the batch's own bytes, or decompressed here.
    pub fn plain<'s, 'a: 's>(
        &'s mut self,
        batch: &BatchView<'a>,
        bound: usize,
    ) -> Result<&'s [u8], DecompressError> {
        match batch.attributes().compression() {
            Some(Compression::None) => Ok(batch.records_bytes()),
            Some(codec) => self.decompress(codec, batch.records_bytes(), bound),
            None => Err(DecompressError::UnknownCodec),
        }
    }

    /// Iterates over the records of `batch`, decompressed here where needed.
    pub fn records<'s, 'a: 's>(
        &'s mut self,
        batch: &BatchView<'a>,
        bound: usize,
    ) -> Result<Records<'s>, BatchError> {
        let batch = *batch;
        let plain = self.plain(&batch, bound).map_err(|error| BatchError::Malformed(error.as_str()))?;
        Ok(Records::new(&batch, plain))
    }

    /// Makes room for `bytes` at once: growing on the way would hold the old room beside the new one.
    pub fn reserve(&mut self, bytes: usize) {
        self.buffer.clear();
        self.buffer.reserve_exact(bytes);
    }

    /// Gives back memory above `keep` bytes.
    pub fn trim(&mut self, keep: usize) {
        self.buffer.clear();
        self.buffer.shrink_to(keep);
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").field("capacity", &self.buffer.capacity()).finish_non_exhaustive()
    }
}
