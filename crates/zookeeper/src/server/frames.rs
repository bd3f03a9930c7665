//! Frames out of a stream: each comes after its length, and none is longer than may be.

use std::io;

use model::limits::ZOOKEEPER_FRAME_BYTES_MAX;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes for which room is made at a time.
const READ_BYTES: usize = 4096;

/// What has been read of a stream and not taken yet. Room grows with the bytes that come, not with those announced.
#[derive(Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    /// The first four bytes, which stay; `None` where the stream ends before.
    pub async fn first(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<[u8; 4]>> {
        loop {
            if let Some(first) = self.bytes.first_chunk::<4>() {
                return Ok(Some(*first));
            }
            if !self.fill(stream).await? {
                return Ok(None);
            }
        }
    }

    /// The inside of the next frame; `None` where the stream ends. Nothing is lost where this is given up half-way.
    pub async fn next(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(Some(frame));
            }
            if !self.fill(stream).await? {
                return Ok(None);
            }
        }
    }

    async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<bool> {
        self.bytes.reserve(READ_BYTES);
        Ok(stream.read_buf(&mut self.bytes).await? > 0)
    }

    fn take(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some((announced, rest)) = self.bytes.split_first_chunk::<4>() else { return Ok(None) };
        let announced = i32::from_be_bytes(*announced);
        let length = usize::try_from(announced).ok().filter(|length| *length <= ZOOKEEPER_FRAME_BYTES_MAX);
        let Some(length) = length else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a packet of {announced} bytes; at most {ZOOKEEPER_FRAME_BYTES_MAX} are taken"),
            ));
        };
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        let frame = frame.to_vec();
        self.bytes.drain(..4 + length);
        // What a large packet took is given back.
        self.bytes.shrink_to(READ_BYTES);
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> Vec<io::Result<Option<Vec<u8>>>> {
        let mut frames = Frames::default();
        let mut seen = Vec::new();
        loop {
            let frame = frames.next(&mut bytes).await;
            let goes_on = matches!(frame, Ok(Some(_)));
            seen.push(frame);
            if !goes_on {
                return seen;
            }
        }
    }

    #[tokio::test]
    async fn frames_are_told_apart_and_hostile_lengths_refused() {
        let seen = read(&[0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0, 2, 8, 9]).await;
        let frames: Vec<Option<Vec<u8>>> = seen.into_iter().map(Result::unwrap).collect();
        assert_eq!(frames, [Some(vec![7]), Some(vec![]), Some(vec![8, 9]), None]);
        assert!(read(&[0, 0, 0, 2, 8]).await[0].as_ref().unwrap().is_none());
        for length in [i32::MIN, -1, 0x10_0000, i32::MAX] {
            assert!(read(&length.to_be_bytes()).await[0].is_err(), "{length}");
        }
    }
}
