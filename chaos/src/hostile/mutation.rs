//! Small changes to bytes that were right: where lengths, counts and varints break.

use crate::random::Random;

/// Numbers that lengths and counts go wrong at.
const EXTREMES: [i32; 10] = [-1, 0, 1, -2, i32::MAX, i32::MIN, 0x00ff_ffff, 1_000_001, 0x7fff, 100_000];

/// Makes one to four changes.
pub fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            bytes.push(random.next() as u8);
            continue;
        }
        let at = random.place(bytes.len());
        match random.below(10) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes[at] = *random.pick(&[0, 1, 2, 0x7f, 0x80, 0x81, 0xff]),
            3 => bytes.truncate(at),
            4 => overwrite(bytes, at, &random.pick(&EXTREMES).to_be_bytes()),
            5 => overwrite(bytes, at, &(*random.pick(&EXTREMES) as i16).to_be_bytes()),
            // Varints: five bytes of which the last still says that more follow, and the largest there is.
            6 => overwrite(bytes, at, &[0xff, 0xff, 0xff, 0xff, 0xff]),
            7 => overwrite(bytes, at, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
            8 => {
                let end = (at + 1 + random.place(32)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let len = random.place(64);
                bytes.extend((0..len).map(|_| random.next() as u8));
            }
        }
    }
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    bytes[at..].iter_mut().zip(with).for_each(|(byte, other)| *byte = *other);
}
