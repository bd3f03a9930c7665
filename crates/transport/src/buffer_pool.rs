//! Buffers that are handed from connection to connection of one core.
//!
//! The first touch of fresh memory costs 1-20 µs a page, so buffers are reused, last returned first: the next reader finds
//! it in the cache.

use std::cell::RefCell;

/// Capacity of the smallest buffer, in bytes.
const SMALLEST: usize = 16 * 1024;
/// Capacity above which an output buffer is freed rather than kept, in bytes.
const OUTPUT_KEPT_MAX: usize = 64 * 1024;
/// Output buffers kept free at most.
const OUTPUTS_KEPT_MAX: usize = 64;
/// Number of size classes; each is twice the one before, the last one 256 MiB.
const CLASSES: usize = 15;

/// The pool of one core. Not shared between threads.
#[derive(Debug)]
pub struct BufferPool {
    state: RefCell<State>,
    retained_bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    free: [Vec<Vec<u8>>; CLASSES],
    outputs: Vec<Vec<u8>>,
    retained_bytes: usize,
    /// Fewest free bytes since the last trim: what nobody needed in that time.
    unused_bytes_min: usize,
}

impl BufferPool {
    /// A pool that keeps at most `retained_bytes_max` bytes of free buffers.
    pub fn new(retained_bytes_max: usize) -> BufferPool {
        BufferPool { state: RefCell::default(), retained_bytes_max }
    }

    /// A new or used buffer with a capacity of at least `size` bytes. What it is filled with means nothing; it is filled as
    /// far as somebody has used it, so that memory is touched only once it is needed.
    pub fn take(&self, size: usize) -> Vec<u8> {
        let class = class_of(size);
        let mut state = self.state.borrow_mut();
        if let Some(buffer) = state.free.get_mut(class).and_then(Vec::pop) {
            state.retained_bytes -= buffer.capacity();
            state.unused_bytes_min = state.unused_bytes_min.min(state.retained_bytes);
            return buffer;
        }
        drop(state);
        Vec::with_capacity(BufferPool::size_of(size))
    }

    /// Size in bytes of the buffer that is given to whoever asks for `size` bytes.
    pub fn size_of(size: usize) -> usize {
        SMALLEST.checked_shl(class_of(size) as u32).unwrap_or(size).max(size)
    }

    /// Gives a buffer back; what exceeds the pool's bound is freed.
    pub fn give(&self, buffer: Vec<u8>) {
        let class = class_of(buffer.capacity());
        let mut state = self.state.borrow_mut();
        let fits = buffer.capacity() == SMALLEST << class.min(CLASSES - 1)
            && state.retained_bytes + buffer.capacity() <= self.retained_bytes_max;
        if let (true, Some(free)) = (fits, state.free.get_mut(class)) {
            free.push(buffer);
            let size = SMALLEST << class;
            state.retained_bytes += size;
        }
    }

    /// An empty buffer to encode into.
    pub fn take_output(&self) -> Vec<u8> {
        self.state.borrow_mut().outputs.pop().unwrap_or_else(|| Vec::with_capacity(SMALLEST))
    }

    /// Gives an output buffer back, whatever is in it.
    pub fn give_output(&self, mut buffer: Vec<u8>) {
        let mut state = self.state.borrow_mut();
        if buffer.capacity() <= OUTPUT_KEPT_MAX && state.outputs.len() < OUTPUTS_KEPT_MAX {
            buffer.clear();
            state.outputs.push(buffer);
        }
    }

    /// Frees buffers that nobody has needed since the last call, largest first.
    pub fn trim(&self) {
        let mut state = self.state.borrow_mut();
        let mut excess = state.unused_bytes_min;
        for class in (0..CLASSES).rev() {
            let size = SMALLEST << class;
            while size <= excess && state.free[class].pop().is_some() {
                excess -= size;
                state.retained_bytes -= size;
            }
        }
        state.unused_bytes_min = state.retained_bytes;
    }

    /// Bytes of free buffers held now.
    pub fn retained_bytes(&self) -> usize {
        self.state.borrow().retained_bytes
    }
}

fn class_of(size: usize) -> usize {
    let units = size.div_ceil(SMALLEST).max(1);
    units.next_power_of_two().trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_buffer_is_taken_again() {
        let pool = BufferPool::new(1 << 20);
        let mut buffer = pool.take(20_000);
        assert_eq!(buffer.capacity(), 32 * 1024);
        buffer.push(7);
        pool.give(buffer);
        assert_eq!(pool.retained_bytes(), 32 * 1024);
        assert_eq!(pool.take(30_000)[0], 7);
        assert_eq!(pool.retained_bytes(), 0);
    }

    #[test]
    fn the_bound_holds_and_odd_sizes_are_freed() {
        let pool = BufferPool::new(40 * 1024);
        let (one, other) = (pool.take(1), pool.take(32 * 1024));
        pool.give(one);
        pool.give(other);
        assert_eq!(pool.retained_bytes(), 16 * 1024);
        pool.give(vec![0; 17_000]);
        assert_eq!(pool.retained_bytes(), 16 * 1024);
        assert!(pool.take(400 << 20).capacity() >= 400 << 20);
    }

    #[test]
    fn trim_frees_only_what_stayed_unused() {
        let pool = BufferPool::new(1 << 20);
        let buffers = [pool.take(1), pool.take(1), pool.take(1)];
        buffers.into_iter().for_each(|buffer| pool.give(buffer));
        pool.trim();
        let in_use = pool.take(1);
        pool.give(in_use);
        pool.trim();
        assert_eq!(pool.retained_bytes(), 16 * 1024);
    }
}
