//! What there is to read: nodes by their paths, as they are at one moment.

use crate::stat::Stat;

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Znode {
    /// Its data; none is another thing than an empty one.
    pub data: Option<Vec<u8>>,
    /// The names of its children.
    pub children: Vec<String>,
    /// The rest of what is known of it; the two counts follow from data and children.
    pub marks: Stat,
}

impl Znode {
    /// All that is known of it beside its data.
    pub fn stat(&self) -> Stat {
        let count = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
        let data_length = count(self.data.as_ref().map_or(0, Vec::len));
        Stat { data_length, children: count(self.children.len()), ..self.marks }
    }
}

/// The place of a server among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are ZooKeeper's own")]
pub enum Role {
    Standalone,
    Leader,
    Follower,
}

impl Role {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Standalone => "standalone",
            Role::Leader => "leader",
            Role::Follower => "follower",
        }
    }
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TreeSize {
    /// Nodes.
    pub nodes: usize,
    /// Those that end with a session.
    pub ephemerals: usize,
}

/// The nodes at one moment. Nodes are made when they are asked for, so that a tree costs nothing until somebody reads.
pub trait Tree: Send + Sync {
    /// The node of a path, `None` where there is none; the root is `/`.
    fn node(&self, path: &str) -> Option<Znode>;

    /// The newest transaction in it; never falls.
    fn zxid(&self) -> i64;

    /// The place of the server that holds it.
    fn role(&self) -> Role;

    /// How much there is.
    fn size(&self) -> TreeSize;
}

/// Nodes below a node, it not counted; `None` where it is not there.
pub fn descendants(tree: &dyn Tree, path: &str) -> Option<usize> {
    let mut count = 0;
    let mut waiting = vec![(path.to_owned(), tree.node(path)?)];
    while let Some((path, node)) = waiting.pop() {
        for name in &node.children {
            let child = child_path(&path, name);
            count += 1;
            if let Some(node) = tree.node(&child) {
                waiting.push((child, node));
            }
        }
    }
    Some(count)
}

/// The path of a child.
pub fn child_path(parent: &str, name: &str) -> String {
    format!("{}/{name}", parent.trim_end_matches('/'))
}

#[cfg(test)]
pub(crate) mod testing {
    use std::collections::BTreeMap;

    use super::*;

    /// A tree of what a test puts in it.
    #[derive(Debug, Clone, Default)]
    pub struct Planted {
        pub zxid: i64,
        pub data: BTreeMap<String, &'static str>,
    }

    impl Planted {
        pub fn new(zxid: i64, nodes: &[(&str, &'static str)]) -> Planted {
            Planted { zxid, data: nodes.iter().map(|(path, data)| ((*path).to_owned(), *data)).collect() }
        }
    }

    impl Tree for Planted {
        fn node(&self, path: &str) -> Option<Znode> {
            let data = self.data.get(path)?;
            let inside = format!("{}/", path.trim_end_matches('/'));
            let children = self.data.keys().filter_map(|known| known.strip_prefix(&inside));
            let children = children.filter(|name| !name.is_empty() && !name.contains('/')).map(str::to_owned);
            let marks = Stat { mzxid: self.zxid, pzxid: self.zxid, ..Stat::default() };
            Some(Znode { data: Some((*data).into()), children: children.collect(), marks })
        }

        fn zxid(&self) -> i64 {
            self.zxid
        }

        fn role(&self) -> Role {
            Role::Standalone
        }

        fn size(&self) -> TreeSize {
            TreeSize { nodes: self.data.len(), ephemerals: 0 }
        }
    }

    #[test]
    fn nodes_below_a_node_are_counted() {
        let tree = Planted::new(1, &[("/", ""), ("/a", ""), ("/a/b", ""), ("/a/b/c", ""), ("/d", "")]);
        let counts = ["/", "/a", "/a/b/c", "/x"].map(|path| descendants(&tree, path));
        assert_eq!(counts, [Some(4), Some(2), Some(0), None]);
    }
}
