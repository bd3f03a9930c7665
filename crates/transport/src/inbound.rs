//! What a server has sent, and the frames in it: each can be kept for as long as its taker likes, without a copy.

use bytes::{Buf, Bytes, BytesMut};

use crate::frame_buffer::{BELIEVED_MAX, FIRST_READ, FrameError, PREFIX, READ_AHEAD_MAX, announced_size};

/// The unread part of what a server has sent. A large frame leaves no memory behind once it is taken.
#[derive(Debug)]
pub(crate) struct Inbound {
    bytes: BytesMut,
    /// Room for one read: what comes is believed to be about as large as what came.
    read_size: usize,
}

impl Default for Inbound {
    fn default() -> Inbound {
        Inbound { bytes: BytesMut::new(), read_size: FIRST_READ }
    }
}

impl Inbound {
    /// A buffer with room behind what waits: for the whole of a frame that has begun, as far as its size is believed.
    pub(crate) fn room(&mut self, size_max: usize) -> Result<&mut BytesMut, FrameError> {
        let waiting = self.bytes.len();
        let needed = announced_size(&self.bytes, size_max)?.map_or(0, |size| size + PREFIX);
        let believed = needed.min(BELIEVED_MAX.max(2 * waiting)).max(self.read_size);
        let missing = believed.saturating_sub(waiting).max(1);
        if self.bytes.capacity() - waiting < missing {
            self.bytes.reserve(missing);
        }
        Ok(&mut self.bytes)
    }

    /// The next complete frame, without its size prefix.
    pub(crate) fn next_frame(&mut self, size_max: usize) -> Result<Option<Bytes>, FrameError> {
        let Some(size) = announced_size(&self.bytes, size_max)? else { return Ok(None) };
        let whole = PREFIX + size;
        if whole > self.bytes.len() {
            return Ok(None);
        }
        let mut frame = self.bytes.split_to(whole).freeze();
        frame.advance(PREFIX);
        self.read_size = whole.clamp((self.read_size / 2).max(FIRST_READ), BELIEVED_MAX.max(self.read_size));
        if self.bytes.is_empty() && whole > READ_AHEAD_MAX {
            // What is left of its memory must not be kept for what comes next.
            self.bytes = BytesMut::new();
        }
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE_MAX: usize = 64 << 20;

    fn frame(size: usize) -> Vec<u8> {
        [&(size as i32).to_be_bytes()[..], &vec![7; size]].concat()
    }

    /// Puts bytes in as reads do, and gives the largest room there was.
    fn fill(inbound: &mut Inbound, mut bytes: &[u8]) -> usize {
        let mut largest = 0;
        while !bytes.is_empty() {
            let buffer = inbound.room(SIZE_MAX).unwrap();
            let room = buffer.capacity() - buffer.len();
            largest = largest.max(room);
            let (read, rest) = bytes.split_at(room.min(bytes.len()));
            buffer.extend_from_slice(read);
            bytes = rest;
        }
        largest
    }

    #[test]
    fn frames_come_out_in_order_and_live_on() {
        let mut inbound = Inbound::default();
        let sizes = [1, 1 << 20, 100, 70_000, 10 << 20];
        fill(&mut inbound, &sizes.map(frame).concat());
        let frames: Vec<Bytes> = std::iter::from_fn(|| inbound.next_frame(SIZE_MAX).unwrap()).collect();
        assert_eq!(frames.iter().map(Bytes::len).collect::<Vec<_>>(), sizes);
        assert!(frames.iter().flatten().all(|byte| *byte == 7));
        assert!(inbound.next_frame(SIZE_MAX).unwrap().is_none());
    }

    #[test]
    fn room_follows_what_comes_and_a_size_alone_is_not_believed() {
        let mut inbound = Inbound::default();
        assert!(fill(&mut inbound, &frame(10)) < 2 * FIRST_READ);
        inbound.next_frame(SIZE_MAX).unwrap().unwrap();
        fill(&mut inbound, &(SIZE_MAX as i32).to_be_bytes());
        assert!(fill(&mut inbound, &[0; 100]) <= 2 * BELIEVED_MAX);
        let mut inbound = Inbound::default();
        for _ in 0..2 {
            fill(&mut inbound, &frame(1 << 20));
            inbound.next_frame(SIZE_MAX).unwrap().unwrap();
            assert_eq!(inbound.bytes.capacity(), 0, "a large frame leaves nothing behind");
        }
        assert!(fill(&mut inbound, &frame(10)) >= 1 << 20, "the next one is believed to be as large");
        for _ in 0..10 {
            inbound.next_frame(SIZE_MAX).unwrap();
            fill(&mut inbound, &frame(10));
        }
        assert_eq!(inbound.read_size, FIRST_READ);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for size in [0, -1, i32::MAX] {
            let mut inbound = Inbound::default();
            fill(&mut inbound, &size.to_be_bytes());
            assert!(inbound.next_frame(100).is_err() && inbound.room(100).is_err(), "{size}");
        }
    }
}
