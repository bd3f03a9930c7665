//! Zstandard frames, with or without content size, several in a row.

use zstd::zstd_safe::{self, CCtx, CParameter, DCtx, InBuffer, OutBuffer};

/// Room tried first for a frame that does not say its size, as a multiple of its compressed size.
const FIRST_RATIO: usize = 4;
const FIRST_ROOM_MIN: usize = 4 * 1024;
/// The library's error for a target that is too small; error codes are negated sizes.
const TARGET_TOO_SMALL: usize = 70usize.wrapping_neg();

pub(super) enum Failure {
    TooLarge,
    Corrupt,
}

/// A reusable context.
pub(super) struct Decoder {
    context: DCtx<'static>,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder { context: DCtx::create() }
    }
}

impl Decoder {
    /// Decompresses every frame of `input` in one shot.
    ///
    /// One shot into a buffer that is kept, and a larger one when it was too small, beats streaming: the
    /// streaming decoder first allocates whatever window a frame header asks for.
    pub(super) fn decompress(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        bound: usize,
    ) -> Result<(), Failure> {
        let claimed = match zstd_safe::get_frame_content_size(input) {
            Ok(Some(size)) => usize::try_from(size).unwrap_or(usize::MAX),
            Ok(None) => 0,
            Err(_) => return Err(Failure::Corrupt),
        };
        if claimed > bound {
            return Err(Failure::TooLarge);
        }
        let guess = input.len().saturating_mul(FIRST_RATIO).max(FIRST_ROOM_MIN);
        // A claim is believed only as far as the first doubling steps would go anyway.
        let mut room = guess.max(claimed.min(guess.saturating_mul(16))).max(out.capacity()).min(bound);
        loop {
            out.clear();
            out.reserve_exact(room);
            // A buffer kept from a larger bound must not serve a smaller one.
            let outcome = if out.capacity() > bound {
                out.resize(bound, 0);
                self.context.decompress(out.as_mut_slice(), input).inspect(|&written| out.truncate(written))
            } else {
                self.context.decompress(out, input)
            };
            match outcome {
                Ok(_) => return Ok(()),
                Err(TARGET_TOO_SMALL) if room >= bound => return Err(Failure::TooLarge),
                Err(TARGET_TOO_SMALL) => room = room.saturating_mul(4).min(bound),
                Err(_) => return Err(Failure::Corrupt),
            }
        }
    }
}

/// Appends one frame without content size at `level` (`None`: 3), as Java's streams write it.
pub(super) fn compress(input: &[u8], level: Option<i32>, out: &mut Vec<u8>) {
    let mut context = CCtx::create();
    // Setting a parameter fails only for a value out of range; the defaults then stand.
    let level = level.unwrap_or(zstd_safe::CLEVEL_DEFAULT);
    let _ = context.set_parameter(CParameter::CompressionLevel(level));
    let _ = context.set_parameter(CParameter::ContentSizeFlag(false));
    let start = out.len();
    out.reserve(zstd_safe::compress_bound(input.len()));
    let mut source = InBuffer::around(input);
    let mut target = OutBuffer::around_pos(out, start);
    while let Ok(1..) =
        context.compress_stream2(&mut target, &mut source, zstd_safe::zstd_sys::ZSTD_EndDirective::ZSTD_e_end)
    {
    }
}
