"""Kafka's tools for groups, in every mode: Kafka and Naru have them print what stands in transcripts/.

    python3 compat/group_tool_checks.py --record      writes the transcripts anew, by what they print against Kafka
"""

import datetime
import time

import flights
import playing
import transcripts
from expect import contains, equal
from kafka_peer import KafkaPeer
from own_tools import OwnToolsAndKafkas
from server import Server
from tool_runner import ToolRunner
from tool_session import GROUPS, Session, rows

SETTINGS = (
    "offsets.topic.replication.factor=1",
    "offsets.topic.num.partitions=5",
    "transaction.state.log.replication.factor=1",
    "share.coordinator.state.topic.replication.factor=1",
    "group.initial.rebalance.delay.ms=0",
    # Soon, for what DeleteRecords has taken away would come back with the kill.
    "log.flush.start.offset.checkpoint.interval.ms=100",
    "log.initial.task.delay.ms=100",
)
# Made without a member, by their offsets alone.
WITHOUT_MEMBERS = ("console-consumer-58167", "console-consumer-10365", "console-consumer-77893", "console-consumer-20274")
BY_CONSUMER_PROTOCOL = "group.protocol=consumer"
COOPERATIVE = "partition.assignment.strategy=org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
PARTITIONS = 4
FLIGHTS = 5_000


def listed(full):
    """Pairs of name and function; the full form also asks whether the transcripts are still Kafka's."""
    yield "groups: Kafka's group tools print against Naru what they print against Kafka", transcripts_of_naru
    yield "groups: our tools print against Naru what Kafka's print against Kafka", transcripts_of_our_tools
    if full:
        yield "groups: our tools print against Kafka what Kafka's print", transcripts_of_our_tools_against_kafka
        yield "groups: the transcripts of Kafka's group tools are Kafka's", transcripts_of_kafka
    yield "groups: Kafka's group tool lists, describes, resets and deletes", many_records


def scenes():
    """Pairs of a transcript and what has to happen before it."""
    yield "groups-none", lambda session: None
    yield "groups-empty", empty_groups
    yield "groups-reset", lambda session: None
    yield "groups-reset-files", files_of_offsets
    yield "groups-many", more_groups
    yield "groups-restarted", restarted
    yield "groups-active", active_groups
    yield "groups-kinds", lambda session: None
    yield "groups-configs", lambda session: None
    yield "groups-rebalancing", rebalancing_group
    yield "groups-away", static_members_away
    yield "groups-mixed", group_of_both_protocols
    yield "groups-names", lambda session: None
    yield "groups-delete", lambda session: None


def transcripts_of_naru(folder):
    with ToolRunner() as runner, Server(folder, SETTINGS) as server:
        playing.compare(runner, server, folder, scenes())


def transcripts_of_kafka(folder):
    with ToolRunner() as runner, KafkaPeer(folder, runner, SETTINGS) as server:
        playing.compare(runner, server, folder, scenes())


def transcripts_of_our_tools(folder):
    with ToolRunner() as runner, Server(folder, SETTINGS) as server:
        playing.compare(OwnToolsAndKafkas(runner), server, folder, scenes(), transcripts.without_java)


def transcripts_of_our_tools_against_kafka(folder):
    with ToolRunner() as runner, KafkaPeer(folder, runner, SETTINGS) as server:
        playing.compare(OwnToolsAndKafkas(runner), server, folder, scenes(), transcripts.without_java)


def empty_groups(session):
    """Of `orders`, only partition 1 has records."""
    session.create("orders", 5)
    session.produce("orders", ("b", "hello"), ("b", "world"), ("b", "third"))
    session.consume("orders", "readers", 3)
    for group in WITHOUT_MEMBERS:
        session.must(f"{GROUPS} --group {group} --topic orders:0 --reset-offsets --to-earliest --execute")


def files_of_offsets(session):
    for name, text in {
        "one.csv": "orders,0,0\norders,1,2\n",
        "two.csv": "readers,orders,1,1\nconsole-consumer-10365,orders,0,0\n",
        "beyond.csv": "orders,1,99\n",
        "unknown-topic.csv": "nowhere,0,0\n",
        "unreadable.csv": "orders;1;2\n",
        "no-number.csv": "orders,1,two\n",
        "empty.csv": "",
    }.items():
        (session.folder / name).write_text(text)
    (session.folder / "group.properties").write_text("consumer.session.timeout.ms=47000\nshare.auto.offset.reset=earliest\n")
    (session.folder / "command.properties").write_text("client.id=from-a-file\n")


