//! Zigzag varints as records use them, read without panics from untrusted bytes.

/// Takes a 32-bit zigzag varint off the front of `input`; `None` when it is cut short or too long.
#[inline]
pub fn take_varint(input: &mut &[u8]) -> Option<i32> {
    // One and two bytes are nearly all there is; the loop for the rest is not worth inlining.
    match *input {
        [first @ ..0x80, rest @ ..] => {
            *input = rest;
            Some(unzigzag32(u32::from(*first)))
        }
        [first, second @ ..0x80, rest @ ..] => {
            *input = rest;
            Some(unzigzag32(u32::from(*first & 0x7f) | u32::from(*second) << 7))
        }
        _ => take_long_varint32(input),
    }
}

/// Takes a 64-bit zigzag varint off the front of `input`; `None` when it is cut short or too long.
#[inline]
pub fn take_varlong(input: &mut &[u8]) -> Option<i64> {
    let (&first, rest) = input.split_first()?;
    if first < 0x80 {
        *input = rest;
        return Some(unzigzag64(u64::from(first)));
    }
    take_long_varint64(input)
}

#[cold]
fn take_long_varint32(input: &mut &[u8]) -> Option<i32> {
    let mut value = 0u32;
    for (index, &byte) in input.iter().take(5).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *input = input.get(index + 1..)?;
            return Some(unzigzag32(value));
        }
    }
    None
}

fn take_long_varint64(input: &mut &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for (index, &byte) in input.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *input = input.get(index + 1..)?;
            return Some(unzigzag64(value));
        }
    }
    None
}

/// Appends a 32-bit zigzag varint.
pub fn put_varint(out: &mut Vec<u8>, value: i32) {
    put_varlong(out, i64::from(value));
}

/// Appends a 64-bit zigzag varint.
pub fn put_varlong(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push((rest as u8) | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Bytes that `value` takes as a zigzag varint.
pub fn varlong_size(value: i64) -> usize {
    let bits = 64 - (((value << 1) ^ (value >> 63)) as u64 | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

fn unzigzag32(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

fn unzigzag64(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_put_is_taken(value: i64, small: i32) {
            for (value, fits) in [(value, false), (i64::from(small), true)] {
                let mut out = Vec::new();
                put_varlong(&mut out, value);
                prop_assert_eq!(out.len(), varlong_size(value));
                let mut input = &out[..];
                prop_assert_eq!(take_varlong(&mut input), Some(value));
                prop_assert!(input.is_empty());
                if fits {
                    let mut input = &out[..];
                    prop_assert_eq!(take_varint(&mut input), Some(small));
                    prop_assert!(input.is_empty());
                }
                prop_assert_eq!(take_varlong(&mut &out[..out.len() - 1]), None);
            }
        }
    }

    #[test]
    fn endless_varints_are_refused() {
        assert_eq!(take_varint(&mut &[0xff; 6][..]), None);
        assert_eq!(take_varlong(&mut &[0xff; 11][..]), None);
        assert_eq!(take_varint(&mut &[][..]), None);
    }
}
