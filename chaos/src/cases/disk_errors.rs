//! Errors of the disk at random calls: only the log directory concerned goes offline, nothing is acknowledged after a
//! failed sync, a full disk is survived.

mod full;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use model::ErrorCode;

use super::{Plan, Verdict};
use crate::client::{CallError, Client};
use crate::load::{self, Producer};
use crate::loop_disk;
use crate::node::{Node, NodeHome};
use crate::random::Random;
use crate::verify;

const PARTITIONS: i32 = 6;
/// Rounds on one data folder.
const ROUNDS_PER_TOPIC: u32 = 15;
/// One round in so many fills a file system instead.
const FULL_EVERY: u32 = 30;
const READY_MAX: Duration = Duration::from_secs(30);
/// An answer may be on its way while a later sync fails.
const ON_THE_WAY: Duration = Duration::from_millis(500);

/// What fails.
#[derive(Debug, Clone, Copy)]
struct Fault {
    /// System calls, as strace names them.
    calls: &'static str,
    error: &'static str,
    target: Target,
    /// Whether the directory goes offline until the next start.
    is_lasting: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// The log files of the directory.
    Logs,
    /// The file that replaces its checkpoint.
    Checkpoint,
    /// The folders of a topic that is made.
    Folders,
}

const FAULTS: [Fault; 9] = [
    Fault { calls: "pwritev,pwrite64", error: "EIO", target: Target::Logs, is_lasting: true },
    Fault { calls: "pwritev,pwrite64", error: "ENOSPC", target: Target::Logs, is_lasting: false },
    Fault { calls: "fdatasync,fsync", error: "EIO", target: Target::Logs, is_lasting: true },
    Fault { calls: "fdatasync,fsync", error: "ENOSPC", target: Target::Logs, is_lasting: true },
    Fault { calls: "pread64,preadv,preadv2", error: "EIO", target: Target::Logs, is_lasting: true },
    Fault { calls: "rename,renameat,renameat2", error: "EIO", target: Target::Checkpoint, is_lasting: true },
    Fault {
        calls: "rename,renameat,renameat2",
        error: "ENOSPC",
        target: Target::Checkpoint,
        is_lasting: false,
    },
    Fault { calls: "mkdir,mkdirat", error: "EIO", target: Target::Folders, is_lasting: true },
    Fault { calls: "mkdir,mkdirat", error: "ENOSPC", target: Target::Folders, is_lasting: false },
];

/// A node with two log directories, the second of which fails.
struct Bench {
    home: NodeHome,
    folder: PathBuf,
    /// Partitions of the topic by directory.
    placed: [Vec<i32>; 2],
    producers: Vec<Producer>,
    hits: u64,
    refusals: u64,
}

pub fn run(plan: &Plan) -> Result<Verdict, String> {
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        return Ok(Verdict::Skipped("errors are injected with strace, which is not here".to_owned()));
    }
    let lacks_loop = loop_disk::lacking();
    if let (Some(reason), true) = (&lacks_loop, std::env::var("CI").is_ok_and(|ci| ci == "true")) {
        return Err(format!("SKIPPED the round with a full file system: {reason}"));
    }
    let mut bench: Option<Bench> = None;
    let (mut hits, mut refusals, mut filled) = (0, 0, 0u64);
    for round in 0..plan.rounds {
        let mut random = plan.random(round);
        let failed = |text: String| format!("round {round}: {text}");
        if round % FULL_EVERY == 1 {
            if lacks_loop.is_none() {
                full::round(&plan.folder.join(format!("full-{round}")), &mut random).map_err(failed)?;
                filled += 1;
            }
            continue;
        }
        if round.is_multiple_of(ROUNDS_PER_TOPIC) {
            bench = Some(Bench::new(&plan.folder.join(format!("errors-{round}")), &random).map_err(failed)?);
        }
        let Some(bench) = &mut bench else { return Err("no bench".to_owned()) };
        (bench.hits, bench.refusals) = (0, 0);
        let fault = FAULTS[round as usize % FAULTS.len()];
        bench.round(fault, round, &mut random).map_err(|text| failed(format!("{fault:?}: {text}")))?;
        (hits, refusals) = (hits + bench.hits, refusals + bench.refusals);
    }
    if let Some(reason) = lacks_loop {
        println!("  SKIPPED the rounds with a full file system: {reason}");
    }
    Ok(Verdict::Held(vec![
        ("rounds", plan.rounds.to_string()),
        ("of them with an error that was met", hits.to_string()),
        ("of them in which the directory was refused", refusals.to_string()),
        ("of them with a file system filled to the last byte", filled.to_string()),
    ]))
}

