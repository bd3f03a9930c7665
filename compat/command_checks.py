"""Naru's own commands against Naru and against Apache Kafka: streams, exit codes, JSON, and what they do."""

import shutil
import socket
import subprocess
import time

import clients
import install
from commands import Commands
from expect import contains, equal, need
from kafka_peer import KafkaPeer
from server import Server, executable
from tool_runner import ToolRunner

SETTINGS = (
    "offsets.topic.replication.factor=1",
    "offsets.topic.num.partitions=5",
    "group.initial.rebalance.delay.ms=0",
    "transaction.state.log.replication.factor=1",
    "transaction.state.log.min.isr=1",
)


def listed(full):
    """Pairs of name and function; the full form also turns to Apache Kafka."""
    yield "commands: topics, records, groups and settings of a Naru", commands_of_naru
    yield "commands: format strings write what kcat writes", format_strings
    yield "commands: profiles, completions and the streams of failures", commands_by_themselves
    if full:
        yield "commands: topics, records, groups and settings of Apache Kafka", commands_of_kafka


def commands_of_naru(folder):
    with Server(folder, SETTINGS) as server:
        commands = Commands(server.folder / "commands", server.address)
        every_scene(commands)
        logs_on_disk(commands, server.folder / "data")


def commands_of_kafka(folder):
    with ToolRunner() as runner, KafkaPeer(folder, runner, SETTINGS) as server:
        commands = Commands(server.folder / "commands", server.address)
        # It listens before it is ready.
        deadline = time.monotonic() + 60
        while commands.run("cluster", "show").exit != 0 and time.monotonic() < deadline:
            time.sleep(0.2)
        every_scene(commands)
        logs_on_disk(commands, server.folder / "data")


def every_scene(commands):
    topics(commands)
    records(commands)
    groups(commands)
    settings(commands)
    cluster(commands)
    measurements(commands)


def topics(commands):
    created = commands.json("topic", "create", "orders", "-p", "3", "--config", "retention.ms=86400000")
    equal(created, {"topic": "orders", "outcome": "created"}, "a new topic")
    commands.refused("topic", "create", "orders", says=["already exists", "--if-not-exists"])
    equal(commands.json("topic", "create", "orders", "--if-not-exists")["outcome"], "exists", "the same again")
    commands.refused("topic", "create", "other", "--config", "retenton.ms=1", says="did you mean 'retention.ms'?")
    commands.refused("topic", "describe", "ordesr", says=["topic 'ordesr' does not exist", "did you mean 'orders'?"])
    equal(commands.json("topic", "create", "dry", "--dry-run")["outcome"], "could be created", "a dry run")
    equal([topic["name"] for topic in commands.json("topic", "list")], ["orders"], "topics")
    (described,) = commands.json("topic", "describe", "orders")
    equal(described["settings"], [{"key": "retention.ms", "value": "86400000"}], "settings of its own")
    equal([one["leader"] for one in described["partitions"]], [1, 1, 1], "leaders")
    commands.json("topic", "alter", "orders", "-p", "4", "--set", "cleanup.policy=delete")
    equal(len(commands.json("topic", "describe", "orders")[0]["partitions"]), 4, "partitions")
    commands.refused("topic", "alter", "orders", says="nothing is to be altered", exit=2)
    commands.json("topic", "create", "passing")
    commands.refused("topic", "delete", "passing", "pasing", says="did you mean 'passing'?")
    equal(commands.json("topic", "delete", "passing"), {"deleted": ["passing"]}, "a deleted topic")
    equal(commands.json("topic", "delete", "passing", "--if-exists"), {"deleted": []}, "the same again")
    contains(commands.done("topic", "list"), "TOPIC", "orders")
    contains(commands.done("topic", "list", "-o", "yaml"), "- name: orders\n", "  partitionCount: 4\n")


