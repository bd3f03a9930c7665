//! Bytes read from a socket, and the frames in them: an int32 size, then that many bytes.

use std::fmt;
use std::ops::Range;

/// The size prefix of a frame, in bytes.
pub(crate) const PREFIX: usize = 4;
/// Input buffer of a connection that has received nothing large yet, in bytes.
pub(crate) const FIRST_READ: usize = 16 * 1024;
/// Bytes that one read brings at most, and so the largest input buffer that small frames alone make a connection take.
pub(crate) const READ_AHEAD_MAX: usize = 256 * 1024;
/// Room made because a frame announces that it is that large, in bytes; beyond it the room doubles as the frame comes,
/// so that four bytes of a size alone cost nobody much.
pub(crate) const BELIEVED_MAX: usize = 4 * 1024 * 1024;

/// The unread part of a connection's input. Holds no memory while it is empty.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    /// Filled as far as something was read there once: its capacity is the room.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// A size prefix that no honest client sends; the connection is closed without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// Zero or negative.
    NotPositive(i32),
    /// Above the listener's bound (`socket.request.max.bytes`).
    TooLarge {
        /// Announced size in bytes.
        size: i32,
        /// The bound in bytes.
        size_max: usize,
    },
}

impl FrameBuffer {
    /// Takes the next complete frame out, as its range in [`FrameBuffer::frame_mut`]'s terms.
    pub fn next_frame(&mut self, size_max: usize) -> Result<Option<Range<usize>>, FrameError> {
        let Some(size) = self.announced_size(size_max)? else { return Ok(None) };
        let frame = self.start + PREFIX..self.start + PREFIX + size;
        if frame.end > self.end {
            return Ok(None);
        }
        self.start = frame.end;
        Ok(Some(frame))
    }

    /// The bytes of a frame that [`FrameBuffer::next_frame`] gave since the last fill.
    pub fn frame_mut(&mut self, frame: Range<usize>) -> &mut [u8] {
        &mut self.bytes[frame]
    }

    /// The size of buffer to read into next, where the one at hand is too small; `read_size` is what one read may bring.
    pub(crate) fn buffer_wanted(
        &self,
        size_max: usize,
        read_size: usize,
    ) -> Result<Option<usize>, FrameError> {
        let needed = self.needed(size_max)?;
        if self.capacity() >= needed.clamp(1, BELIEVED_MAX) && self.len() < self.capacity() {
            return Ok(None);
        }
        let believed = needed.min(BELIEVED_MAX.max(2 * self.len()));
        Ok(Some(believed.max(read_size.min(READ_AHEAD_MAX)).max(self.len() + 1)))
    }

    /// How many bytes the frame at the front needs in all, prefix included; 0 where its size is not known.
    pub fn needed(&self, size_max: usize) -> Result<usize, FrameError> {
        Ok(self.announced_size(size_max)?.map_or(0, |size| size + PREFIX))
    }

    /// True where no byte waits.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Size of the buffer held now, in bytes.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Moves what waits into `buffer`, whose capacity is large enough for it, and returns the old one.
    pub fn replace(&mut self, mut buffer: Vec<u8>) -> Vec<u8> {
        let waiting = self.len();
        if buffer.len() < waiting {
            buffer.resize(waiting, 0);
        }
        buffer[..waiting].copy_from_slice(&self.bytes[self.start..self.end]);
        (self.start, self.end) = (0, waiting);
        std::mem::replace(&mut self.bytes, buffer)
    }

    /// Gives the buffer up; for use while empty.
    pub fn release(&mut self) -> Vec<u8> {
        debug_assert!(self.is_empty(), "bytes that wait must not be dropped");
        (self.start, self.end) = (0, 0);
        std::mem::take(&mut self.bytes)
    }

