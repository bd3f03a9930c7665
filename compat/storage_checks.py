"""Checks of what stands on disk: folders written by Kafka are served, ours are read by Kafka's tools, damage is repaired."""

import os
import shutil
import time
from pathlib import Path

import clients
import flights
import install
from expect import contains, equal, need
from server import Server

WRITTEN_BY_KAFKA = install.ROOT / "crates" / "partition-log" / "tests" / "kafka"
TOOLS = "Java and Maven (Apache Kafka's own tools)"
# The smallest segment.bytes that Kafka takes.
SEGMENT_BYTES = 1 << 20


def listed():
    """Pairs of name and function."""
    yield "storage: a partition folder of Kafka 4.3.1 is served unchanged", kafkas_folder_is_served
    yield "storage: Kafka's dump tool accepts logs and indexes after rolls", dump_tool_accepts
    yield "storage: a torn tail is cut and lost indexes are rebuilt", damage_is_repaired
    yield "storage: a failed log directory, beside one that goes on", one_directory_fails
    yield "storage: directories that cannot be used are named", unusable_directories


def kafkas_folder_is_served(folder):
    need(install.kafka_tools(), TOOLS)
    server = Server(folder)
    with server:
        clients.create_topic(server.address, "filled", 1, **{"retention.ms": -1, "segment.bytes": SEGMENT_BYTES})
    partition = server.folder / "data" / "filled-0"
    for file in (WRITTEN_BY_KAFKA / "filled-0").iterdir():
        if file.name != "partition.metadata":
            shutil.copy(file, partition)
    before = contents(partition, ".log")
    with server:
        for isolation, name in [("read_uncommitted", "uncommitted.txt"), ("read_committed", "committed.txt")]:
            *expected, _ = (WRITTEN_BY_KAFKA / name).read_text().splitlines()
            seen = consume_with_offsets(server.address, "filled", isolation, len(expected))
            equal(seen, expected, f"records {isolation}")
        equal(clients.end_offsets(server.address, "filled"), [283], "end offset")
        clients.java_produce(server.address, "filled", [("after", "Kafka's own")], "none")
        equal(clients.end_offsets(server.address, "filled"), [284], "end offset after one more record")
    for name, bytes_before in before.items():
        if not contents(partition, ".log")[name].startswith(bytes_before):
            raise AssertionError(f"{name} has been changed")


def dump_tool_accepts(folder):
    need(install.kafka_tools(), TOOLS)
    server = Server(folder)
    pairs = [(str(number), f"{number:06} " + "record " * 20) for number in range(8_000)]
    with server:
        clients.create_topic(server.address, "rolled", 1, **{"segment.bytes": SEGMENT_BYTES, "index.interval.bytes": 1024})
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            clients.java_produce(server.address, "rolled", pairs if codec == "none" else pairs[:2_000], codec)
        clients.java_produce(server.address, "rolled", pairs, "none")
        dump_is_sound(server, 24_000)
    dump_is_sound(server, 24_000)
    indexes = files(server.folder / "data" / "rolled-0", ".index", ".timeindex")
    checked = dump("--index-sanity-check", "--files", ",".join(map(str, indexes)))
    equal(checked.count("passed sanity check"), len(indexes), f"indexes that pass; the tool says:\n{checked}\n")


def dump_is_sound(server, records):
    folder = server.folder / "data" / "rolled-0"
    logs = files(folder, ".log")
    if len(logs) < 3:
        raise AssertionError(f"the log has not rolled: {logs}")
    shown = dump("--print-data-log", "--deep-iteration", "--files", ",".join(map(str, logs)))
    equal(shown.count("| offset:"), records, "records that kafka-dump-log shows")
    verified = dump("--verify-index-only", "--files", ",".join(map(str, files(folder, ".index", ".timeindex"))))
    for word in ("isvalid: false", "xception", "mismatch", "invalid", "out of order"):
        if word in shown.replace("isvalid: true", "") or word in verified:
            raise AssertionError(f"kafka-dump-log says '{word}':\n{verified[-2000:]}")


