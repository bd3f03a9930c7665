//! A member of a group that tells all it does, for random schedules. What its words mean: `scripts/group_member.py`.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::Consumer;
use client::consumer::{CommittedOffset, RebalanceListener};
use config::{ClientKind, ClientSettings};
use model::ErrorCode;
use rustix::time::{ClockId, clock_gettime};

use crate::shown;

/// As in `scripts/group_member.py`.
const GROUP_GONE: i32 = 3;
const POLL: Duration = Duration::from_millis(100);
const ASSIGNORS: [(&str, &str); 3] = [
    ("range", "org.apache.kafka.clients.consumer.RangeAssignor"),
    ("roundrobin", "org.apache.kafka.clients.consumer.RoundRobinAssignor"),
    ("cooperative-sticky", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"),
];

/// What was said when it was started.
#[derive(Debug)]
pub struct Given<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Given<'a> {
    /// Of words as `name=value`.
    pub fn of(words: &[&'a str]) -> Result<Given<'a>, String> {
        let pairs = words.iter().map(|word| word.split_once('=').ok_or(format!("{word} has no value")));
        Ok(Given(pairs.collect::<Result<_, _>>()?))
    }

    fn get(&self, name: &str) -> Result<&'a str, String> {
        self.0.get(name).copied().ok_or(format!("{name} is not given"))
    }

    fn settings(&self) -> Result<ClientSettings, String> {
        let protocol = self.get("protocol")?;
        let mut written = vec![
            ("bootstrap.servers", self.get("address")?),
            ("group.id", self.get("group")?),
            ("group.protocol", protocol),
            ("enable.auto.commit", "false"),
            ("auto.offset.reset", "earliest"),
            ("max.poll.interval.ms", self.get("poll_ms")?),
            ("max.poll.records", "50"),
            ("fetch.max.wait.ms", "100"),
            ("reconnect.backoff.max.ms", "300"),
            ("request.timeout.ms", "5000"),
            ("default.api.timeout.ms", "5000"),
        ];
        if protocol == "classic" {
            let assignor = self.get("assignor")?;
            let class = ASSIGNORS.iter().find(|(name, _)| *name == assignor).ok_or("no such assignor")?.1;
            written.extend([
                ("session.timeout.ms", self.get("session_ms")?),
                ("heartbeat.interval.ms", "200"),
                ("partition.assignment.strategy", class),
            ]);
        }
        ClientSettings::read(ClientKind::Consumer, written).map_err(shown)
    }
}

/// The next offset to process, and the one committed, by partition.
#[derive(Debug, Default)]
struct Ledger {
    next: BTreeMap<i32, i64>,
    committed: BTreeMap<i32, i64>,
}

impl Ledger {
    /// Of these nothing is known any more.
    fn forget(&mut self, word: &str, partitions: &[(String, i32)]) {
        let mut line = word.to_owned();
        for (_, partition) in partitions {
            self.next.remove(partition);
            self.committed.remove(partition);
            line += &format!(" {partition}");
        }
        say(&line);
    }

    fn due(&self) -> BTreeMap<i32, i64> {
        let is_due = |(partition, offset): &(&i32, &i64)| self.committed.get(partition) != Some(offset);
        self.next.iter().filter(is_due).map(|(partition, offset)| (*partition, *offset)).collect()
    }
}

struct Listener(Arc<Mutex<Ledger>>);

impl RebalanceListener for Listener {
    fn revoked(&mut self, partitions: &[(String, i32)]) -> Vec<((String, i32), CommittedOffset)> {
        self.0.lock().unwrap().forget("revoked", partitions);
        Vec::new()
    }

    fn assigned(&mut self, partitions: &[(String, i32)]) {
        self.0.lock().unwrap().forget("assigned", partitions);
    }

    fn lost(&mut self, partitions: &[(String, i32)]) {
        self.0.lock().unwrap().forget("revoked", partitions);
    }
}

struct Member<'a> {
    topic: &'a str,
    consumer: Consumer,
    ledger: Arc<Mutex<Ledger>>,
    commits: u32,
    /// Whether every record is committed by itself.
    each: bool,
    work: Duration,
    orders: Arc<Mutex<VecDeque<String>>>,
}

