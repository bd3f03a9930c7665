//! The LZ4 frame format with independent blocks, as Java's clients write and accept it.

use lz4_flex::block;
use twox_hash::XxHash32;

use super::{Compression, DecompressError, make_room};

const CORRUPT: DecompressError = DecompressError::Corrupt(Compression::Lz4);
const MAGIC: [u8; 4] = 0x184d_2204u32.to_le_bytes();
const VERSION_MASK: u8 = 0xc0;
const VERSION: u8 = 0x40;
const INDEPENDENT_BLOCKS: u8 = 0x20;
const BLOCK_CHECKSUM: u8 = 0x10;
const CONTENT_SIZE: u8 = 0x08;
const CONTENT_CHECKSUM: u8 = 0x04;
const RESERVED_FLAG: u8 = 0x02;
const DICTIONARY_ID: u8 = 0x01;
/// Block descriptor of 64 KiB blocks.
const DESCRIPTOR_64_KIB: u8 = 0x40;
const BLOCK_SIZE: usize = 64 * 1024;
const UNCOMPRESSED_BIT: u32 = 0x8000_0000;

/// Whether the frame header's checksum byte counts; v0 messages carry a wrong one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderChecksum {
    /// It must be right.
    Verify,
    /// It is skipped.
    Ignore,
}

struct Frame {
    flags: u8,
    block_size_max: usize,
}

/// Decompresses the frame in `input`; what follows its end mark is ignored, as in Java.
pub(super) fn decompress(
    input: &[u8],
    out: &mut Vec<u8>,
    bound: usize,
    check: HeaderChecksum,
) -> Result<(), DecompressError> {
    let (frame, mut rest) = take_header(input, check)?;
    let start = out.len();
    loop {
        let word = take_u32(&mut rest)?;
        if word == 0 {
            break;
        }
        let length = (word & !UNCOMPRESSED_BIT) as usize;
        if length > frame.block_size_max {
            return Err(CORRUPT);
        }
        let (block, after) = rest.split_at_checked(length).ok_or(CORRUPT)?;
        rest = after;
        if frame.flags & BLOCK_CHECKSUM != 0 && take_u32(&mut rest)? != XxHash32::oneshot(0, block) {
            return Err(CORRUPT);
        }
        if word & UNCOMPRESSED_BIT == 0 {
            take_block(block, out, bound, frame.block_size_max)?;
        } else if make_room(out, length, bound) < length {
            return Err(DecompressError::TooLarge);
        } else {
            out.extend_from_slice(block);
        }
    }
    if frame.flags & CONTENT_CHECKSUM != 0 {
        let content = out.get(start..).ok_or(CORRUPT)?;
        if take_u32(&mut rest)? != XxHash32::oneshot(0, content) {
            return Err(CORRUPT);
        }
    }
    Ok(())
}

fn take_block(
    block: &[u8],
    out: &mut Vec<u8>,
    bound: usize,
    block_size_max: usize,
) -> Result<(), DecompressError> {
    // A byte of lz4 gives at most 255 bytes, so small blocks need no full-sized room.
    let ceiling = block_size_max.min(block.len().saturating_mul(255));
    let room = make_room(out, ceiling, bound);
    let start = out.len();
    out.resize(start + room, 0);
    let target = out.get_mut(start..).ok_or(CORRUPT)?;
    match block::decompress_into(block, target) {
        Ok(written) => {
            out.truncate(start + written);
            Ok(())
        }
        Err(block::DecompressError::OutputTooSmall { .. }) if room < ceiling => {
            Err(DecompressError::TooLarge)
        }
        Err(_) => Err(CORRUPT),
    }
}

fn take_header(input: &[u8], check: HeaderChecksum) -> Result<(Frame, &[u8]), DecompressError> {
    let rest = input.strip_prefix(&MAGIC).ok_or(CORRUPT)?;
    let (&[flags, descriptor], _) = rest.split_first_chunk::<2>().ok_or(CORRUPT)?;
    if flags & VERSION_MASK != VERSION
        || flags & (RESERVED_FLAG | DICTIONARY_ID) != 0
        || flags & INDEPENDENT_BLOCKS == 0
        || descriptor & 0x8f != 0
    {
        return Err(CORRUPT);
    }
    let block_size_max = match descriptor >> 4 {
        4 => BLOCK_SIZE,
        5 => 256 * 1024,
        6 => 1024 * 1024,
        7 => 4 * 1024 * 1024,
        _ => return Err(CORRUPT),
    };
    let size = if flags & CONTENT_SIZE == 0 { 2 } else { 10 };
    let (fields, rest) = rest.split_at_checked(size).ok_or(CORRUPT)?;
    let (&stored, rest) = rest.split_first().ok_or(CORRUPT)?;
    if check == HeaderChecksum::Verify && stored != header_checksum(fields) {
        return Err(CORRUPT);
    }
    Ok((Frame { flags, block_size_max }, rest))
}

fn header_checksum(fields: &[u8]) -> u8 {
    (XxHash32::oneshot(0, fields) >> 8) as u8
}

fn take_u32(input: &mut &[u8]) -> Result<u32, DecompressError> {
    let (word, rest) = input.split_first_chunk::<4>().ok_or(CORRUPT)?;
    *input = rest;
    Ok(u32::from_le_bytes(*word))
}

/// Appends one frame of independent 64 KiB blocks without checksums.
pub(super) fn compress(input: &[u8], out: &mut Vec<u8>) {
    let fields = [VERSION | INDEPENDENT_BLOCKS, DESCRIPTOR_64_KIB];
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&fields);
    out.push(header_checksum(&fields));
    for plain in input.chunks(BLOCK_SIZE) {
        let head = out.len();
        out.resize(head + 4 + block::get_maximum_output_size(plain.len()), 0);
        let Some(target) = out.get_mut(head + 4..) else { return };
        let written = block::compress_into(plain, target).unwrap_or(usize::MAX);
        let word = if written < plain.len() {
            out.truncate(head + 4 + written);
            written as u32
        } else {
            out.truncate(head + 4);
            out.extend_from_slice(plain);
            plain.len() as u32 | UNCOMPRESSED_BIT
        };
        if let Some(length) = out.get_mut(head..head + 4) {
            length.copy_from_slice(&word.to_le_bytes());
        }
    }
    out.extend_from_slice(&0u32.to_le_bytes());
}
