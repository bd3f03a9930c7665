"""Naru's own tools and Kafka's, each against Naru and against Kafka: all print what stands in transcripts/tools-*.txt.

    python3 compat/tool_checks.py --record      writes the transcripts anew, by what Kafka's tools print against Kafka
"""

import json

import playing
import transcripts
from kafka_peer import KafkaPeer
from own_tools import OwnTools
from server import Server
from tool_runner import ToolRunner

SETTINGS = (
    "offsets.topic.replication.factor=1",
    "offsets.topic.num.partitions=5",
    "group.initial.rebalance.delay.ms=0",
    "transaction.state.log.replication.factor=1",
    "transaction.state.log.min.isr=1",
    "transaction.state.log.num.partitions=3",
)


def listed(full):
    """Pairs of name and function; the full form also asks the tools about the other server, and whether the transcripts are
    still Kafka's."""
    yield "tools: ours print against Naru what Kafka's print against Kafka", ours_against_naru
    if full:
        yield "tools: ours print against Kafka what Kafka's print", ours_against_kafka
        yield "tools: Kafka's print against Naru what they print against Kafka", kafkas_against_naru
        yield "tools: the transcripts are Kafka's", kafkas_against_kafka


def scenes():
    """Pairs of a transcript and what has to happen before it."""
    # First, while there are no topics but its own, which it lists.
    yield "tools-configs", files_of_configs
    yield "tools-topics", lambda session: None
    yield "tools-offsets", files_of_partitions
    yield "tools-elections", files_of_elections
    yield "tools-cluster", files_of_settings
    yield "tools-features", lambda session: None
    yield "tools-quorum", lambda session: None
    yield "tools-transactions", lambda session: None
    yield "tools-acls", lambda session: None
    yield "tools-reassignments", files_of_moves
    yield "tools-groups", files_of_offsets
    yield "tools-console", files_of_consoles
    yield "tools-perf", files_of_payloads
    yield "tools-latency", lambda session: None
    yield "tools-verifiable", files_of_verifiables
    yield "tools-replicas", topics_with_records
    yield "tools-bad-input", files_that_are_none


def files_of_partitions(session):
    for name, text in {
        "keep.json": '{"partitions": [{"topic": "keep", "partition": 0, "offset": 0}], "version": 1}',
        "orders.json": '{"partitions": [{"topic": "orders", "partition": 1, "offset": 0}, {"topic": "orders", "partition": 4, "offset": -1}], "version": 1}',
        "beyond.json": '{"partitions": [{"topic": "orders", "partition": 0, "offset": 9}], "version": 1}',
        "twice.json": '{"partitions": [{"topic": "keep", "partition": 0, "offset": 0}, {"topic": "keep", "partition": 0, "offset": 0}], "version": 1}',
        "no-partitions.json": '{"version": 1}',
        "version.json": '{"partitions": [], "version": 2}',
        "broken.json": "{",
    }.items():
        (session.folder / name).write_text(text)


def files_of_elections(session):
    for name, text in {
        "elect.json": '{"partitions": [{"topic": "orders", "partition": 1}, {"topic": "keep", "partition": 0}]}',
        "elect-twice.json": '{"partitions": [{"topic": "orders", "partition": 1}, {"topic": "orders", "partition": 1}]}',
        "elect-nothing.json": "{}",
        "elect-broken.json": "{",
    }.items():
        (session.folder / name).write_text(text)


def files_of_consoles(session):
    for name, text in {
        "group.properties": "group.id=of-file\nauto.offset.reset=earliest\n",
        "formatter.properties": "print.key=true\nkey.separator=-\n",
        "reader.properties": "parse.key=true\nkey.separator=;\n",
    }.items():
        (session.folder / name).write_text(text)


def files_of_payloads(session):
    (session.folder / "empty.txt").write_text("")


def files_of_verifiables(session):
    session.create("counted", 1)
    session.create("counted-3", 3)
    for name, text in {
        "small.properties": "max.request.size=10\n",
        "two-a-poll.properties": "max.poll.records=2\nenable.auto.commit=true\nbootstrap.servers=nowhere:1\n",
    }.items():
        (session.folder / name).write_text(text)


