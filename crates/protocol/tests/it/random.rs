//! Reproducible randomness: the seed of a failing case is in its message.

use proptest::prelude::RngCore;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// A generator of 64-bit numbers.
pub struct Random(TestRng);

impl Random {
    pub fn new(seed: u64) -> Random {
        let mut bytes = [7u8; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Random(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    /// Below `bound`, which is above 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound as u64) as usize
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// One to four changes: flipped bits, bytes of extreme values, cuts, repeats.
    pub fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            if bytes.is_empty() {
                bytes.push(self.below(256) as u8);
                continue;
            }
            let place = self.below(bytes.len());
            match self.below(7) {
                0 => bytes[place] ^= 1 << self.below(8),
                1 => bytes[place] = self.below(256) as u8,
                2 => bytes[place] = [0x00, 0x01, 0x7f, 0x80, 0xff][self.below(5)],
                3 => bytes.truncate(place),
                4 => bytes[place..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
                5 => bytes[place..].iter_mut().take(4).for_each(|byte| *byte = 0x7f),
                _ => {
                    let end = (place + 16).min(bytes.len());
                    let piece = bytes[place..end].to_vec();
                    bytes.splice(place..place, piece);
                }
            }
        }
    }
}
