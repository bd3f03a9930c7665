//! Damage to files between a stop and a start: no corrupt record is served, what can be mended is mended, the rest is
//! refused with file, position and remedy.

mod node;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Plan, Verdict};
use crate::crash::{Crash, Survivors};
use crate::log_model::LogModel;
use crate::log_run::{Recovered, Run};
use crate::memory_disk::{MemoryDisk, Tree};
use crate::random::Random;

/// Steps of a run whose files are damaged.
const STEPS: usize = 50;
/// Rounds on the files of one run.
const ROUNDS_PER_RUN: u32 = 40;
/// One round in so many starts a node on damaged files.
const NODE_EVERY: u32 = 20;

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// All that was there is there.
    Whole,
    /// A prefix is there.
    Cut,
    /// The log or the node did not open, and said why.
    Refused,
    /// Some records are refused when they are read, by the log or by their checksum.
    Unreadable,
    /// A batch stands at another offset than it had or is passed over: the checksum of Kafka's format leaves the first
    /// 17 bytes out.
    Moved,
}

/// A tree of files, and what they hold.
struct Files {
    tree: Tree,
    model: LogModel,
}

pub fn run(plan: &Plan) -> Result<Verdict, String> {
    let mut ends: BTreeMap<End, u64> = BTreeMap::new();
    let mut files: Option<(Files, Files)> = None;
    let mut nodes = node::NodeFiles::new(plan)?;
    let mut node_rounds = 0u64;
    for round in 0..plan.rounds {
        let mut random = plan.random(round);
        let end = if round % NODE_EVERY == NODE_EVERY - 1 {
            node_rounds += 1;
            nodes.round(&mut random)
        } else {
            if files.is_none() || round.is_multiple_of(ROUNDS_PER_RUN) {
                files = Some((Files::of_run(&random.fork(1))?, Files::of_run(&random.fork(2))?));
            }
            let Some((own, foreign)) = &files else { continue };
            damage_log(own, foreign, &mut random)
        };
        *ends.entry(end.map_err(|text| format!("round {round}: {text}"))?).or_default() += 1;
    }
    let count = |end: End| ends.get(&end).copied().unwrap_or(0).to_string();
    Ok(Verdict::Held(vec![
        ("mutations", plan.rounds.to_string()),
        ("of them through the executable", node_rounds.to_string()),
        ("nothing was lost", count(End::Whole)),
        ("the tail was cut", count(End::Cut)),
        ("refused to open, with file and remedy", count(End::Refused)),
        ("records refused when read", count(End::Unreadable)),
        ("a batch moved or passed over, unchecked bytes", count(End::Moved)),
    ]))
}

impl Files {
    /// What a run leaves that was stopped cleanly or killed.
    fn of_run(random: &Random) -> Result<Files, String> {
        let mut run = Run::begin(random.fork(1))?;
        for _ in 0..STEPS {
            run.step()?;
        }
        let mut survivors = Survivors::default();
        run.disk.changes().iter().for_each(|change| survivors.note(change));
        let tree = survivors.after(Crash::Killed, &mut random.fork(2));
        let model = run.facts.pop().ok_or("no facts")?.model;
        Ok(Files { tree, model })
    }
}

/// Changes one file and opens what is then there.
fn damage_log(own: &Files, foreign: &Files, random: &mut Random) -> Result<End, String> {
    let mut tree = own.tree.clone();
    // The mark of a clean stop has the start trust the files.
    if random.one_in(2) {
        tree.insert("/data/.kafka_cleanshutdown".into(), Some(br#"{"version":0,"brokerEpoch":1}"#.to_vec()));
    }
    let names: Vec<PathBuf> =
        own.tree.iter().filter(|(_, file)| file.is_some()).map(|(path, _)| path.clone()).collect();
    let path = random.pick(&names).clone();
    let what = mutate(&mut tree, &path, &names, Some(&foreign.tree), random);
    let disk = MemoryDisk::holding(&tree).map_err(|error| error.to_string())?;
    let about = |text: String| format!("{what}: {text}");
    let recovered = match Recovered::open_damaged(&disk) {
        Ok(recovered) => recovered,
        Err(text) => return explained(&text).map(|()| End::Refused).map_err(about),
    };
    let is_log = path.extension().is_some_and(|kind| kind == "log");
    recovered.serves_nothing_else(&own.model, is_log).map_err(about)
}

/// An error that an operator can act on names a file and says what to do.
pub fn explained(text: &str) -> Result<(), String> {
    let names_file = text.contains('/');
    let says_how = text.contains("; ") || text.contains("cannot ");
    if names_file && says_how {
        Ok(())
    } else {
        Err(format!("it is refused without file and remedy: {text}"))
    }
}

/// Damages the file at `path` in one of many ways, which is told.
pub fn mutate(
    tree: &mut Tree,
    path: &PathBuf,
    names: &[PathBuf],
    foreign: Option<&Tree>,
    random: &mut Random,
) -> String {
    let name = path.display().to_string();
    let mut bytes = tree.get(path).cloned().flatten().unwrap_or_default();
    let at = random.place(bytes.len());
    // Records of another log are records too, and a log without some of its files is one with a gap, as compaction leaves
    // them: nothing tells either, here as in Kafka.
    let is_log = path.extension().is_some_and(|kind| kind == "log");
    let what = match random.below(if is_log { 6 } else { 8 }) {
        0..=2 if !bytes.is_empty() => {
            let bit = random.below(8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} of {name} flipped")
        }
        3 if !bytes.is_empty() => {
            let end = bytes.len().min(at + 512);
            bytes[at..end].fill(0);
            format!("zeros at {at} of {name}")
        }
        4 => {
            bytes.truncate(at);
            format!("{name} cut to {at}")
        }
        5 => {
            let garbage = 1 + random.place(200);
            bytes.extend((0..garbage).map(|_| random.next() as u8));
            format!("{garbage} bytes of garbage behind {name}")
        }
        6 => {
            let kind = path.extension();
            let same: Vec<&PathBuf> = names.iter().filter(|other| other.extension() == kind).collect();
            let other = (*random.pick(&same)).clone();
            let of_foreign = foreign.and_then(|tree| tree.get(&other)).cloned().flatten();
            let replaced = of_foreign.or_else(|| tree.get(&other).cloned().flatten());
            bytes = replaced.unwrap_or_default();
            format!("{name} replaced by a foreign {}", other.display())
        }
        _ => {
            tree.remove(path);
            return format!("{name} removed");
        }
    };
    tree.insert(path.clone(), Some(bytes));
    what
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_logs_serve_no_other_records() {
        let mut ends = BTreeMap::new();
        // What can be cut differs much from one log to the next.
        for seed in 1..7 {
            let random = Random::new(seed);
            let (own, foreign) =
                (Files::of_run(&random.fork(1)).unwrap(), Files::of_run(&random.fork(2)).unwrap());
            for round in 0..200 {
                let end = damage_log(&own, &foreign, &mut random.fork(100 + round)).unwrap();
                *ends.entry(end).or_insert(0) += 1;
            }
        }
        assert!(ends[&End::Whole] > 300 && ends[&End::Cut] > 5, "{ends:?}");
    }
}