def more_groups(session):
    """Of `payments`, partition 0 begins at offset 2; three of its records are older than the session's moment."""
    session.create("payments", 2)
    session.create("audit", 1)
    session.produce("payments", ("a", "1"), ("a", "2"), ("d", "3"))
    session.moment = moment_between_records()
    session.produce("payments", ("a", "4"), ("d", "5"), ("d", "6"))
    session.produce("audit", ("a", "1"))
    for name, topic, offset in (("delete", "payments", 2), ("delete-audit", "audit", 1)):
        (session.folder / f"{name}.json").write_text(
            f'{{"partitions": [{{"topic": "{topic}", "partition": 0, "offset": {offset}}}], "version": 1}}')
    session.must("kafka-delete-records.sh --bootstrap-server $B --offset-json-file $T/delete.json")
    session.consume("payments", "watchers", 4, BY_CONSUMER_PROTOCOL)
    session.consume("payments", "both", 4)
    session.consume("orders", "both", 3)
    session.must(f"{GROUPS} --group readers --topic orders --reset-offsets --to-latest --execute")


def moment_between_records():
    """Records before have an earlier time, those behind have this one or a later."""
    time.sleep(0.005)
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}"


def restarted(session):
    """After kill -9. Kafka lists nothing until it has read its groups."""
    groups = session.must(f"{GROUPS} --list")
    starts = session.server.folder / "data" / "log-start-offset-checkpoint"
    deleted = {"payments 0 2", "audit 0 1"}
    session.wait(lambda: starts.exists() and deleted <= set(starts.read_text().splitlines()), lambda: f"{deleted} in {starts}")
    session.restart()
    session.wait(lambda: len(session.must(f"{GROUPS} --list")) == len(groups), lambda: f"the groups: {groups}")


def active_groups(session):
    session.join("live-client", "orders", "live")
    session.join("first-client", "audit", "pair")
    session.join("modern-client", "payments", "modern", BY_CONSUMER_PROTOCOL)
    session.join("fixed-client", "payments", "fixed", "group.instance.id=fixed-1", COOPERATIVE)
    session.settle("live", 1, 3)
    session.settle("pair", 1, 1)
    session.join("second-client", "audit", "pair")
    session.settle("pair", 2, 1)
    session.settle("modern", 1, 6)
    session.settle("fixed", 1, 6)


def rebalancing_group(session):
    """The first member hears late that the second has come, so that the group is seen while it waits."""
    rarely = "heartbeat.interval.ms=14000"
    session.join("slow-first", "audit", "slow", rarely)
    session.settle("slow", 1, 1)
    session.join("slow-second", "audit", "slow", rarely)
    session.wait(lambda: session.state("slow") == [("PreparingRebalance", 2)], lambda: session.state("slow"))


def static_members_away(session):
    """Who has a name of its own stays a member until its session times out."""
    session.leave("slow-first")
    session.leave("slow-second")
    session.join("modern-fixed-client", "payments", "modern-fixed", "group.instance.id=fixed-2", BY_CONSUMER_PROTOCOL)
    session.settle("modern-fixed", 1, 6)
    session.leave("modern-fixed-client")
    session.leave("fixed-client")


def group_of_both_protocols(session):
    session.join("old-client", "payments", "mixed")
    session.settle("mixed", 1, 6)
    session.join("new-client", "payments", "mixed", BY_CONSUMER_PROTOCOL)
    session.settle("mixed", 2, 6)


def many_records(folder):
    """Where transcripts have a handful of records, here are thousands, told by their sums."""
    with ToolRunner() as runner, Server(folder) as server:
        session = Session(runner, server, folder)
        equal(session.must(f"{GROUPS} --list").split(), [], "groups of an empty broker")
        session.create("flights", PARTITIONS)
        session.produce("flights", *flights.read(FLIGHTS))
        equal(len(session.consume("flights", "readers", FLIGHTS)), FLIGHTS, "records")
        equal(session.must(f"{GROUPS} --list").split(), ["readers"], "groups")
        described = session.describe("readers")
        equal(len(described), PARTITIONS, "partitions of the group")
        equal({row["LAG"] for row in described}, {"0"}, "lag")
        equal(total(described, "CURRENT-OFFSET"), FLIGHTS, "sum of the offsets")
        reset = f"{GROUPS} --group readers --topic flights --reset-offsets"
        equal(total(rows(session.must(f"{reset} --to-earliest --dry-run")), "NEW-OFFSET"), 0, "a dry run to the earliest")
        shifted = rows(session.must(f"{reset} --shift-by -10 --execute"))
        equal(total(shifted, "NEW-OFFSET"), FLIGHTS - 10 * PARTITIONS, "ten back each")
        equal({row["LAG"] for row in session.describe("readers")}, {"10"}, "lag after a reset")
        equal(len(session.consume("flights", "readers", 10 * PARTITIONS)), 10 * PARTITIONS, "records behind the reset")
        deleted = session.must(f"{GROUPS} --group readers --topic flights --delete-offsets")
        equal(deleted.count("Successful"), PARTITIONS, "offsets deleted")
        contains(session.must(f"{GROUPS} --group readers --delete"),
                 "Deletion of requested consumer groups ('readers') was successful.")
        contains(session.run(f"{GROUPS} --group readers --delete").out, "The group id does not exist.")
        equal(session.must(f"{GROUPS} --list").split(), [], "groups after the delete")


def total(table, column):
    return sum(int(row[column]) for row in table)


if __name__ == "__main__":
    playing.record_where_asked(__doc__, scenes(), SETTINGS)
