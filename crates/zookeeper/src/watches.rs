//! The watches of one client: told from what a node was when it was looked at last, and what it is now.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use model::limits::ZOOKEEPER_WATCHES_BYTES_MAX;

use crate::event::{Event, EventKind};
use crate::request::KnownWatches;
use crate::tree::Tree;

/// Bytes of a watch beside its path.
const WATCH_BYTES: usize = 64;

/// What a client wants to hear of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// That it comes, goes or changes its data, once.
    Data,
    /// That its children change or it goes, once.
    Children,
    /// All of it, always.
    Always,
}

/// The client has more watches than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

/// The watches of one client.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    by_path: BTreeMap<String, Watched>,
    bytes: usize,
    hasher: RandomState,
}

#[derive(Debug)]
struct Watched {
    seen: Option<Seen>,
    data: bool,
    children: bool,
    always: bool,
}

/// A node as far as one look can be told from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    data: u64,
    children: u64,
}

impl Watches {
    /// Paths that are watched.
    pub fn len(&self) -> usize {
        self.by_path.len()
    }

    /// Adds a watch, as of this tree.
    pub fn add(&mut self, path: &str, wanted: Wanted, tree: &dyn Tree) -> Result<(), TooMany> {
        if !self.by_path.contains_key(path) {
            let bytes = self.bytes + path.len() + WATCH_BYTES;
            if bytes > ZOOKEEPER_WATCHES_BYTES_MAX {
                return Err(TooMany);
            }
            self.bytes = bytes;
        }
        let seen = self.look(path, tree);
        let nothing = || Watched { seen, data: false, children: false, always: false };
        let watched = self.by_path.entry(path.to_owned()).or_insert_with(nothing);
        *watched.flag(wanted) = true;
        Ok(())
    }

    /// True where there is such a watch.
    pub fn has(&self, path: &str, wanted: Wanted) -> bool {
        self.by_path.get(path).is_some_and(|watched| match wanted {
            Wanted::Data => watched.data,
            Wanted::Children => watched.children,
            Wanted::Always => watched.always,
        })
    }

    /// Takes a watch away; false where there was none.
    pub fn remove(&mut self, path: &str, wanted: Wanted) -> bool {
        let Some(watched) = self.by_path.get_mut(path) else { return false };
        let was = std::mem::take(watched.flag(wanted));
        self.forget_idle(path);
        was
    }

    /// What there is to tell of the way to this tree.
    pub fn follow(&mut self, tree: &dyn Tree) -> Vec<Event> {
        let mut events = Vec::new();
        let paths: Vec<String> = self.by_path.keys().cloned().collect();
        for path in paths {
            let now = self.look(&path, tree);
            let Some(watched) = self.by_path.get_mut(&path) else { continue };
            let before = std::mem::replace(&mut watched.seen, now);
            events.extend(watched.told(before).map(|kind| Event { kind, path: path.clone() }));
            self.forget_idle(&path);
        }
        events
    }

    /// Adds the watches of a client that comes back, and tells what it may have missed: where it is not known whether a
    /// node has changed, that it has.
    pub fn resume(&mut self, known: &KnownWatches<'_>, tree: &dyn Tree) -> Result<Vec<Event>, TooMany> {
        let mut events = Vec::new();
        let mut tell = |path: &str, kind| events.push(Event { kind, path: path.to_owned() });
        for path in &known.data {
            match tree.node(path) {
                None => tell(path, EventKind::NodeDeleted),
                Some(node) if node.marks.mzxid > known.relative_zxid => {
                    tell(path, EventKind::NodeDataChanged);
                }
                Some(_) => self.add(path, Wanted::Data, tree)?,
            }
        }
        for path in &known.exist {
            match tree.node(path) {
                Some(_) => tell(path, EventKind::NodeCreated),
                None => self.add(path, Wanted::Data, tree)?,
            }
        }
        for path in &known.child {
            match tree.node(path) {
                None => tell(path, EventKind::NodeDeleted),
                Some(node) if node.marks.pzxid > known.relative_zxid => {
                    tell(path, EventKind::NodeChildrenChanged);
                }
                Some(_) => self.add(path, Wanted::Children, tree)?,
            }
        }
        let [always, _] = known.persistent.clone().unwrap_or_default();
        for path in always {
            self.add(path, Wanted::Always, tree)?;
        }
        Ok(events)
    }

    fn look(&self, path: &str, tree: &dyn Tree) -> Option<Seen> {
        let node = tree.node(path)?;
        let data = self.hasher.hash_one((&node.data, node.marks.version, node.marks.czxid));
        Some(Seen { data, children: self.hasher.hash_one(&node.children) })
    }

    fn forget_idle(&mut self, path: &str) {
        let is_idle = |watched: &Watched| !(watched.data || watched.children || watched.always);
        if self.by_path.get(path).is_some_and(is_idle) {
            self.by_path.remove(path);
            self.bytes -= path.len() + WATCH_BYTES;
        }
    }
}

impl Watched {
    fn flag(&mut self, wanted: Wanted) -> &mut bool {
        match wanted {
            Wanted::Data => &mut self.data,
            Wanted::Children => &mut self.children,
            Wanted::Always => &mut self.always,
        }
    }