def records(commands):
    written = commands.json("produce", "orders", "-K", ":", "-p", "0", stdin="a:1\nb:2\nno key\n")
    equal((written["records"], written["partitions"]), (3, [{"partition": 0, "lastOffset": 2}]), "three records")
    read = commands.lines("consume", "orders", "-e")
    equal([(one["key"], one["value"], one["offset"]) for one in read], [("a", "1", 0), ("b", "2", 1), (None, "no key", 2)], "records")
    # What consume writes, produce reads, with what is no text as well.
    commands.json("produce", "orders", "-p", "1", "-H", "h=1", "-H", "empty", "--value", "größe")
    commands.json("topic", "create", "copy")
    lines = commands.done("consume", "orders", "-e", "-o", "json", "-p", "1")
    bytes_line = '{"key": {"base64": "/wA="}, "value": null, "timestamp": 5, "headers": []}\n'
    commands.json("produce", "copy", "--input", "json", "-p", "0", stdin=lines + bytes_line)
    first, second = commands.lines("consume", "copy", "-e")
    equal((first["value"], first["headers"]), ("größe", [{"key": "h", "value": "1"}, {"key": "empty", "value": None}]), "the copy")
    equal((second["key"], second["value"], second["timestamp"]), ({"base64": "/wA="}, None, 5), "bytes that are no text")
    commands.refused("produce", "copy", "--input", "json", stdin="{}\nnonsense\n", says="record 2: this is no JSON")
    commands.refused("produce", "ordres", stdin="x\n", says=["did you mean 'orders'?", "--create"])
    commands.refused("produce", "orders", "-p", "9", stdin="x\n", says="no partition 9")
    big = commands.folder / "big.txt"
    big.write_text("".join(f"line {number}\n" for number in range(50_000)))
    commands.json("topic", "create", "big", "-p", "2")
    equal(commands.json("produce", "big", "-l", str(big), "-z", "lz4")["records"], 50_000, "lines of a file")
    equal(len(commands.done("consume", "big", "-e").splitlines()), 50_000, "the same, read again")
    ranges(commands)


def ranges(commands):
    def offsets(*words):
        return [one["offset"] for one in commands.lines("consume", "orders", "-p", "0", "-e", *words)]

    equal(offsets("--from", "1"), [1, 2], "from an offset")
    equal(offsets("--from", "-1"), [2], "from one before the end")
    equal(offsets("--to", "2"), [0, 1], "up to an offset")
    equal(offsets("-n", "1"), [0], "one record")
    equal(offsets("--from", "@-1h"), [0, 1, 2], "from an hour ago")
    equal(offsets("--from", "@-1h", "--to", "@-1h"), [], "nothing at all")
    equal(offsets("--from", "end"), [], "from the end")
    rows = commands.json("topic", "offsets", "orders")
    equal([(row["beginning"], row["end"]) for row in rows], [(0, 3), (0, 1), (0, 0), (0, 0)], "offsets")
    dry = commands.json("topic", "truncate", "orders", "--before", "2", "-p", "0", "--dry-run")
    equal([(row["beginningBefore"], row["beginning"]) for row in dry], [(0, 2)], "what would be cut off")
    equal(commands.json("topic", "offsets", "orders", "--at", "beginning")[0]["offset"], 0, "the beginning before")
    commands.json("topic", "truncate", "orders", "--before", "2", "-p", "0")
    equal(commands.json("topic", "offsets", "orders", "--at", "beginning")[0]["offset"], 2, "the beginning after")


def format_strings(folder):
    """To the byte."""
    need(install.kcat(), "kcat")
    with Server(folder) as server:
        commands = Commands(server.folder / "commands", server.address)
        commands.json("topic", "create", "orders", "-p", "2")
        commands.json("topic", "create", "copy")
        commands.json("produce", "orders", "-K", ":", stdin="a:1\nb:2\nno key\n:empty key\nlast:")
        commands.json("produce", "copy", "-H", "h=1", "-H", "empty", "-Z", "--value", "größe", "--value", "")
        commands.json("produce", "copy", "--input", "json", stdin='{"key": {"base64": "/wA="}, "value": null}\n')
        as_kcat_has_it(commands)


def as_kcat_has_it(commands):
    pattern = r"%t [%p] at %o: %k|%K %s|%S|%R %h \x41\t%%\n"
    for topic in ("orders", "copy"):
        ours = subprocess.run([str(executable()), "consume", topic, "-e", "-f", pattern, "-b", commands.address],
                              capture_output=True, env=commands.environment, timeout=60, check=True).stdout
        theirs = subprocess.run([install.kcat(), "-C", "-b", commands.address, "-t", topic, "-e", "-q", "-o", "beginning", "-f", pattern],
                                capture_output=True, timeout=60, check=True).stdout
        equal(sorted(ours.split(b"A\t%\n")), sorted(theirs.split(b"A\t%\n")), f"records of {topic} as kcat writes them")


