//! Snappy: blocks in the xerial framing that Java writes; one raw block is read too.

use super::{Compression, DecompressError, make_room};

const CORRUPT: DecompressError = DecompressError::Corrupt(Compression::Snappy);
const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Magic, version and lowest compatible version.
const HEADER_SIZE: usize = 16;
/// Plain bytes in a block, as Java's writer cuts them.
const BLOCK_SIZE: usize = 32 * 1024;

/// A reusable block decoder.
#[derive(Default)]
pub(super) struct Decoder {
    block: snap::raw::Decoder,
}

impl Decoder {
    /// Decompresses `input`, framed or raw.
    pub(super) fn decompress(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        bound: usize,
    ) -> Result<(), DecompressError> {
        if !input.starts_with(&MAGIC) {
            return self.block(input, out, bound);
        }
        let mut rest = input.get(HEADER_SIZE..).ok_or(CORRUPT)?;
        while !rest.is_empty() {
            if rest.starts_with(&MAGIC) {
                // Concatenated streams repeat the header; its first four bytes are no possible length.
                rest = rest.get(HEADER_SIZE..).ok_or(CORRUPT)?;
                continue;
            }
            let (length, after) = rest.split_first_chunk::<4>().ok_or(CORRUPT)?;
            let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| CORRUPT)?;
            let (block, after) = after.split_at_checked(length).ok_or(CORRUPT)?;
            self.block(block, out, bound)?;
            rest = after;
        }
        Ok(())
    }

    fn block(&mut self, block: &[u8], out: &mut Vec<u8>, bound: usize) -> Result<(), DecompressError> {
        let length = snap::raw::decompress_len(block).map_err(|_| CORRUPT)?;
        // Snappy's best ratio is below 64 to 3; a larger claim is a lie not worth the memory.
        if length > block.len().saturating_mul(64) {
            return Err(CORRUPT);
        }
        if make_room(out, length, bound) < length {
            return Err(DecompressError::TooLarge);
        }
        let start = out.len();
        out.resize(start + length, 0);
        let target = out.get_mut(start..).ok_or(CORRUPT)?;
        let written = self.block.decompress(block, target).map_err(|_| CORRUPT)?;
        if written == length { Ok(()) } else { Err(CORRUPT) }
    }
}

/// Appends the xerial framing of `input`.
pub(super) fn compress(input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&1i32.to_be_bytes());
    out.extend_from_slice(&1i32.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for block in input.chunks(BLOCK_SIZE) {
        let head = out.len();
        out.resize(head + 4 + snap::raw::max_compress_len(block.len()), 0);
        let Some(target) = out.get_mut(head + 4..) else { return };
        // The target has the size the encoder asks for, so it cannot fail.
        let written = encoder.compress(block, target).unwrap_or_default();
        out.truncate(head + 4 + written);
        if let Some(length) = out.get_mut(head..head + 4) {
            length.copy_from_slice(&(written as u32).to_be_bytes());
        }
    }
}