    /// What there is to tell of the way from `before`; watches that hold once are gone then.
    fn told(&mut self, before: Option<Seen>) -> impl Iterator<Item = EventKind> + use<> {
        let mut told = [None, None];
        match (before, self.seen) {
            (Some(_), None) => {
                // One event for all, as ZooKeeper has it.
                told[0] = Some(EventKind::NodeDeleted);
                (self.data, self.children) = (false, false);
            }
            (None, Some(_)) if self.data || self.always => {
                told[0] = Some(EventKind::NodeCreated);
                self.data = false;
            }
            (Some(before), Some(now)) => {
                if before.data != now.data && (self.data || self.always) {
                    told[0] = Some(EventKind::NodeDataChanged);
                    self.data = false;
                }
                if before.children != now.children && (self.children || self.always) {
                    told[1] = Some(EventKind::NodeChildrenChanged);
                    self.children = false;
                }
            }
            _ => {}
        }
        told.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::testing::Planted;

    fn followed(watches: &mut Watches, tree: &Planted) -> Vec<(EventKind, String)> {
        watches.follow(tree).into_iter().map(|event| (event.kind, event.path)).collect()
    }

    #[test]
    fn a_watch_tells_once_and_one_that_stays_always() {
        let before = Planted::new(1, &[("/a", "1"), ("/b", "1")]);
        let mut watches = Watches::default();
        watches.add("/a", Wanted::Data, &before).unwrap();
        watches.add("/b", Wanted::Always, &before).unwrap();
        watches.add("/c", Wanted::Data, &before).unwrap();
        assert_eq!(followed(&mut watches, &before), []);
        let after = Planted::new(2, &[("/a", "2"), ("/b", "2"), ("/c", "")]);
        let told = |kind, path: &str| (kind, path.to_owned());
        let (created, changed) = (EventKind::NodeCreated, EventKind::NodeDataChanged);
        assert_eq!(
            followed(&mut watches, &after),
            [told(changed, "/a"), told(changed, "/b"), told(created, "/c")]
        );
        assert_eq!((watches.len(), watches.bytes), (1, 2 + WATCH_BYTES));
        assert_eq!(followed(&mut watches, &before), [told(changed, "/b")]);
    }

    #[test]
    fn children_are_watched_apart_from_data_and_a_node_that_goes_is_told_once() {
        let before = Planted::new(1, &[("/a", "1")]);
        let mut watches = Watches::default();
        watches.add("/a", Wanted::Data, &before).unwrap();
        watches.add("/a", Wanted::Children, &before).unwrap();
        let grown = Planted::new(2, &[("/a", "1"), ("/a/b", "")]);
        let path = || "/a".to_owned();
        assert_eq!(followed(&mut watches, &grown), [(EventKind::NodeChildrenChanged, path())]);
        watches.add("/a", Wanted::Children, &grown).unwrap();
        assert_eq!(followed(&mut watches, &Planted::new(3, &[])), [(EventKind::NodeDeleted, path())]);
        assert_eq!(watches.len(), 0);
    }

    #[test]
    fn a_client_that_comes_back_hears_what_it_may_have_missed() {
        let tree = Planted::new(5, &[("/a", ""), ("/b", "")]);
        let mut watches = Watches::default();
        let known = KnownWatches {
            relative_zxid: 4,
            data: vec!["/a", "/gone"],
            exist: vec!["/b", "/not"],
            child: vec!["/a"],
            persistent: Some([vec!["/p"], vec![]]),
        };
        let events = watches.resume(&known, &tree).unwrap();
        let events: Vec<_> = events.iter().map(|event| (event.kind, event.path.as_str())).collect();
        let expected = [
            (EventKind::NodeDataChanged, "/a"),
            (EventKind::NodeDeleted, "/gone"),
            (EventKind::NodeCreated, "/b"),
            (EventKind::NodeChildrenChanged, "/a"),
        ];
        assert_eq!(events, expected);
        assert!(watches.has("/not", Wanted::Data) && watches.has("/p", Wanted::Always));
        let same = KnownWatches { relative_zxid: 5, ..known };
        assert_eq!(watches.resume(&same, &tree).unwrap().len(), 2);
        assert!(watches.has("/a", Wanted::Data) && watches.has("/a", Wanted::Children));
    }

    #[test]
    fn watches_are_bounded_and_those_removed_make_room() {
        let tree = Planted::default();
        let mut watches = Watches::default();
        let path = |number: usize| format!("/{number:0>1000}");
        let most = ZOOKEEPER_WATCHES_BYTES_MAX / (1001 + WATCH_BYTES);
        for number in 0..most {
            watches.add(&path(number), Wanted::Data, &tree).unwrap();
        }
        assert_eq!(watches.add(&path(most), Wanted::Data, &tree), Err(TooMany));
        assert_eq!(watches.add(&path(0), Wanted::Children, &tree), Ok(()));
        assert!(watches.remove(&path(1), Wanted::Data) && !watches.remove(&path(1), Wanted::Data));
        assert_eq!(watches.add(&path(most), Wanted::Data, &tree), Ok(()));
    }
}