def groups(commands):
    read = commands.lines("consume", "big", "-g", "readers", "-n", "100")
    equal(len(read), 100, "records of a member")
    listed_groups = {group["group"]: group["state"] for group in commands.json("group", "list")}
    equal(listed_groups, {"readers": "Empty"}, "groups")
    (lag,) = commands.json("group", "lag", "readers")
    equal(lag["lag"] + 100, commands_total(commands, "readers"), "records behind, after a hundred")
    (described,) = commands.json("group", "describe", "readers")
    equal((described["state"], described["members"]), ("Empty", []), "a group without members")
    commands.refused("group", "describe", "raeders", says=["group 'raeders' does not exist", "did you mean 'readers'?"])
    moved = commands.json("group", "reset", "readers", "--to", "end", "-t", "big")
    equal(sum(row["committed"] for row in moved), 50_000, "committed at the end")
    equal(commands.lines("consume", "big", "-g", "readers", "-e"), [], "records left for it")
    moved = commands.json("group", "reset", "readers", "--to", "-5", "-t", "big:0", "--dry-run")
    equal((len(moved), moved[0]["committedBefore"] - moved[0]["committed"]), (1, 5), "what would be set")
    commands.refused("group", "reset", "readers", "--to", "end", "-t", "big:7", says="no partition 7")
    equal(commands.json("group", "delete", "readers"), {"deleted": ["readers"]}, "a deleted group")
    commands.refused("group", "delete", "readers", says="group 'readers' does not exist")


def commands_total(commands, group):
    """Records of the partitions that a group has committed something of."""
    (described,) = commands.json("group", "describe", group)
    return sum(row["end"] for row in described["offsets"])


def settings(commands):
    commands.json("config", "set", "topic", "orders", "segment.ms=3600000", "min.insync.replicas=1")
    shown = {row["key"]: (row["value"], row["source"]) for row in commands.json("config", "show", "topic", "orders")}
    equal(shown["segment.ms"], ("3600000", "topic"), "a setting of a topic")
    commands.refused("config", "set", "topic", "orders", "segmnt.ms=1", says="did you mean 'segment.ms'?")
    commands.refused("config", "show", "topic", "orders", "segmnt.ms", says="did you mean 'segment.ms'?")
    commands.json("config", "unset", "topic", "orders", "segment.ms")
    (row,) = commands.json("config", "show", "topic", "orders", "segment.ms")
    equal(row["source"], "default", "where the value comes from once it is unset")
    commands.json("config", "set", "broker", "default", "log.cleaner.threads=2")
    (row,) = commands.json("config", "show", "broker", "1", "log.cleaner.threads")
    equal((row["value"], row["source"]), ("2", "all brokers"), "a setting of all brokers")
    commands.json("config", "unset", "broker", "default", "log.cleaner.threads")
    commands.refused("config", "show", "broker", "7", says="there is no broker 7")
    commands.json("config", "set", "group", "readers", "consumer.session.timeout.ms=50000")
    equal(commands.json("config", "show", "group", "readers")[0]["value"], "50000", "a setting of a group")
    commands.json("config", "set", "client", "app", "producer_byte_rate=1000")
    equal(commands.json("config", "show", "client", "app"), [{"client": "app", "key": "producer_byte_rate", "value": 1000.0}], "a quota")
    commands.json("config", "unset", "client", "app", "producer_byte_rate")
    commands.refused("config", "set", "client", "app", "producer_rate=1", says="there is no setting 'producer_rate'")


def cluster(commands):
    shown = commands.json("cluster", "show")
    equal((shown["brokers"], shown["offlinePartitions"], shown["underReplicatedPartitions"]), (1, 0, 0), "the cluster")
    (broker,) = commands.json("cluster", "brokers")
    equal(f"{broker['host']}:{broker['port']}", commands.address, "where the broker is")
    equal({row["name"] for row in commands.json("cluster", "features")} >= {"metadata.version", "kraft.version"}, True, "features")
    quorum = commands.json("cluster", "quorum")
    equal([(row["id"], row["role"]) for row in quorum["replicas"]][0], (1, "leader"), "the quorum")


