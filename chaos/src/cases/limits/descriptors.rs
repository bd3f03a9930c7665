//! A node with few descriptors: too few are refused at the start; with few it holds far more partitions than descriptors,
//! lets in as many clients as it can serve and no more, and costs no CPU while others wait.

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use records::BatchBuilder;

use crate::client::{CallError, Client};
use crate::footprint::{Footprint, cpu_time, wait_for_descriptors};
use crate::greed;
use crate::load::now_ms;
use crate::node::{Node, NodeHome, free_port};
use crate::probe::{Served, ask, connect, served};

const TOPIC: &str = "many";
const PARTITIONS: i32 = 2_000;
/// Partitions whose records are too many to be copied: an answer holds their files.
const LARGE: i32 = 200;
const DESCRIPTORS: usize = 256;
/// Each takes some of them.
const CORES: &str = "io.cores=2";
const TOO_FEW: [usize; 3] = [24, 64, 140];
const CLIENTS: usize = 300;
/// Clients whose answers hold files and who do not read.
const READLESS: usize = 10;
/// Idle clients of the metrics endpoint.
const IDLE_HTTP: usize = 100;
const SERVED_MIN: usize = 16;
const CPU_SHARE_MAX: f64 = 0.1;
const PATIENCE: Duration = Duration::from_secs(30);
/// What the node opens late.
const DESCRIPTORS_MORE: usize = 16;

type Figures = Vec<(&'static str, String)>;

/// With too few descriptors the start is refused, with cause and remedy.
pub fn too_few(folder: &Path) -> Result<(), String> {
    for count in TOO_FEW {
        let home = NodeHome::new(folder, &[folder.join("refused")], &[CORES])?;
        let mut node = home.start_with_descriptors(count)?;
        let status = node.wait_for_end().map_err(|text| format!("with {count} descriptors: {text}"))?;
        let said = node.said();
        let is_told = said.contains("Too many open files") && said.contains("ulimit -n");
        if status.success() || !is_told || said.contains("panicked") {
            return Err(format!("with {count} descriptors it ends with {status}, and says {said}"));
        }
    }
    Ok(())
}

/// A node with few descriptors, filled with clients.
pub fn few(folder: &Path, is_short: bool) -> Result<Figures, String> {
    greed::allow_descriptors(CLIENTS + READLESS + IDLE_HTTP + 200)?;
    let http = free_port()?;
    let metrics = format!("metrics.listener=127.0.0.1:{http}");
    let home = NodeHome::new(folder, &[folder.join("few")], &[CORES, &metrics])?;
    let mut node = home.start_with_descriptors(DESCRIPTORS)?;
    let outcome = filled(&node, http, is_short);
    let figures = outcome.map_err(|text| match node.ended() {
        Some(status) => format!("the node ended with {status}: {}", node.last_words()),
        None => format!("{text}\n{}", node.last_words()),
    })?;
    for fault in ["panicked at", "Too many open files", "offline"] {
        if node.said().contains(fault) {
            return Err(format!("the node says '{fault}': {}", node.last_words()));
        }
    }
    node.stop()?;
    Ok(figures)
}

fn filled(node: &Node, http: u16, is_short: bool) -> Result<Figures, String> {
    let text = CallError::into_text;
    let mut inside = Client::connect_until(node.address, Instant::now() + PATIENCE).map_err(text)?;
    inside.create_topic(TOPIC, PARTITIONS, &[]).map_err(text)?;
    write_everywhere(&mut inside, 0)?;
    let base = Footprint::of(node.process_id())?;
    let readless = readless(node)?;
    // The endpoint takes few of them, and the others wait.
    let idle = (0..IDLE_HTTP).map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, http)));
    let idle: Vec<TcpStream> = idle.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut stream = connect(node.address)?;
        ask(&mut stream).map_err(|error| format!("a client that should wait is gone: {error}"))?;
        clients.push(stream);
    }
    let (lucky, mut others) = let_in(clients)?;
    if lucky.len() < SERVED_MIN || others.is_empty() {
        return Err(format!("{} of {CLIENTS} clients are served", lucky.len()));
    }
    let share = waiting_share(node, if is_short { 3 } else { 6 })?;
    if share > CPU_SHARE_MAX {
        return Err(format!("the node takes {:.0} % of a core while clients wait", share * 100.0));
    }
    let full = Footprint::of(node.process_id())?;
    write_everywhere(&mut inside, 1)?;
    read_everywhere(&mut inside)?;
    let count = lucky.len();
    drop(lucky);
    let begin = Instant::now();
    let next = count.min(others.len());
    while others.len() + next > CLIENTS - count {
        let before = others.len();
        others.retain_mut(|stream| served(stream, Duration::from_millis(1)) == Served::Waits);
        if begin.elapsed() > PATIENCE {
            return Err(format!("{before} clients wait though {count} have gone"));
        }
    }
    let entered = begin.elapsed();
    drop((others, readless, idle));
    let after = wait_for_descriptors(node.process_id(), base.descriptors + DESCRIPTORS_MORE, PATIENCE)?;
    Ok(vec![
        ("descriptors allowed; partitions", format!("{DESCRIPTORS}; {PARTITIONS}")),
        ("clients inside, of so many", format!("{count}, {CLIENTS}")),
        (
            "descriptors before, while full, after",
            format!("{}, {}, {after}", base.descriptors, full.descriptors),
        ),
        ("CPU while the others wait, % of a core", format!("{:.1}", share * 100.0)),
        ("as many others were inside after, ms", entered.as_millis().to_string()),
    ])
}