def damage_is_repaired(folder):
    need(install.kafka_tools(), TOOLS)
    server = Server(folder)
    pairs = [(str(number), f"{number:06} " + "record " * 20) for number in range(12_000)]
    with server:
        clients.create_topic(server.address, "torn", 1, **{"segment.bytes": SEGMENT_BYTES})
        clients.java_produce(server.address, "torn", pairs, "none")
        server.kill()
    partition = server.folder / "data" / "torn-0"
    last = files(partition, ".log")[-1]
    whole = last.read_bytes()
    last.write_bytes(whole + whole[: len(whole) // 3][:300])
    lost = [path for path in files(partition, ".index", ".timeindex") if path.stem != last.stem]
    if len(lost) < 2:
        raise AssertionError(f"no closed segment has indexes: {os.listdir(partition)}")
    for path in lost:
        path.unlink()
    with server:
        everything(server, "torn", pairs)
        contains(server.log_tail(), "cut a torn tail")
        if last.read_bytes() != whole:
            raise AssertionError(f"{last.name} has {last.stat().st_size} bytes, {len(whole)} were whole")
        clients.java_produce(server.address, "torn", [("next", "one")], "none")
    equal([path for path in lost if not path.exists()], [], "indexes that were not rebuilt")
    checked = dump("--index-sanity-check", "--files", ",".join(map(str, lost)))
    equal(checked.count("passed sanity check"), len(lost), f"indexes that pass; the tool says:\n{checked}\n")
    # The same after a clean stop: what is missing then is read from the log.
    for path in lost:
        path.unlink()
    with server:
        everything(server, "torn", pairs + [("next", "one")])


def one_directory_fails(folder):
    need(install.kafka_tools(), TOOLS)
    good, bad = Path(folder) / "data", Path(folder) / "more"
    settings = [f"log.dirs={good},{bad}", "log.flush.offset.checkpoint.interval.ms=1000"]
    server = Server(folder, settings)
    with server:
        clients.create_topic(server.address, "spread", 4)
        there = folders_made(bad, 2)
        away = bad.rename(bad.with_name("away"))
        bad.write_text("no directory")
        leaderless_until(server, 2)
        contains(log_dirs(server), "KafkaStorageException")
        contains(server.log_tail(), f"Stopping serving logs in dir {bad}")
        server.kill()
    with server:
        leaderless_until(server, 2)
        equal(sorted(path.name for path in good.iterdir() if path.name.startswith("spread-") and path.name in there),
                     [], "partitions made anew in the other directory")
    bad.unlink()
    away.rename(bad)
    with server:
        leaderless_until(server, 0)
        good.rename(good.with_name("gone"))
        equal(server.process.wait(timeout=30), 1, "exit code once the metadata log's directory has failed")
        contains(server.log_tail(), f"Shutdown broker because the metadata log dir {good} has failed")


def folders_made(directory, count):
    """Names of the partition folders, which come within a second or two of their partitions."""
    deadline = time.monotonic() + 20
    while True:
        there = sorted(path.name for path in directory.iterdir() if path.is_dir())
        if len(there) >= count or time.monotonic() > deadline:
            equal(len(there), count, "partitions in the second directory")
            return there
        time.sleep(0.1)


def unusable_directories(folder):
    one = Server(Path(folder) / "one")
    with one:
        refused(Server(Path(folder) / "again", [f"log.dirs={one.folder / 'data'}"]),
                "Failed to acquire lock on file .lock in", "stop it or name another in log.dirs")
    refused(Server(one.folder, ["node.id=7"]), "Stored node id 1 doesn't match previous node id 7")
    other = Server(Path(folder) / "other")
    other.start().stop()
    refused(Server(Path(folder) / "both", [f"log.dirs={one.folder / 'data'},{other.folder / 'data'}"]),
            "Invalid cluster.id in", "Expected", "but read")
    file = Path(folder) / "file"
    file.write_text("no directory")
    refused(Server(Path(folder) / "below", [f"log.dirs={file / 'below'}"]),
            "Encountered I/O error in metadata log directory", "check the path, its owner and its permissions")


def refused(server, *parts):
    try:
        server.start()
    except RuntimeError as error:
        contains(str(error), "the server ended with 1", *parts)
    else:
        server.stop()
        raise AssertionError(f"the server has started, though it should say {parts}")


def leaderless_until(server, count):
    deadline = time.monotonic() + 30
    while True:
        described = clients.topics(server.address, "--describe", "--topic", "spread")
        if described.count("Leader: none") == count:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"not {count} partitions without a leader:\n{described}\n{server.log_tail()}")


def log_dirs(server):
    return clients.tool("org.apache.kafka.tools.LogDirsCommand", "--bootstrap-server", server.address,
                        "--describe", "--topic-list", "spread").decode()


def everything(server, topic, pairs):
    ends = clients.end_offsets(server.address, topic)
    seen = clients.kafka_python_consume(server.address, topic, ends)
    difference = flights.first_difference(flights.by_key(pairs), flights.by_key(seen))
    if difference or len(seen) != len(pairs):
        raise AssertionError(f"{len(seen)} records of {len(pairs)}: {difference}\n{server.log_tail()}")


def consume_with_offsets(address, topic, isolation, count):
    """Lines of the kept listings: offset, time, key, value."""
    out = clients.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", address,
                       "--topic", topic, "--partition", 0, "--offset", "earliest", "--isolation-level", isolation,
                       "--max-messages", count, "--timeout-ms", "15000",
                       *(f"--formatter-property={name}=true" for name in ("print.key", "print.offset", "print.timestamp")))
    lines = []
    for line in out.decode().splitlines():
        timestamp, offset, key, value = line.split("\t")
        lines.append(f"{offset.partition(':')[2]} {timestamp.partition(':')[2]} {key} | {value}")
    return lines


def dump(*arguments):
    return clients.tool("org.apache.kafka.tools.DumpLogSegments", *arguments).decode()


def files(folder, *endings):
    return sorted(path for path in folder.iterdir() if path.suffix in endings)


def contents(folder, ending):
    return {path.name: path.read_bytes() for path in files(folder, ending)}
