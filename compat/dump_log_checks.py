"""Naru's kafka-dump-log and Kafka's on the same files: whole ones of every kind, and damaged ones. They print the same."""

import random
import shutil
import struct
import zlib
from pathlib import Path

import install
import tool_checks
from expect import contains, equal
from kafka_peer import KafkaPeer
from own_tools import OwnTools
from server import Server
from tool_runner import ToolRunner
from tool_session import Session

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
FORMS = {
    ".log": ("", "--deep-iteration", "--print-data-log", "--print-data-log --skip-record-metadata", "--max-bytes 500",
             "--value-decoder-class org.apache.kafka.tools.api.IntegerDecoder"),
    ".checkpoint": ("--cluster-metadata-decoder",),
    ".index": ("", "--index-sanity-check", "--verify-index-only", "--max-message-size 100"),
    ".timeindex": ("", "--index-sanity-check", "--verify-index-only"),
    ".snapshot": ("",),
    ".txnindex": ("",),
}
DECODERS = {
    "__consumer_offsets": "--offsets-decoder",
    "__transaction_state": "--transaction-log-decoder",
    "__share_group_state": "--share-group-state-decoder",
    "__remote_log_metadata": "--remote-log-metadata-decoder",
    "__cluster_metadata": "--cluster-metadata-decoder",
}
KEPT = ("crates/quorum/testdata/kafka-4.3.1", "crates/quorum/testdata/kafka-format", "crates/quorum/testdata/kafka-went-on",
        "crates/partition-log/tests/kafka/filled-0")
DAMAGED_COPIES = 12


def listed(full):
    yield "dump: ours shows files of Naru as Kafka's tool does", files_of_naru
    if full:
        yield "dump: ours shows files of Kafka as Kafka's tool does", files_of_kafka
    yield "dump: ours shows kept, old and damaged files as Kafka's tool does", kept_files


def files_of_naru(folder):
    with ToolRunner() as runner:
        with Server(folder, tool_checks.SETTINGS) as server:
            session = Session(runner, server, Path(folder) / "session")
            fill(session)
            compare_formatters(session, ("Offsets", "GroupMetadata", "ShareGroup"))
        compare(runner, data_files(Path(folder) / "data"))


def files_of_kafka(folder):
    with ToolRunner() as runner:
        with KafkaPeer(folder, runner, tool_checks.SETTINGS) as server:
            session = Session(runner, server, Path(folder) / "session")
            fill(session)
            # Naru has no transactions.
            session.must("kafka-producer-perf-test.sh --topic mixed --num-records 200 --record-size 50 --throughput -1 "
                         "--transactional-id moves --transaction-duration-ms 50 --bootstrap-server $B")
            compare_formatters(session, ("Offsets", "GroupMetadata", "ShareGroup", "TransactionLog"))
        compare(runner, data_files(Path(folder) / "data"))


def kept_files(folder):
    folder = Path(folder)
    for place, kept in enumerate(KEPT):
        shutil.copytree(install.ROOT / kept, folder / str(place) / ("__cluster_metadata-0" if "quorum" in kept else "filled-0"))
    old_messages(folder / "old-0")
    remote_log(folder / "__remote_log_metadata-0")
    with ToolRunner() as runner:
        compare(runner, data_files(folder))
        # Where fields of a message of format v0 or v1 contradict each other, ours ends and Kafka's may go on.
        shutil.rmtree(folder / "old-0")
        compare(runner, damaged(folder), any_exception=True)


def compare_formatters(session, formatters):
    """What the console consumer makes of the coordinators' topics, in any order: they have several partitions."""
    for formatter in formatters:
        topic = "__transaction_state" if formatter == "TransactionLog" else "__consumer_offsets"
        line = (f"kafka-console-consumer.sh --bootstrap-server $B --topic {topic} --from-beginning --timeout-ms 3000 "
                f"--formatter org.apache.kafka.tools.consumer.{formatter}MessageFormatter --command-property group.protocol=consumer")
        with OwnTools() as tools:
            ours = Session(tools, session.server, session.folder).must(line)
        theirs = session.must(line)
        if formatter != "ShareGroup":
            contains(theirs, '{"key":{"type":')
        equal(sorted(ours.split('{"key"')), sorted(theirs.split('{"key"')), f"records by {formatter}MessageFormatter")


def fill(session):
    """Records in every codec over several segments, groups of both protocols."""
    session.must("kafka-topics.sh --bootstrap-server $B --create --topic mixed --partitions 1 "
                 "--config segment.bytes=1048576 --config index.interval.bytes=512")
    session.must("kafka-topics.sh --bootstrap-server $B --create --topic stamped --partitions 1 "
                 "--config message.timestamp.type=LogAppendTime")
    for codec in CODECS:
        lines = "".join(f"{number}\t{codec} {number} {'record ' * 10}\n" for number in range(300))
        for topic in ("mixed", "stamped"):
            session.must(f"kafka-console-producer.sh --bootstrap-server $B --topic {topic} --compression-codec {codec} "
                         "--batch-size 4000 --reader-property parse.key=true", lines)
    session.must("kafka-console-producer.sh --bootstrap-server $B --topic mixed --reader-property parse.headers=true",
                 "one:1,two:2\tvalue\nthree:\té\n")
    session.consume("mixed", "classic", 10)
    session.consume("mixed", "modern", 10, "group.protocol=consumer")