def files_that_are_none(session):
    session.run("kafka-topics.sh --bootstrap-server $B --create --if-not-exists --topic orders --partitions 5")
    (session.folder / "folder").mkdir()
    for name, content in {
        "orders.json": b'{"partitions": [{"topic": "orders", "partition": 1, "offset": 0}], "version": 1}',
        "broken.json": b'{"partitions": [',
        "bytes.json": b'{"partitions": [\xff\xfe]}',
    }.items():
        (session.folder / name).write_bytes(content)


def topics_with_records(session):
    session.create("held", 3)
    session.create("held-empty", 2)
    session.produce("held", *(("k", str(number)) for number in range(20)))


def files_of_settings(session):
    """The metadata directory of a controller that is to come, and settings of it that lack something."""
    directory = session.folder / "controller"
    directory.mkdir()
    (directory / "meta.properties").write_text(
        "version=1\ncluster.id=AAAAAAAAQACAAAAAAAAAAA\nnode.id=7\ndirectory.id=BBBBBBBBQACAAAAAAAAAAA\n")
    controller = "node.id=7\nprocess.roles=controller\n"
    listener = "controller.listener.names=CONTROLLER\nlisteners=CONTROLLER://localhost:9093\n"
    for name, text in {
        "command.properties": "client.id=from-a-file\n",
        "controller.properties": f"{controller}{listener}log.dirs={directory}\n",
        "broker.properties": "node.id=7\nprocess.roles=broker\n",
        "no-dir.properties": f"{controller}{listener}",
        "no-names.properties": f"{controller}log.dirs={directory}\n",
        "no-listener.properties": f"{controller}controller.listener.names=OTHER\nlog.dirs={directory}\n",
    }.items():
        (session.folder / name).write_text(text)


def files_of_moves(session):
    def one(**more):
        return {"topic": "orders", "partition": 0, "replicas": [1], **more}

    for name, moves in {
        "same": {"partitions": [one(log_dirs=["any"]), one(partition=1)], "version": 1},
        "broker-2": {"partitions": [one(replicas=[2])]},
        "nowhere": {"partitions": [one(topic="nowhere")]},
        "partition-9": {"partitions": [one(partition=9)]},
        "twice": {"partitions": [one(), one()]},
        "broker-twice": {"partitions": [one(replicas=[1, 1])]},
        "no-replicas": {"partitions": [one(replicas=[])]},
        "log-dirs": {"partitions": [one(log_dirs=["any", "any"])]},
        "topics": {"topics": [{"topic": "orders"}], "version": 1},
        "topics-twice": {"topics": [{"topic": "orders"}, {"topic": "orders"}]},
        "topics-nowhere": {"topics": [{"topic": "nowhere"}]},
        "version": {"topics": [], "partitions": [], "version": 2},
        "empty": {},
    }.items():
        (session.folder / f"{name}.json").write_text(json.dumps(moves))
    (session.folder / "broken.json").write_text("{")


def files_of_configs(session):
    (session.folder / "topic.properties").write_text("retention.bytes=1000000\nsegment.ms = 3600000\n")


def files_of_offsets(session):
    session.create("a-topic-with-a-name-of-more-than-24", 1)
    for name, text in {
        "quoted.csv": '"orders",0,"1"\n',
        "blank.csv": "orders,0,0\n\norders,1,0\n",
        "crlf.csv": "orders,0,0\r\norders,1,1\r\n",
        "spaces.csv": "orders, 0, 0\n orders,1,1\n",
        "short.csv": "orders\n",
    }.items():
        (session.folder / name).write_text(text)


def ours_against_naru(folder):
    with OwnTools() as tools, Server(folder, SETTINGS) as server:
        compare(tools, server, folder)


def ours_against_kafka(folder):
    with ToolRunner() as runner, OwnTools() as tools, KafkaPeer(folder, runner, SETTINGS) as server:
        compare(tools, server, folder)


def kafkas_against_naru(folder):
    with ToolRunner() as runner, Server(folder, SETTINGS) as server:
        compare(runner, server, folder)


def kafkas_against_kafka(folder):
    with ToolRunner() as runner, KafkaPeer(folder, runner, SETTINGS) as server:
        compare(runner, server, folder)


def compare(tools, server, folder):
    playing.compare(tools, server, folder, scenes(), transcripts.first_line)


if __name__ == "__main__":
    playing.record_where_asked(__doc__, scenes(), SETTINGS, transcripts.first_line)