/// Consumes until it is told to stop.
pub async fn tell(given: &Given<'_>) -> Result<(), String> {
    let ledger: Arc<Mutex<Ledger>> = Arc::default();
    let mut consumer = Consumer::new(&given.settings()?).map_err(shown)?;
    consumer.listen(Listener(Arc::clone(&ledger)));
    let topic = given.get("topic")?;
    consumer.subscribe(&[topic]).await.map_err(shown)?;
    let mut member = Member {
        topic,
        consumer,
        ledger,
        commits: 0,
        each: given.get("commit")? == "record",
        work: Duration::from_millis(given.get("work_ms")?.parse().map_err(shown)?),
        orders: orders(),
    };
    while member.obey().await? {
        member.step().await?;
    }
    member.commit().await;
    member.consumer.close().await;
    say("left");
    Ok(())
}

/// What is said on standard input; its end is an order to stop.
fn orders() -> Arc<Mutex<VecDeque<String>>> {
    let orders: Arc<Mutex<VecDeque<String>>> = Arc::default();
    let read = Arc::clone(&orders);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            read.lock().unwrap().push_back(line);
        }
        read.lock().unwrap().push_back("stop".to_owned());
    });
    orders
}

impl Member<'_> {
    /// Does as it is told next; says whether to go on.
    async fn obey(&mut self) -> Result<bool, String> {
        let Some(order) = self.orders.lock().unwrap().pop_front() else { return Ok(true) };
        match order.split(' ').collect::<Vec<_>>()[..] {
            ["pause", seconds] => {
                tokio::time::sleep(Duration::from_secs_f64(seconds.parse().map_err(shown)?)).await;
            }
            ["work", millis] => self.work = Duration::from_millis(millis.parse().map_err(shown)?),
            ["commit", what] => self.each = what == "record",
            _ => return Ok(false),
        }
        Ok(true)
    }

    async fn step(&mut self) -> Result<(), String> {
        let records = match self.consumer.poll(POLL).await {
            Ok(records) => records,
            Err(error) if error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND) => {
                eprintln!("{error}");
                std::process::exit(GROUP_GONE);
            }
            Err(error) => return Err(error.to_string()),
        };
        // After a commit that failed the batch goes on without: each further one might take as long to fail.
        let mut goes_well = true;
        for record in records.iter() {
            tokio::time::sleep(self.work).await;
            let value = String::from_utf8_lossy(record.value.unwrap_or_default());
            say(&format!("record {} {} {value}", record.partition, record.offset));
            self.ledger.lock().unwrap().next.insert(record.partition, record.offset + 1);
            goes_well = goes_well && (!self.each || self.commit().await);
        }
        if goes_well {
            self.commit().await;
        }
        Ok(())
    }

    async fn commit(&mut self) -> bool {
        let due = self.ledger.lock().unwrap().due();
        if due.is_empty() {
            return true;
        }
        self.commits += 1;
        let number = self.commits;
        let named: String = due.iter().map(|(partition, offset)| format!(" {partition}:{offset}")).collect();
        say(&format!("committing {number}{named}"));
        let offsets = due
            .iter()
            .map(|(partition, offset)| ((self.topic.to_owned(), *partition), CommittedOffset::at(*offset)));
        if let Err(error) = self.consumer.commit_offsets(offsets).await {
            say(&format!("failed {number} {}", error.to_string().replace('\n', " ")));
            return false;
        }
        say(&format!("committed {number}"));
        self.ledger.lock().unwrap().committed.extend(due);
        true
    }
}

/// A line behind the time, at once: who is killed after this has said it.
fn say(words: &str) {
    let now = clock_gettime(ClockId::Monotonic);
    let line = format!("{}{:09} {words}\n", now.tv_sec, now.tv_nsec);
    let mut out = std::io::stdout().lock();
    // Who no longer listens need not know.
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}