/// One batch to every partition.
fn write_everywhere(client: &mut Client, round: u8) -> Result<(), String> {
    for partition in 0..PARTITIONS {
        let size = if partition < LARGE { 30_000 } else { 100 };
        let batch = BatchBuilder::new().record(now_ms(), None, Some(&vec![round; size])).build();
        let deadline = Instant::now() + PATIENCE;
        loop {
            client.send_produce(TOPIC, -1, &[(partition, &batch)]).map_err(CallError::into_text)?;
            let answers = client.produced().map_err(CallError::into_text)?;
            match answers.first() {
                Some(answer) if answer.code.is_none() => break,
                // Its leader may not be known the moment the topic is.
                _ if round == 0 && Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
                other => return Err(format!("{TOPIC}-{partition}: Produce was answered by {other:?}")),
            }
        }
    }
    Ok(())
}

fn read_everywhere(client: &mut Client) -> Result<(), String> {
    for partition in 0..PARTITIONS {
        let fetched = client.fetch(TOPIC, partition, 0).map_err(CallError::into_text)?;
        if !fetched.code.is_none() || fetched.high_watermark != 2 || fetched.records.is_empty() {
            let (code, end) = (fetched.code, fetched.high_watermark);
            return Err(format!("{TOPIC}-{partition}: Fetch was answered by {code}, up to {end}"));
        }
    }
    Ok(())
}

/// Clients that ask for all partitions again and again and take nothing.
fn readless(node: &Node) -> Result<Vec<TcpStream>, String> {
    use std::io::Write;
    let wanted = greed::fetch_frame(TOPIC, LARGE, 50 << 20)?;
    let mut readers = Vec::new();
    for _ in 0..READLESS {
        let mut stream = connect(node.address)?;
        stream.write_all(&wanted.repeat(5)).map_err(|error| format!("a fetch was not taken: {error}"))?;
        readers.push(stream);
    }
    Ok(readers)
}

/// Waits until no more clients are answered; those that were, and the others.
fn let_in(mut waiting: Vec<TcpStream>) -> Result<(Vec<TcpStream>, Vec<TcpStream>), String> {
    let mut lucky = Vec::new();
    let mut last = Instant::now();
    while last.elapsed() < Duration::from_secs(2) && !waiting.is_empty() {
        let mut still = Vec::new();
        for mut stream in waiting {
            match served(&mut stream, Duration::from_millis(1)) {
                Served::Yes => {
                    lucky.push(stream);
                    last = Instant::now();
                }
                Served::Waits => still.push(stream),
                Served::Closed => return Err("a client was closed that could have waited".to_owned()),
            }
        }
        waiting = still;
    }
    Ok((lucky, waiting))
}

/// The share of a core that waiting takes, from the quietest second: what the node does once after a load (flush, close files)
/// falls into one or two of them, what it does over and over because somebody waits into all.
fn waiting_share(node: &Node, seconds: u32) -> Result<f64, String> {
    let mut quietest = f64::INFINITY;
    for _ in 0..seconds {
        let before = cpu_time(node.process_id())?;
        let begin = Instant::now();
        std::thread::sleep(Duration::from_secs(1));
        let taken = cpu_time(node.process_id())?.saturating_sub(before);
        quietest = quietest.min(taken.as_secs_f64() / begin.elapsed().as_secs_f64());
    }
    Ok(quietest)
}
