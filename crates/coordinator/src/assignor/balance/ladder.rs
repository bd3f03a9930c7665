//! Readers of a topic between the one with least partitions and the one with most, taken from both ends.
//!
//! Who has been given a partition stands one rung higher and waits until all on its old rung have had one too; from the
//! other end it is the same downwards.

/// Both ends of the order.
pub struct Ladder {
    /// Members, those with least partitions first.
    order: Vec<usize>,
    height: i64,
    low: Low,
    high: High,
}

/// The first `end` of the order have `rung` partitions, those before `next` already one more.
struct Low {
    end: usize,
    rung: i64,
    next: usize,
}

/// From `begin` to `end` of the order members have `rung` partitions, those from `next` on already one less.
struct High {
    begin: usize,
    end: usize,
    rung: i64,
    next: usize,
}

impl Ladder {
    pub fn new(order: Vec<usize>, loads: &[i64]) -> Ladder {
        let load = |place: Option<&usize>| place.and_then(|place| loads.get(*place)).copied().unwrap_or(0);
        let (least, most, count) = (load(order.first()), load(order.last()), order.len());
        Ladder {
            order,
            height: most - least,
            low: Low { end: 0, rung: least - 1, next: 0 },
            high: High { begin: count, end: count, rung: most + 1, next: count },
        }
    }

    /// How many partitions more the one with most had than the one with least.
    pub fn height(&self) -> i64 {
        self.height
    }

    /// True once what is taken and given evens out nothing any more.
    pub fn is_level(&self) -> bool {
        self.high.rung - self.low.rung <= 1
    }

    /// Who gets the next partition.
    pub fn lowest(&mut self, loads: &[i64]) -> Option<usize> {
        if self.low.next >= self.low.end {
            self.low.rung += 1;
            while self.stands_on(self.low.end, self.low.rung, loads) {
                self.low.end += 1;
            }
            self.low.next = 0;
        }
        let place = self.order.get(self.low.next).copied();
        self.low.next += 1;
        place
    }

    /// Who gives the next partition away; `None` once nobody is left.
    pub fn highest(&mut self, loads: &[i64]) -> Option<usize> {
        let high = &self.high;
        if high.next <= high.begin {
            let below = high.begin.checked_sub(1).and_then(|at| self.order.get(at));
            match below.and_then(|place| loads.get(*place)) {
                // All on this rung were excluded.
                Some(load) if high.end <= high.begin => self.high.rung = *load,
                _ => self.high.rung -= 1,
            }
            while self.high.begin > 0 && self.stands_on(self.high.begin - 1, self.high.rung, loads) {
                self.high.begin -= 1;
            }
            self.high.next = self.high.end;
        }
        self.high.next = self.high.next.checked_sub(1)?;
        self.order.get(self.high.next).copied()
    }

    /// Whoever [`Ladder::highest`] gave last has nothing to give away.
    pub fn exclude(&mut self) {
        if let Some(last) = self.high.end.checked_sub(1) {
            self.order.swap(self.high.next, last);
            self.high.end = last;
        }
    }

    fn stands_on(&self, at: usize, rung: i64, loads: &[i64]) -> bool {
        self.order.get(at).and_then(|place| loads.get(*place)) == Some(&rung)
    }
}
