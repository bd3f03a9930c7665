//! `kafka-transactions`: transactions and producers, and transactions that hang.

mod hanging;

use client::Admin;
use client::admin::{ActiveProducer, TopicPartition, TransactionFilter};

use crate::admin_tool::{self, wrote};
use crate::columns::tabbed;
use crate::failure::Failure;
use crate::subcommands::{Argument, Command, Program, Said, Unsaid};
use crate::{KAFKA_VERSION, Output};

const INTEGER: &str = "Integer";
const LONG: &str = "Long";

const TOPIC: Argument = Argument::value("topic", "TOPIC", "the topic");
const PARTITION: Argument = Argument::value("partition", "PARTITION", "the number of the partition");
const BROKER: Argument = Argument::value("broker-id", "BROKER_ID", "the broker to ask");

#[rustfmt::skip]
pub(crate) static PROGRAM: Program = Program {
    name: "kafka-transactions.sh",
    about: "This tool is used to analyze the transactional state of producers in the cluster. It can be used to detect and recover from hanging transactions.",
    options: &[
        Argument::flag("version", "show the version of Kafka that this tool stands for").short("v"),
        Argument::value("command-config", "FILE", "a file of settings for the admin client"),
        Argument::value("bootstrap-server", "host:port", "servers to connect to first, separated by commas").required(),
    ],
    commands: &[
        Command {
            name: "list",
            about: "list transactional ids",
            options: &[
                Argument::value("duration-filter", "DURATION_FILTER", "only transactions that have run longer, in milliseconds"),
                Argument::value("transactional-id-pattern", "TRANSACTIONAL_ID_PATTERN", "only ids that match the regular expression"),
            ],
        },
        Command {
            name: "describe",
            about: "show what a transactional id is at",
            options: &[Argument::value("transactional-id", "TRANSACTIONAL_ID", "the id").required()],
        },
        Command { name: "describe-producers", about: "show the producers of a partition", options: &[BROKER, TOPIC.required(), PARTITION.required()] },
        Command {
            name: "abort",
            about: "abort a hanging transaction",
            options: &[
                TOPIC.required(),
                PARTITION.required(),
                Argument::value("start-offset", "START_OFFSET", "where the transaction begins"),
                Argument::value("producer-id", "PRODUCER_ID", "before Kafka 3: the producer's id"),
                Argument::value("producer-epoch", "PRODUCER_EPOCH", "before Kafka 3: the producer's epoch"),
                Argument::value("coordinator-epoch", "COORDINATOR_EPOCH", "before Kafka 3: the coordinator's epoch"),
            ],
        },
        Command {
            name: "find-hanging",
            about: "find hanging transactions",
            options: &[BROKER, Argument::value("max-transaction-timeout", "MAX_TRANSACTION_TIMEOUT", "minutes after which an open transaction is looked at, 15 without"), TOPIC, PARTITION],
        },
        Command {
            name: "forceTerminateTransaction",
            about: "abort the open transaction of a transactional id",
            options: &[Argument::value("transactionalId", "TRANSACTIONALID", "the id").required()],
        },
    ],
};

/// Numbers of a command line.
struct Numbers {
    broker: Option<i32>,
    partition: Option<i32>,
    timeout_minutes: Option<i32>,
    duration_ms: Option<i64>,
    start_offset: Option<i64>,
    producer_id: Option<i64>,
    producer_epoch: Option<i16>,
    coordinator_epoch: Option<i32>,
}

