//! Bytes of a socket, in two reads: frames come out whole or the input is refused, and headers are read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::{Reader, decode_request_header};
use transport::FrameBuffer;

const FRAME_SIZE_MAX: usize = 4096;

fuzz_target!(|input: &[u8]| {
    let Some((cut, bytes)) = input.split_first() else { return };
    let cut = usize::from(*cut).min(bytes.len());
    let mut buffer = FrameBuffer::default();
    let mut taken = 0;
    for part in [&bytes[..cut], &bytes[cut..]] {
        let held = buffer.len() + part.len() + 1;
        buffer.replace(vec![0; held]);
        buffer.room()[..part.len()].copy_from_slice(part);
        buffer.filled(part.len());
        loop {
            match buffer.next_frame(FRAME_SIZE_MAX) {
                Ok(Some(frame)) => {
                    taken += 4 + frame.len();
                    assert!((1..=FRAME_SIZE_MAX).contains(&frame.len()));
                    let frame = buffer.frame_mut(frame);
                    let mut reader = Reader::new(frame);
                    if decode_request_header(&mut reader).is_ok() {
                        assert!(reader.position() <= frame.len());
                    }
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    assert_eq!(taken + buffer.len(), bytes.len(), "no byte is lost or read twice");
});
