//! Numbers that look random and follow from a seed: the same seed draws the same faults.

/// A generator (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Begins at `seed`.
    pub fn new(seed: u64) -> Random {
        Random(seed ^ 0x5851_f42d_4c95_7f2d)
    }

    /// A generator of its own for part `number`, so that one round does not hang on how many draws another made.
    pub fn fork(&self, number: u64) -> Random {
        let mut forked = Random(self.0 ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        forked.next();
        forked
    }

    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }

    /// A place in something of `len` elements.
    pub fn place(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of several; there must be at least one.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.place(from.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_numbers_and_its_parts_draw_others() {
        let draw = |mut random: Random| (0..4).map(|_| random.below(1000)).collect::<Vec<_>>();
        let random = Random::new(7);
        assert_eq!(draw(random.clone()), draw(Random::new(7)));
        assert_ne!(draw(random.fork(1)), draw(random.fork(2)));
        assert_ne!(draw(random.fork(1)), draw(random));
    }
}
