//! Maps and sets that take no more room than what is in them: a tree begins with room for eleven entries, which is most of
//! what a member with one topic and one partition would cost.
//!
//! Looking up is a binary search. To insert at the end is cheap and elsewhere moves what comes behind, so that what comes
//! in no order, as from a client, is collected and not inserted.

use std::borrow::Borrow;

/// A map in the order of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortedMap<K, V>(Vec<(K, V)>);

/// A set in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortedSet<K>(SortedMap<K, ()>);

impl<K: Ord, V> SortedMap<K, V> {
    pub const fn new() -> SortedMap<K, V> {
        SortedMap(Vec::new())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    pub fn insert(&mut self, key: K, value: V) {
        match self.place(&key) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.insert_at(place, key, value),
        }
    }

    /// The value of a key, which begins with its default.
    pub fn at(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let place = self.place(&key).unwrap_or_else(|place| {
            self.insert_at(place, key, V::default());
            place
        });
        &mut self.0[place].1
    }

    pub fn iter(&self) -> <&Self as IntoIterator>::IntoIter {
        self.into_iter()
    }

    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// What is said of keys in any order, and perhaps of one several times, gathered for each.
    pub fn gathered<E>(mut said: Vec<(K, E)>) -> SortedMap<K, V>
    where
        V: FromIterator<E>,
    {
        said.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut said = said.into_iter().peekable();
        let mut map = Vec::new();
        while let Some((key, first)) = said.next() {
            let others = std::iter::from_fn(|| said.next_if(|(other, _)| *other == key));
            let value = std::iter::once(first).chain(others.map(|(_, entry)| entry)).collect();
            map.push((key, value));
        }
        map.shrink_to_fit();
        SortedMap(map)
    }

    /// Where a key is, or where it would be.
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        match self.0.last() {
            Some((last, _)) if last.borrow() < key => Err(self.0.len()),
            _ => self.0.binary_search_by(|(known, _)| known.borrow().cmp(key)),
        }
    }

    fn insert_at(&mut self, place: usize, key: K, value: V) {
        if self.0.len() == self.0.capacity() {
            // Half as much again, and nothing to spare for the first.
            self.0.reserve_exact(self.0.len() / 2 + 1);
        }
        self.0.insert(place, (key, value));
    }

    /// Has them in order; of several with one key the last stays.
    fn tidy(&mut self) {
        self.0.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.0.dedup_by(|later, earlier| {
            let is_same = later.0 == earlier.0;
            if is_same {
                std::mem::swap(later, earlier);
            }
            is_same
        });
        self.0.shrink_to_fit();
    }
}

impl<K: Ord, V> Default for SortedMap<K, V> {
    fn default() -> SortedMap<K, V> {
        SortedMap::new()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> SortedMap<K, V> {
        let mut map = SortedMap(entries.into_iter().collect());
        map.tidy();
        map
    }
}

impl<K: Ord, V> Extend<(K, V)> for SortedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        self.0.extend(entries);
        self.tidy();
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'m, K, V> IntoIterator for &'m SortedMap<K, V> {
    type Item = (&'m K, &'m V);
    type IntoIter = std::iter::Map<std::slice::Iter<'m, (K, V)>, fn(&'m (K, V)) -> (&'m K, &'m V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl<K: Ord> SortedSet<K> {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    pub fn insert(&mut self, key: K) {
        self.0.insert(key, ());
    }

    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }
}

impl<K: Ord> Default for SortedSet<K> {
    fn default() -> SortedSet<K> {
        SortedSet(SortedMap::new())
    }
}

impl<K: Ord> FromIterator<K> for SortedSet<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> SortedSet<K> {
        SortedSet(keys.into_iter().map(|key| (key, ())).collect())
    }
}

impl<K: Ord> Extend<K> for SortedSet<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        self.0.extend(keys.into_iter().map(|key| (key, ())));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Numbers in no order, many of them more than once.
    fn numbers() -> Vec<u32> {
        (0..500_u32).map(|number| number.wrapping_mul(2_654_435_761) % 199).collect()
    }

    #[test]
    fn whatever_the_order_a_map_holds_what_a_tree_holds() {
        let entries = || numbers().into_iter().zip(0..);
        let tree: BTreeMap<u32, i32> = entries().collect();
        let collected: SortedMap<u32, i32> = entries().collect();
        let mut inserted = SortedMap::new();
        let mut counted: SortedMap<u32, usize> = SortedMap::new();
        for (key, value) in entries() {
            inserted.insert(key, value);
            *counted.at(key) += 1;
        }
        let mut extended: SortedMap<u32, i32> = entries().take(100).collect();
        extended.extend(entries().skip(100));
        for map in [&collected, &inserted, &extended] {
            assert!(map.iter().eq(&tree));
            assert_eq!(map.len(), tree.len());
        }
        for key in 0..200 {
            assert_eq!(inserted.get(&key), tree.get(&key));
            assert_eq!(inserted.contains_key(&key), tree.contains_key(&key));
            let count = numbers().into_iter().filter(|number| *number == key).count();
            assert_eq!(counted.get(&key).copied().unwrap_or(0), count);
        }
    }

    #[test]
    fn a_set_holds_each_once_in_order() {
        let set: SortedSet<String> = ["b", "a", "b"].into_iter().map(str::to_owned).collect();
        assert!(set.iter().eq(["a", "b"]));
        assert!(set.contains("a") && !set.contains("c"));
        assert_eq!((set.len(), set.is_empty()), (2, false));
    }

    #[test]
    fn what_is_said_of_a_key_is_gathered_whatever_the_order() {
        let said = || numbers().into_iter().map(|number| (number % 7, number));
        let gathered: SortedMap<u32, SortedSet<u32>> = SortedMap::gathered(said().collect());
        let mut tree: BTreeMap<u32, SortedSet<u32>> = BTreeMap::new();
        said().for_each(|(key, number)| tree.entry(key).or_default().insert(number));
        assert!(gathered.iter().eq(&tree));
    }

    #[test]
    fn one_entry_takes_the_room_of_one() {
        let mut map = SortedMap::new();
        map.insert(1, 2);
        assert_eq!(map.0.capacity(), 1);
        let collected: SortedMap<i32, i32> = [(3, 4)].into_iter().collect();
        assert_eq!(collected.0.capacity(), 1);
    }
}
