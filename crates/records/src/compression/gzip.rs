//! gzip: members one after another, each header, deflate stream, CRC-32 and size.

use flate2::{Decompress, FlushDecompress, Status};

use super::{Compression, DecompressError, make_room};
use crate::checksum::crc32;

const CORRUPT: DecompressError = DecompressError::Corrupt(Compression::Gzip);
/// Output space asked for at a time.
const STEP: usize = 16 * 1024;

const FLAG_HEADER_CRC: u8 = 0x02;
const FLAG_EXTRA: u8 = 0x04;
const FLAG_NAME: u8 = 0x08;
const FLAG_COMMENT: u8 = 0x10;

/// A reusable inflate context.
pub(super) struct Decoder {
    inflate: Decompress,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder { inflate: Decompress::new(false) }
    }
}

impl Decoder {
    /// Decompresses every member of `input`; bytes after the last that start no member are ignored, as in Java.
    pub(super) fn decompress(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        bound: usize,
    ) -> Result<(), DecompressError> {
        let mut rest = input;
        loop {
            rest = self.member(rest, out, bound)?;
            if !rest.starts_with(&[0x1f, 0x8b, 8]) {
                return Ok(());
            }
        }
    }

    fn member<'a>(
        &mut self,
        input: &'a [u8],
        out: &mut Vec<u8>,
        bound: usize,
    ) -> Result<&'a [u8], DecompressError> {
        let mut rest = skip_header(input).ok_or(CORRUPT)?;
        let start = out.len();
        self.inflate.reset(false);
        loop {
            let room = make_room(out, STEP, bound);
            let (consumed_before, produced_before) = (self.inflate.total_in(), self.inflate.total_out());
            // With no room left, one byte outside the buffer tells an end from an overflow.
            let mut overflow = [0u8; 1];
            let status = if room == 0 {
                self.inflate.decompress(rest, &mut overflow, FlushDecompress::None)
            } else {
                self.inflate.decompress_vec(rest, out, FlushDecompress::None)
            };
            let status = status.map_err(|_| CORRUPT)?;
            let consumed = (self.inflate.total_in() - consumed_before) as usize;
            let produced = (self.inflate.total_out() - produced_before) as usize;
            rest = rest.get(consumed..).ok_or(CORRUPT)?;
            if out.len() > bound || (room == 0 && produced > 0) {
                return Err(DecompressError::TooLarge);
            }
            match status {
                Status::StreamEnd => break,
                _ if consumed == 0 && produced == 0 => return Err(CORRUPT),
                _ => {}
            }
        }
        check_trailer(rest, out.get(start..).ok_or(CORRUPT)?)
    }
}

fn check_trailer<'a>(input: &'a [u8], member: &[u8]) -> Result<&'a [u8], DecompressError> {
    let (trailer, rest) = input.split_first_chunk::<8>().ok_or(CORRUPT)?;
    let [c0, c1, c2, c3, s0, s1, s2, s3] = *trailer;
    let sound = u32::from_le_bytes([c0, c1, c2, c3]) == crc32(member)
        && u32::from_le_bytes([s0, s1, s2, s3]) == member.len() as u32;
    if sound { Ok(rest) } else { Err(CORRUPT) }
}

fn skip_header(input: &[u8]) -> Option<&[u8]> {
    let (head, mut rest) = input.split_first_chunk::<10>()?;
    if head[..3] != [0x1f, 0x8b, 8] {
        return None;
    }
    let flags = head[3];
    if flags & FLAG_EXTRA != 0 {
        let (length, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for flag in [FLAG_NAME, FLAG_COMMENT] {
        if flags & flag != 0 {
            let end = rest.iter().position(|&byte| byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & FLAG_HEADER_CRC != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

/// Appends one member at `level` (1-9, -1 or `None` for the default).
pub(super) fn compress(input: &[u8], level: Option<i32>, out: &mut Vec<u8>) {
    let level = match level {
        Some(level @ 0..=9) => flate2::Compression::new(level.unsigned_abs()),
        _ => flate2::Compression::default(),
    };
    let mut encoder = flate2::Compress::new(level, false);
    out.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
    loop {
        out.reserve((input.len() / 2).max(256));
        let consumed = encoder.total_in() as usize;
        let rest = input.get(consumed..).unwrap_or_default();
        match encoder.compress_vec(rest, out, flate2::FlushCompress::Finish) {
            Ok(Status::StreamEnd) | Err(_) => break,
            Ok(_) => {}
        }
    }
    out.extend_from_slice(&crc32(input).to_le_bytes());
    out.extend_from_slice(&(input.len() as u32).to_le_bytes());
}