def measurements(commands):
    commands.json("topic", "create", "measured")
    written = commands.json("bench", "produce", "measured", "--records", "2000", "--size", "100")
    equal((written["records"], written["bytes"]), (2000, 200_000), "what was written")
    equal(written["recordsPerSecond"] > 0 and written["latencyMaxMs"] >= written["latencyP50Ms"], True, "how fast it was")
    equal(commands.json("bench", "consume", "measured")["records"], 2000, "what was read")
    equal(commands.json("bench", "latency", "measured", "--records", "20")["records"], 20, "round trips")


def logs_on_disk(commands, data):
    batches = commands.lines("log", str(data / "orders-1"), "--records", with_server=False)
    equal([(one["intact"], one["records"][0]["value"]) for one in batches], [(True, "größe")], "a log on disk")
    contains(commands.done("log", str(data / "orders-1"), with_server=False), "POSITION", "none", "data")
    (log,) = (data / "orders-1").glob("*.log")
    damaged = commands.folder / log.name
    whole = log.read_bytes().rstrip(b"\0")
    damaged.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    outcome = commands.run("log", str(damaged), "-o", "json", with_server=False)
    equal(outcome.exit, 1, "exit code for a damaged log")
    contains(outcome.err, "the checksum at position 0 is wrong")
    contains(outcome.out, '"intact":false')


def commands_by_themselves(folder):
    with Server(folder) as server:
        commands = Commands(server.folder / "commands", server.address)
        profiles(commands)
        streams(commands)
        completions(commands)


def profiles(commands):
    commands.profiles(f'default-profile = "here"\n[profiles.here]\nbootstrap-server = "{commands.address}"\n'
                      '[profiles.nowhere]\nbootstrap-server = "127.0.0.1:1"\nclient.id = "me"\n')
    equal(commands.json("cluster", "show", with_server=False)["brokers"], 1, "by the default profile")
    commands.refused("cluster", "show", "--profile", "nowhere", with_server=False, says="127.0.0.1:1: connection refused")
    commands.refused("cluster", "show", with_server=False, variables={"NARU_PROFILE": "nowhere"}, says="127.0.0.1:1")
    equal(commands.json("cluster", "show", "--profile", "nowhere")["brokers"], 1, "-b is stronger than the profile")
    commands.refused("cluster", "show", "--profile", "hree", says="did you mean 'here'?", exit=2)
    commands.profiles("[profiles.here\n")
    commands.refused("cluster", "show", says="config.toml", exit=2)
    commands.profiles("")
    outcome = commands.run("cluster", "show", "-o", "json", "-X", "reqest.timeout.ms=1")
    equal(outcome.exit, 0, "a setting that is none does no harm")
    contains(outcome.err, "did you mean request.timeout.ms?")


def streams(commands):
    commands.refused("topic", "lsit", says="unrecognized subcommand", exit=2)
    commands.refused("topic", "list", "--timeout", "x", says="is no length of time", exit=2)
    unknown = commands.run("topc", with_server=False)
    equal((unknown.exit, unknown.out), (1, ""), "a command that is none")
    contains(unknown.err, "did you mean 'topic'?")
    commands.done("topic", "create", "t")
    started = time.monotonic()
    # Nothing ever comes: the deadline ends it, and the address is named.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        silent = commands.run("cluster", "show", "--timeout", "700ms", "-b", address, with_server=False)
    equal(silent.exit, 1, "a server that does not answer")
    contains(silent.err, address, "naru doctor")
    equal(time.monotonic() - started < 10, True, "within its deadline")
    coloured = commands.run("topic", "list", "--color", "always")
    contains(coloured.out, "\x1b[1m")
    equal("\x1b" in commands.done("topic", "list"), False, "colours where there is no terminal")
    closed = subprocess.run(f"{executable()} completions bash | head -n 1", shell=True, capture_output=True, text=True, timeout=60)
    equal((closed.returncode, closed.stderr), (0, ""), "a reader that goes away")


def completions(commands):
    for shell in ("bash", "zsh", "fish", "powershell"):
        contains(commands.done("completions", shell, with_server=False), "bootstrap-server", "doctor")
    for shell in ("bash", "zsh", "fish"):
        if shutil.which(shell):
            script = commands.folder / f"naru.{shell}"
            script.write_text(commands.done("completions", shell, with_server=False))
            clients.call([shell, "-n", str(script)])