impl Numbers {
    fn read(said: &Said) -> Result<Numbers, Unsaid> {
        Ok(Numbers {
            broker: said.number("broker-id", INTEGER)?,
            partition: said.number("partition", INTEGER)?,
            timeout_minutes: said.number("max-transaction-timeout", INTEGER)?,
            duration_ms: said.number("duration-filter", LONG)?,
            start_offset: said.number("start-offset", LONG)?,
            producer_id: said.number("producer-id", LONG)?,
            producer_epoch: said.number("producer-epoch", "Short")?,
            coordinator_epoch: said.number("coordinator-epoch", INTEGER)?,
        })
    }
}

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    if arguments.first().is_some_and(|word| word == "--version" || word == "-v") {
        return crate::written(writeln!(output.out, "{KAFKA_VERSION}"), output);
    }
    let read = PROGRAM.read(arguments).and_then(|said| Ok((Numbers::read(&said)?, said)));
    let (numbers, said) = match read {
        Ok(read) => read,
        Err(unsaid) => return unsaid.tell(output),
    };
    match act(&said, &numbers, output) {
        Ok(()) => 0,
        Err(failure) if failure.is_terse() => output.fail(failure.message()),
        // Nobody catches it in the original.
        Err(failure) => output.fail(format!("Exception in thread \"main\" {failure}")),
    }
}

fn act(said: &Said, numbers: &Numbers, output: &mut Output<'_>) -> Result<(), Failure> {
    let config = said.value("command-config");
    let admin = match said.connect(config) {
        Err(failure) if failure.is_of_file() => {
            return Err(failed("Failed to load admin client properties", &failure.message()));
        }
        connected => connected?,
    };
    let topic = said.value("topic").unwrap_or_default();
    let partition: TopicPartition = (topic.to_owned(), numbers.partition.unwrap_or_default());
    let told = admin_tool::run(async {
        match said.command {
            "list" => list(&admin, said, numbers).await,
            "describe" => describe(&admin, said.value("transactional-id").unwrap_or_default()).await,
            "describe-producers" => describe_producers(&admin, &partition, numbers.broker).await,
            "abort" => abort(&admin, &partition, numbers).await,
            "forceTerminateTransaction" => {
                let id = said.value("transactionalId").unwrap_or_default();
                let what = format!("Failed to force terminate transactionalId `{id}`");
                let done = admin.terminate_transaction(id).await;
                done.map(|()| String::new()).map_err(|error| failed(&what, &error))
            }
            _ => hanging::find(&admin, said.value("topic"), numbers).await,
        }
    });
    wrote(output.out.write_all(told?.as_bytes()))
}

/// What the original says before it ends.
fn failed(what: &str, cause: &impl std::fmt::Display) -> Failure {
    Failure::terse(format!("{what}: {cause}. Enable debug logging for additional detail."))
}

fn shown((topic, partition): &TopicPartition) -> String {
    format!("{topic}-{partition}")
}

async fn list(admin: &Admin, said: &Said, numbers: &Numbers) -> Result<String, Failure> {
    let filter = TransactionFilter {
        producer_ids: Vec::new(),
        duration_ms_min: numbers.duration_ms.unwrap_or(-1),
        id_pattern: said.value("transactional-id-pattern").map(str::to_owned),
    };
    let listed = admin.list_transactions(&filter).await;
    let listed = listed.map_err(|error| failed("Failed to list transactions", &error))?;
    let rows = listed.into_iter().flat_map(|(broker, listings)| {
        listings.into_iter().map(move |listing| {
            [listing.transactional_id, broker.to_string(), listing.producer_id.to_string(), listing.state]
        })
    });
    let rows: Vec<_> = rows.collect();
    Ok(tabbed(["TransactionalId", "Coordinator", "ProducerId", "TransactionState"], &rows))
}

async fn describe(admin: &Admin, id: &str) -> Result<String, Failure> {
    let what = format!("Failed to describe transaction state of transactional-id `{id}`");
    let mut described = admin.describe_transactions(&[id]).await.map_err(|error| failed(&what, &error))?;
    let Some(outcome) = described.remove(id) else { return Err(Failure::terse(what)) };
    let found = outcome.map_err(|error| failed(&what, &error))?;
    let none = || "None".to_owned();
    let partitions: Vec<String> = found.partitions.iter().map(shown).collect();
    let row = [
        found.coordinator.to_string(),
        id.to_owned(),
        found.producer_id.to_string(),
        found.producer_epoch.to_string(),
        found.state,
        found.timeout_ms.to_string(),
        found.start_ms.map_or_else(none, |start| start.to_string()),
        found.start_ms.map_or_else(none, |start| (crate::now_ms() - start).to_string()),
        partitions.join(","),
    ];
    let heading = [
        "CoordinatorId",
        "TransactionalId",
        "ProducerId",
        "ProducerEpoch",
        "TransactionState",
        "TransactionTimeoutMs",
        "CurrentTransactionStartTimeMs",
        "TransactionDurationMs",
        "TopicPartitions",
    ];
    Ok(tabbed(heading, &[row]))
}