/// Which partitions lie in which directory, once all have their folders: these come a moment after their partitions.
fn placed_in(dirs: &[PathBuf; 2]) -> [Vec<i32>; 2] {
    let is_in = |dir: &Path, index: &i32| dir.join(format!("t-{index}")).is_dir();
    let places =
        || dirs.each_ref().map(|dir| (0..PARTITIONS).filter(|index| is_in(dir, index)).collect::<Vec<_>>());
    let give_up = Instant::now() + READY_MAX;
    loop {
        let placed = places();
        if placed.iter().map(Vec::len).sum::<usize>() >= PARTITIONS as usize || Instant::now() > give_up {
            return placed;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Bench {
    fn new(folder: &Path, random: &Random) -> Result<Bench, String> {
        std::fs::create_dir(folder).map_err(|error| error.to_string())?;
        let dirs = [folder.join("a"), folder.join("b")];
        let settings = ["flush.policy=durable", "log.flush.offset.checkpoint.interval.ms=300"];
        let home = NodeHome::new(folder, &dirs, &settings)?;
        let node = home.start()?;
        let mut client = connect(&node)?;
        client.create_topic("t", PARTITIONS, &[]).map_err(CallError::into_text)?;
        let placed = placed_in(&dirs);
        if placed.iter().any(Vec::is_empty) {
            return Err(format!("the partitions lie in one directory: {placed:?}"));
        }
        let producers = (0..2u32).map(|worker| {
            let producer = Producer::new(worker, None, PARTITIONS, random.fork(u64::from(worker) + 10));
            let producer = producer.with_acks(-1).expecting_faults();
            producer.writing_to(&placed[worker as usize])
        });
        let producers = producers.collect();
        let mut bench = Bench { home, folder: folder.to_owned(), placed, producers, hits: 0, refusals: 0 };
        // Log files must be there to be named to strace.
        load::run_for(&mut bench.producers, node.address, "t", Duration::from_millis(100), || Ok(()))?;
        node.stop()?;
        Ok(bench)
    }

    fn round(&mut self, fault: Fault, round: u32, random: &mut Random) -> Result<(), String> {
        let trace = self.folder.join("trace");
        let when = 1 + random.below(if fault.target == Target::Logs { 40 } else { 2 });
        let mut node = self.home.start_under(&self.strace(fault, round, when, &trace))?;
        let mut client = connect(&node)?;
        let address = node.address;
        load::run_for(&mut self.producers, address, "t", Duration::from_millis(500), || {
            if fault.target == Target::Folders {
                // Those of the second directory fail; the answer comes from the controller.
                client.create_topic(&format!("u{round}"), 2, &[]).map_err(CallError::into_text)?;
            }
            Ok(())
        })?;
        if let Some(status) = node.ended() {
            return Err(format!("the node has ended with {status}:\n{}", node.last_words()));
        }
        let looked = self.look(&mut client, fault, &trace);
        looked.map_err(|text| format!("{text}\n{}", node.last_words()))?;
        drop(client);
        node.kill()?;
        let node = self.home.start()?;
        let mut client = connect(&node)?;
        let kept = verify::check_topic(&mut client, "t", &self.producers, None);
        kept.map_err(|text| format!("after a start: {text}\n{}", node.last_words()))?;
        drop(client);
        node.kill()
    }

    /// Which directory serves and which refuses, and that nothing was acknowledged behind a failed sync.
    fn look(&mut self, client: &mut Client, fault: Fault, trace: &Path) -> Result<(), String> {
        for index in self.placed[0].clone() {
            let code = self.probe(client, index)?;
            if !code.is_none() {
                return Err(format!("partition {index} lies in the sound directory and answers {code}"));
            }
        }
        let mut codes = self.probe_failing(client)?;
        if codes.iter().any(|code| code.is_none()) && codes.iter().any(|code| !code.is_none()) {
            // The fault was met in the midst of this look.
            codes = self.probe_failing(client)?;
        }
        let injected = injected_at(trace);
        self.hits += u64::from(injected.is_some());
        let is_refused = codes.iter().all(|code| !code.is_none());
        self.refusals += u64::from(is_refused);
        let Some(injected) = injected else {
            return if codes.iter().all(|code| code.is_none()) {
                Ok(())
            } else {
                Err(format!("no error, but {codes:?}"))
            };
        };
        if fault.is_lasting != is_refused {
            return Err(format!("the directory that failed answers {codes:?}"));
        }
        let age = SystemTime::now().duration_since(injected).unwrap_or_default();
        let last_ack =
            self.producers[1].lanes.iter().filter_map(|lane| lane.acked.last()).map(|acked| acked.at).max();
        let failed_at = Instant::now().checked_sub(age).ok_or("no clock")?;
        if fault.is_lasting && last_ack.is_some_and(|last| last > failed_at + ON_THE_WAY) {
            return Err("a batch was acknowledged after the directory had failed".to_owned());
        }
        Ok(())
    }

    /// How the partitions of the second directory take a record.
    fn probe_failing(&mut self, client: &mut Client) -> Result<Vec<ErrorCode>, String> {
        self.placed[1].clone().into_iter().map(|index| self.probe(client, index)).collect()
    }

    /// How a partition takes a record, once what was refused before the fault was seen has passed.
    fn probe(&mut self, client: &mut Client, index: i32) -> Result<ErrorCode, String> {
        let owner = usize::from(self.placed[1].contains(&index));
        self.producers[owner].probe(client, "t", index).map_err(CallError::into_text)
    }

    fn strace(&self, fault: Fault, round: u32, when: u64, trace: &Path) -> Vec<String> {
        let dir = &self.home.dirs[1];
        let paths: Vec<PathBuf> = match fault.target {
            Target::Logs => self.placed[1]
                .iter()
                .map(|index| dir.join(format!("t-{index}/00000000000000000000.log")))
                .collect(),
            Target::Checkpoint => vec![dir.join("recovery-point-offset-checkpoint.tmp")],
            Target::Folders => (0..2).map(|index| dir.join(format!("u{round}-{index}"))).collect(),
        };
        let inject = format!("inject={}:error={}:when={when}", fault.calls, fault.error);
        let mut words =
            ["strace", "-D", "-f", "-qq", "-ttt", "-o", &trace.display().to_string(), "-e", &inject]
                .map(str::to_owned)
                .to_vec();
        words.extend(["-e".to_owned(), format!("trace={}", fault.calls)]);
        words.extend(paths.iter().flat_map(|path| ["-P".to_owned(), path.display().to_string()]));
        words
    }
}

/// When the error was injected, by the trace.
fn injected_at(trace: &Path) -> Option<SystemTime> {
    let text = std::fs::read_to_string(trace).ok()?;
    let line = text.lines().find(|line| line.contains("(INJECTED)"))?;
    let seconds: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds))
}

fn connect(node: &Node) -> Result<Client, String> {
    let lacking =
        |error: CallError| format!("the node does not serve: {}\n{}", error.into_text(), node.last_words());
    Client::connect_until(node.address, Instant::now() + READY_MAX).map_err(lacking)
}