def data_files(folder):
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix in FORMS and path.name != "server.log"]


def compare(runner, files, any_exception=False):
    own, differing = OwnTools(), []
    for path in files:
        decoder = DECODERS.get(path.parent.name.rpartition("-")[0])
        forms = [*FORMS[path.suffix], *([decoder] if decoder and path.suffix == ".log" else [])]
        for form in forms:
            line = f"kafka-dump-log.sh --files {path} {form}"
            theirs, ours = told(runner.run(line), any_exception), told(own.run(line), any_exception)
            if theirs != ours:
                differing.append(f"{line}\n{first_difference(theirs, ours)}")
    if differing:
        raise AssertionError(f"{len(differing)} outputs differ:\n" + "\n".join(differing[:20]))


def told(outcome, any_exception):
    """What counts of an outcome: a stack is Java's own, and so is which exception it has for bytes that make no sense."""
    errors = [line for line in outcome.err.splitlines() if not line.startswith(("\t", "Caused by:"))]
    if any_exception:
        errors = ["Exception" if line.startswith("Exception in") else line for line in errors]
    return [f"exit {outcome.exit}", *outcome.out.splitlines(), *errors]


def first_difference(theirs, ours):
    for one, other in zip([*theirs, "(the end)"], [*ours, "(the end)"]):
        if one != other:
            return f"  Kafka: {one[:1500]}\n  Naru:  {other[:1500]}"
    return ""


def damaged(folder):
    """Copies of every file with a cut, a flipped bit, or garbage behind it, next to the other files of the segment."""
    chance = random.Random(4)
    copies = []
    for path in data_files(folder):
        whole = path.read_bytes()
        for number in range(DAMAGED_COPIES if whole else 0):
            bytes_now = bytearray(whole)
            if number % 3 == 0:
                del bytes_now[chance.randrange(len(whole)):]
            elif number % 3 == 1:
                bytes_now[chance.randrange(min(len(whole), 4000))] ^= 1 << chance.randrange(8)
            else:
                bytes_now += chance.randbytes(chance.randrange(1, 60)) if number % 2 else bytes(chance.randrange(1, 60))
            place = folder / "damaged" / f"{len(copies)}" / path.parent.name
            shutil.copytree(path.parent, place)
            (place / path.name).write_bytes(bytes_now)
            copies.append(place / path.name)
    return copies


def old_messages(folder):
    """A segment of messages of formats v0 and v1, plain and compressed."""
    folder.mkdir(parents=True)
    inner = [message(1, offset, 1_700_000_000_000 + offset, b"k", b"inner") for offset in range(3)]
    log = b"".join([
        message(0, 0, None, b"key", b"value"), message(0, 1, None, None, b""), message(1, 2, 1_700_000_000_000, b"key", None),
        message(1, 5, 1_700_000_000_002, None, gzipped(b"".join(inner)), attributes=1),
        message(1, 6, 1_700_000_000_003, b"a", b"b", attributes=8),
    ])
    (folder / "00000000000000000000.log").write_bytes(log)


def message(magic, offset, timestamp, key, value, attributes=0):
    body = struct.pack(">bb", magic, attributes)
    if magic == 1:
        body += struct.pack(">q", timestamp)
    for field in (key, value):
        body += struct.pack(">i", -1) if field is None else struct.pack(">i", len(field)) + field
    body = struct.pack(">I", zlib.crc32(body)) + body
    return struct.pack(">qi", offset, len(body)) + body


def gzipped(data):
    worker = zlib.compressobj(wbits=31)
    return worker.compress(data) + worker.flush()


def remote_log(folder):
    """Records of every type of the topic of remote storage."""
    folder.mkdir(parents=True)
    topic, segment = bytes(range(16)), bytes(range(16, 32))
    partition = b"\x07orders" + topic + struct.pack(">i", 3) + b"\0"
    segment_id = partition + segment + b"\0"
    epochs = b"\x03" + b"".join(struct.pack(">iqb", epoch, offset, 0) for epoch, offset in ((2, 70), (0, 0)))
    values = [
        b"\x01\x00\x00" + segment_id + struct.pack(">qqiqq", 1, 99, 7, 1_700, 1_800) + epochs
        + struct.pack(">i", 4096) + b"\x04abc" + b"\x01" + b"\x01\x00\x01\x01",
        b"\x01\x01\x00" + segment_id + struct.pack(">iq", 7, 1_900) + b"\x00" + b"\x02" + b"\x00",
        b"\x01\x02\x00" + partition + struct.pack(">iqb", 7, 2_000, 1) + b"\x00",
        b"\x01\x03\x00" + segment + struct.pack(">qqiqq", 1, 99, 7, 1_700, 1_800) + epochs
        + struct.pack(">i", 4096) + b"\x00" + b"\x03" + b"\x00",
        b"\x01\x09\x00", b"\x00", b"\x02\x00\x00", b"",
    ]
    log = b"".join(message(1, offset, 1_700_000_000_000, None, value) for offset, value in enumerate(values))
    (folder / "00000000000000000000.log").write_bytes(log)