async fn describe_producers(
    admin: &Admin,
    partition: &TopicPartition,
    broker: Option<i32>,
) -> Result<String, Failure> {
    let of_whom = broker.map_or_else(|| "leader".to_owned(), |id| format!("broker {id}"));
    let what = format!("Failed to describe producers for partition {} on {of_whom}", shown(partition));
    let producers = producers_of(admin, partition, broker).await.map_err(|error| failed(&what, &error))?;
    let rows: Vec<_> = producers
        .iter()
        .map(|producer| {
            [
                producer.id.to_string(),
                producer.epoch.to_string(),
                producer.coordinator_epoch.unwrap_or(-1).to_string(),
                producer.last_sequence.to_string(),
                producer.last_timestamp.to_string(),
                producer.transaction_start.map_or_else(|| "None".to_owned(), |offset| offset.to_string()),
            ]
        })
        .collect();
    let heading = [
        "ProducerId",
        "ProducerEpoch",
        "LatestCoordinatorEpoch",
        "LastSequence",
        "LastTimestamp",
        "CurrentTransactionStartOffset",
    ];
    Ok(tabbed(heading, &rows))
}

async fn producers_of(
    admin: &Admin,
    partition: &TopicPartition,
    broker: Option<i32>,
) -> Result<Vec<ActiveProducer>, client::Error> {
    let mut described = admin.describe_producers(std::slice::from_ref(partition), broker).await?;
    described.remove(partition).unwrap_or_else(|| Ok(Vec::new()))
}

async fn abort(admin: &Admin, partition: &TopicPartition, numbers: &Numbers) -> Result<String, Failure> {
    let (producer, coordinator_epoch) = match (numbers.start_offset, numbers.producer_id) {
        (None, None) => {
            return Err(Failure::terse(
                "The transaction to abort must be identified either with --start-offset (for brokers on 3.0 or above) or with --producer-id, --producer-epoch, and --coordinator-epoch (for older brokers)",
            ));
        }
        (Some(start), _) => {
            let what = format!("Failed to validate producer state for partition {}", shown(partition));
            let producers =
                producers_of(admin, partition, None).await.map_err(|error| failed(&what, &error))?;
            let found = producers.iter().find(|producer| producer.transaction_start == Some(start));
            let found = found.ok_or_else(|| {
                let partition = shown(partition);
                Failure::terse(format!(
                    "Could not find any open transactions starting at offset {start} on partition {partition}"
                ))
            })?;
            // Epochs of producers are of 16 bits everywhere but in this answer.
            let epoch = i16::try_from(found.epoch).unwrap_or(i16::MAX);
            ((found.id, epoch), found.coordinator_epoch.unwrap_or(0))
        }
        (None, Some(id)) => {
            let missing = |option: &str| Failure::terse(format!("Missing required argument --{option}"));
            let epoch = numbers.producer_epoch.ok_or_else(|| missing("producer-epoch"))?;
            let of_coordinator = numbers.coordinator_epoch.ok_or_else(|| missing("coordinator-epoch"))?;
            // A transaction that hangs from the beginning has no coordinator's epoch: 0 is below any real one.
            ((id, epoch), of_coordinator.max(0))
        }
    };
    let aborted = admin.abort_transaction(partition, producer, coordinator_epoch).await;
    aborted.map(|()| String::new()).map_err(|error| {
        let (partition, (id, epoch)) = (shown(partition), producer);
        let spec = format!("AbortTransactionSpec(topicPartition={partition}, producerId={id}, producerEpoch={epoch}, coordinatorEpoch={coordinator_epoch})");
        failed(&format!("Failed to abort transaction {spec}"), &error)
    })
}