    /// Room for one read, after moving what waits to the front.
    pub fn room(&mut self) -> &mut [u8] {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.len());
        }
        let until = self.capacity().min(self.end + READ_AHEAD_MAX);
        if self.bytes.len() < until {
            self.bytes.resize(until, 0);
        }
        &mut self.bytes[self.end..until]
    }

    /// Says that `read` bytes were put into the room.
    pub fn filled(&mut self, read: usize) {
        self.end += read;
        debug_assert!(self.end <= self.bytes.len(), "more was read than there was room for");
    }

    fn announced_size(&self, size_max: usize) -> Result<Option<usize>, FrameError> {
        announced_size(&self.bytes[self.start..self.end], size_max)
    }
}

/// The size of the frame at the front of what was read, without its prefix; `None` before all of the prefix is there.
pub(crate) fn announced_size(read: &[u8], size_max: usize) -> Result<Option<usize>, FrameError> {
    let Some(prefix) = read.first_chunk::<PREFIX>() else { return Ok(None) };
    let size = i32::from_be_bytes(*prefix);
    match usize::try_from(size) {
        Ok(1..) if size as usize <= size_max => Ok(Some(size as usize)),
        Ok(1..) => Err(FrameError::TooLarge { size, size_max }),
        _ => Err(FrameError::NotPositive(size)),
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPositive(size) => write!(f, "frame size {size} is not positive"),
            Self::TooLarge { size, size_max } => {
                write!(
                    f,
                    "frame size {size} is above the bound of {size_max} bytes (socket.request.max.bytes)"
                )
            }
        }
    }
}

impl std::error::Error for FrameError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(input: &[u8], capacity: usize) -> FrameBuffer {
        let mut buffer = FrameBuffer::default();
        buffer.replace(Vec::with_capacity(capacity));
        buffer.room()[..input.len()].copy_from_slice(input);
        buffer.filled(input.len());
        buffer
    }

    #[test]
    fn all_complete_frames_of_one_read_come_out_in_order() {
        let mut buffer = filled(&[0, 0, 0, 2, 1, 2, 0, 0, 0, 1, 3, 0, 0, 0, 9, 4], 64);
        let first = buffer.next_frame(100).unwrap().unwrap();
        assert_eq!(buffer.frame_mut(first), [1, 2]);
        let second = buffer.next_frame(100).unwrap().unwrap();
        assert_eq!(buffer.frame_mut(second), [3]);
        assert_eq!(buffer.next_frame(100), Ok(None));
        assert_eq!(buffer.needed(100), Ok(13));
        assert_eq!(buffer.len(), 5);
    }

    #[test]
    fn a_partial_frame_survives_the_move_to_a_larger_buffer() {
        let mut buffer = filled(&[0, 0, 0, 3, 1], 8);
        assert_eq!(buffer.replace(Vec::with_capacity(32)).capacity(), 8);
        buffer.room()[..2].copy_from_slice(&[2, 3]);
        buffer.filled(2);
        let frame = buffer.next_frame(100).unwrap().unwrap();
        assert_eq!(buffer.frame_mut(frame), [1, 2, 3]);
        assert!(buffer.is_empty());
        assert_eq!(buffer.release().capacity(), 32);
        assert_eq!(buffer.next_frame(100), Ok(None));
    }

    #[test]
    fn memory_is_touched_as_it_is_read_into() {
        let mut buffer = FrameBuffer::default();
        buffer.replace(Vec::with_capacity(1 << 20));
        for reads in 1..=4 {
            assert_eq!(buffer.room().len(), READ_AHEAD_MAX);
            assert_eq!(buffer.bytes.len(), reads * READ_AHEAD_MAX);
            buffer.filled(READ_AHEAD_MAX);
        }
        assert_eq!((buffer.len(), buffer.room().len()), (1 << 20, 0));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert_eq!(filled(&[0, 0, 0, 0], 8).next_frame(100), Err(FrameError::NotPositive(0)));
        assert_eq!(filled(&[0xff; 4], 8).next_frame(100), Err(FrameError::NotPositive(-1)));
        let too_large = FrameError::TooLarge { size: 101, size_max: 100 };
        assert_eq!(filled(&[0, 0, 0, 101], 8).next_frame(100), Err(too_large));
        assert_eq!(filled(&[0, 0, 0], 8).next_frame(100), Ok(None));
    }
}
