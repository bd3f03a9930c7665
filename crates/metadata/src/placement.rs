//! Which brokers hold a new partition: striped over brokers, racks in turn, fenced brokers last (KIP-36, KIP-500).

use model::NodeId;

use crate::context::Random;
use crate::image::{Broker, Image};

/// Brokers that may hold partitions, grouped for placement.
#[derive(Debug)]
pub struct Placer {
    racks: Vec<Rack>,
    /// Index of the rack the next partition begins with.
    rack_offset: usize,
    usable: usize,
    usable_unfenced: usize,
}

/// Why partitions cannot be placed. `Display` gives the rest of Kafka's sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlacementError {
    /// No broker is registered or every one is fenced or cordoned.
    AllFenced,
    /// Fewer brokers than replicas.
    TooFewBrokers {
        /// Replicas wanted.
        wanted: i16,
        /// Brokers that may hold one.
        usable: usize,
    },
}

#[derive(Debug)]
struct Rack {
    unfenced: Ring,
    fenced: Ring,
}

/// Brokers in a fixed order, begun one further with each partition.
#[derive(Debug)]
struct Ring {
    brokers: Vec<NodeId>,
    offset: usize,
    /// Brokers the current partition has taken.
    taken: usize,
}

impl Placer {
    /// Groups the brokers of the image by rack and begins at random places.
    pub fn new(image: &Image, random: &mut Random) -> Placer {
        let usable: Vec<&Broker> =
            image.brokers.values().map(|broker| &**broker).filter(|broker| !broker.is_cordoned()).collect();
        let mut names: Vec<Option<&str>> = usable.iter().map(|broker| broker.rack.as_deref()).collect();
        names.sort_unstable();
        names.dedup();
        let mut racks = Vec::with_capacity(names.len());
        for name in names {
            let in_rack = || usable.iter().filter(move |broker| broker.rack.as_deref() == name);
            let unfenced = in_rack().filter(|broker| broker.is_active()).map(|broker| broker.id).collect();
            let fenced = in_rack().filter(|broker| !broker.is_active()).map(|broker| broker.id).collect();
            racks.push(Rack { unfenced: Ring::new(unfenced, random), fenced: Ring::new(fenced, random) });
        }
        let usable_unfenced = usable.iter().filter(|broker| broker.is_active()).count();
        let rack_offset = random.below(racks.len());
        Placer { racks, rack_offset, usable: usable.len(), usable_unfenced }
    }

    /// Replicas for each of `partitions` new partitions, the preferred leader first.
    pub fn place(
        &mut self,
        partitions: i32,
        replication_factor: i16,
    ) -> Result<Vec<Vec<NodeId>>, PlacementError> {
        let wanted = usize::try_from(replication_factor).unwrap_or(0);
        if wanted > self.usable {
            return Err(PlacementError::TooFewBrokers { wanted: replication_factor, usable: self.usable });
        }
        if self.usable_unfenced == 0 {
            return Err(PlacementError::AllFenced);
        }
        Ok((0..partitions).map(|_| self.place_one(wanted)).collect())
    }

    /// The preferred leader is an unfenced broker of the first rack that has one; the others come from the
    /// racks in turn, so that replicas spread over racks before they gather, fenced brokers last in each.
    fn place_one(&mut self, wanted: usize) -> Vec<NodeId> {
        let rack_count = self.racks.len();
        let mut chosen: Vec<NodeId> = Vec::with_capacity(wanted);
        let mut position = self.rack_offset;
        self.rack_offset = (self.rack_offset + 1) % rack_count;
        for rack in &mut self.racks {
            rack.begin_partition();
        }
        let mut racks_without = 0;
        while chosen.len() < wanted && racks_without < rack_count {
            let rack = &mut self.racks[position];
            let id = if chosen.is_empty() { rack.next_unfenced() } else { rack.next() };
            racks_without = if id.is_some() { 0 } else { racks_without + 1 };
            chosen.extend(id);
            position = (position + 1) % rack_count;
        }
        chosen
    }
}

impl Rack {
    fn begin_partition(&mut self) {
        self.unfenced.begin_partition();
        self.fenced.begin_partition();
    }

    fn next_unfenced(&mut self) -> Option<NodeId> {
        self.unfenced.next()
    }

