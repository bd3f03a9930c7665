//! Damage to the data folder of a node: it serves what is sound, or says which file keeps it from starting.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{End, explained, mutate};
use crate::cases::Plan;
use crate::client::{CallError, Client};
use crate::load::{self, Producer};
use crate::memory_disk::Tree;
use crate::node::{Node, NodeHome};
use crate::random::Random;
use crate::verify;

const TOPIC: &str = "damaged";
const PARTITIONS: i32 = 3;
const READY_MAX: Duration = Duration::from_secs(30);

/// The files that a killed node left, and what it had acknowledged.
pub struct NodeFiles {
    home: NodeHome,
    dir: PathBuf,
    tree: Tree,
    producers: Vec<Producer>,
}

impl NodeFiles {
    /// Fills a node and kills it.
    pub fn new(plan: &Plan) -> Result<NodeFiles, String> {
        let dir = plan.folder.join("data");
        let home = NodeHome::new(&plan.folder, std::slice::from_ref(&dir), &["log.segment.bytes=1048576"])?;
        let node = home.start()?;
        let mut client = connect(&node)?;
        client.create_topic(TOPIC, PARTITIONS, &[]).map_err(CallError::into_text)?;
        let mut producers = vec![Producer::new(0, None, PARTITIONS, plan.random(u32::MAX - 1)).with_acks(-1)];
        let address = node.address;
        load::run_for(&mut producers, address, TOPIC, Duration::from_millis(400), || node.kill())?;
        let mut tree = Tree::new();
        read_tree(&dir, &mut tree).map_err(|error| error.to_string())?;
        Ok(NodeFiles { home, dir, tree, producers })
    }

    /// Damages one file and starts the node on what is then there.
    pub fn round(&mut self, random: &mut Random) -> Result<End, String> {
        let mut tree = self.tree.clone();
        let names: Vec<PathBuf> =
            tree.iter().filter(|(_, file)| file.is_some()).map(|(path, _)| path.clone()).collect();
        let path = random.pick(&names).clone();
        let what = mutate(&mut tree, &path, &names, None, random);
        write_tree(&self.dir, &tree).map_err(|error| error.to_string())?;
        let mut node = self.home.start()?;
        let looked = connect(&node).and_then(|mut client| self.look(&mut client));
        // It binds its sockets before it looks at its files.
        let end = looked.or_else(|text| match node.wait_for_end() {
            Ok(status) if !status.success() => {
                let said = node.said();
                let error: Vec<&str> = said.lines().filter(|line| !line.contains(" INFO ")).collect();
                explained(&error.join("\n")).map(|()| End::Refused)
            }
            _ => Err(text),
        });
        if node.ended().is_some_and(|status| status.success()) {
            return Err(format!("{what}: the node has ended as if all were well"));
        }
        end.map_err(|text| format!("{what}: {text}\n{}", node.last_words()))
    }

    /// Reads every partition: each record is one that was sent, at its offset, or is refused.
    fn look(&self, client: &mut Client) -> Result<End, String> {
        let mut worst = End::Whole;
        for partition in 0..PARTITIONS {
            let end = match verify::check_partition(client, TOPIC, partition, &self.producers) {
                Ok(found) if found.lost == 0 => End::Whole,
                Ok(_) => End::Cut,
                Err(verify::Trouble::Refused(_)) => End::Unreadable,
                Err(verify::Trouble::Wrong(text)) => return Err(text),
            };
            worst = worst.max(end);
        }
        Ok(worst)
    }
}

fn connect(node: &Node) -> Result<Client, String> {
    let deadline = Instant::now() + READY_MAX;
    let process = node.process_id();
    loop {
        match Client::connect(node.address) {
            Ok(client) => return Ok(client),
            Err(error) if Instant::now() > deadline || has_ended(process) => return Err(error.into_text()),
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// True for a process that has ended and was not waited for yet.
fn has_ended(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

fn read_tree(folder: &Path, tree: &mut Tree) -> std::io::Result<()> {
    tree.insert(folder.to_owned(), None);
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_tree(&path, tree)?;
        } else {
            let content = std::fs::read(&path)?;
            tree.insert(path, Some(content));
        }
    }
    Ok(())
}

/// Makes `folder` hold what `tree` says and nothing else.
fn write_tree(folder: &Path, tree: &Tree) -> std::io::Result<()> {
    std::fs::remove_dir_all(folder)?;
    for (path, content) in tree {
        match content {
            None => std::fs::create_dir_all(path)?,
            Some(bytes) => std::fs::write(path, bytes)?,
        }
    }
    Ok(())
}