    fn next(&mut self) -> Option<NodeId> {
        self.unfenced.next().or_else(|| self.fenced.next())
    }
}

impl Ring {
    fn new(mut brokers: Vec<NodeId>, random: &mut Random) -> Ring {
        // Neighbours in the order should not always follow each other, or the broker after a failed one
        // would take over all its work.
        for last in (1..brokers.len()).rev() {
            brokers.swap(last, random.below(last + 1));
        }
        let offset = random.below(brokers.len());
        Ring { brokers, offset, taken: 0 }
    }

    fn begin_partition(&mut self) {
        self.taken = 0;
        if !self.brokers.is_empty() {
            self.offset = (self.offset + 1) % self.brokers.len();
        }
    }

    fn next(&mut self) -> Option<NodeId> {
        if self.taken == self.brokers.len() {
            return None;
        }
        let id = self.brokers.get((self.offset + self.taken) % self.brokers.len()).copied();
        self.taken += 1;
        id
    }
}

impl std::fmt::Display for PlacementError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AllFenced => {
                f.write_str("All brokers are currently fenced, or have all their log directories cordoned.")
            }
            Self::TooFewBrokers { wanted, usable } => write!(
                f,
                "The target replication factor of {wanted} cannot be reached because only {usable} broker(s) are registered or some brokers have all their log directories cordoned."
            ),
        }
    }
}

impl std::error::Error for PlacementError {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use model::Uuid;

    use super::*;

    fn image(brokers: &[(NodeId, Option<&str>, bool)]) -> Image {
        let mut image = Image::new();
        for (id, rack, is_fenced) in brokers {
            let broker = Broker {
                id: *id,
                epoch: 1,
                incarnation_id: Uuid::ONE,
                endpoints: Vec::new(),
                features: Vec::new(),
                rack: rack.map(str::to_owned),
                is_fenced: *is_fenced,
                is_shutting_down: false,
                log_dirs: Vec::new(),
                cordoned_log_dirs: None,
            };
            image.brokers.insert_mut(*id, Arc::new(broker));
        }
        image
    }

    fn placed(image: &Image, partitions: i32, factor: i16) -> Vec<Vec<NodeId>> {
        Placer::new(image, &mut Random::new(42)).place(partitions, factor).unwrap()
    }

    #[test]
    fn leaders_and_replicas_spread_evenly() {
        let image = image(&[(0, None, false), (1, None, false), (2, None, false)]);
        let mut leaders: BTreeMap<NodeId, usize> = BTreeMap::new();
        for replicas in placed(&image, 30, 2) {
            assert_ne!(replicas[0], replicas[1]);
            *leaders.entry(replicas[0]).or_default() += 1;
        }
        assert_eq!(leaders.into_values().collect::<Vec<_>>(), [10, 10, 10]);
    }

    #[test]
    fn each_rack_gets_one_replica_before_any_gets_two() {
        let racks =
            [(0, Some("a"), false), (1, Some("a"), false), (2, Some("b"), false), (3, Some("c"), false)];
        let image = image(&racks);
        for replicas in placed(&image, 40, 3) {
            let mut names: Vec<&str> =
                replicas.iter().filter_map(|id| image.brokers.get(id)?.rack.as_deref()).collect();
            names.sort_unstable();
            assert_eq!(names, ["a", "b", "c"]);
        }
    }

    #[test]
    fn fenced_brokers_hold_replicas_but_never_lead() {
        let image = image(&[(0, None, true), (1, None, false), (2, None, true)]);
        for replicas in placed(&image, 20, 2) {
            assert_eq!(replicas[0], 1);
            assert_eq!(replicas.len(), 2);
        }
    }

    #[test]
    fn too_few_brokers_are_named() {
        let image = image(&[(0, None, false), (1, None, false)]);
        let error = Placer::new(&image, &mut Random::new(1)).place(1, 3).unwrap_err();
        assert_eq!(error, PlacementError::TooFewBrokers { wanted: 3, usable: 2 });
        let fenced = self::image(&[(0, None, true)]);
        let error = Placer::new(&fenced, &mut Random::new(1)).place(1, 1).unwrap_err();
        assert_eq!(error, PlacementError::AllFenced);
    }
}
