"""What the command line does with bad input: interrupted, with a reader that is gone, of bytes that are no text, of a line that
is far too long, and of servers that are none.

What is expected here holds for Kafka's tools as well, which the full form asks; what only ours do is told apart.
"""

import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import foreground
from expect import contains, equal
from foreground import Stop
from kafka_peer import KafkaPeer
from own_tools import OwnTools
from server import Server
from tool_runner import ToolRunner
from tool_session import Session

SETTINGS = ("offsets.topic.replication.factor=1", "offsets.topic.num.partitions=1", "group.initial.rebalance.delay.ms=0")
# Time for a program that has read all there is to do what follows from it.
SETTLE_S = 2
# More than what a pipe holds.
RECORDS = 20_000
LINE_BYTES = 100_000_000
INTERRUPTED = 130
# As shells show SIGPIPE.
READER_GONE = 141
# The deadline of a call is 3 s, and a machine may be slow.
ANSWERED_MAX_S = 30
# What a server that speaks something else says first.
HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
TLS_ALERT = bytes.fromhex("15030300020232")
PANIC = ("panicked", "RUST_BACKTRACE", "stack backtrace")


def listed(full):
    """Pairs of name and function; the full form also asks Kafka's tools, whether what is expected is theirs."""
    for name, check in {
        "interrupted tools end well": interrupted,
        "a reader that is gone ends no tool with a fright": unread,
        "bytes that are no text, and a line of 100 MB": bytes_and_length,
    }.items():
        yield f"bad input: {name}", lambda folder, check=check: ours(folder, check)
        if full:
            yield f"bad input: {name}, as Kafka's tools have it", lambda folder, check=check: kafkas(folder, check)
    yield "bad input: servers that are none", servers_that_are_none
    yield "bad input: tools that wait for a server in vain are interrupted at once", interrupted_in_vain


def ours(folder, check):
    with OwnTools() as tools, Server(folder, SETTINGS) as server, playing(tools, server, folder) as session:
        check(session, True)


def kafkas(folder, check):
    with ToolRunner() as tools, KafkaPeer(folder, tools, SETTINGS) as server, playing(tools, server, folder) as session:
        check(session, False)


@contextlib.contextmanager
def playing(tools, server, folder):
    with tempfile.TemporaryDirectory(dir=folder) as files:
        yield Session(tools, server, files)


def interrupted(session, is_ours):
    session.create("typed", 1)
    outcome = session.runner.run(session.filled("kafka-console-producer.sh --bootstrap-server $B --topic typed --timeout 60000"),
                                 "one\ntwo\nhalf", stop=Stop("SIGINT", all_is_read))
    equal((outcome.exit, outcome.out, outcome.err), (INTERRUPTED, "", ""), "console producer")
    equal(ends(session, "typed"), 2, "lines that were typed are written")

    line = "SIGINT at 'two': kafka-console-consumer.sh --bootstrap-server $B --topic typed --from-beginning --group readers"
    outcome = session.run(line)
    equal((outcome.exit, outcome.out), (INTERRUPTED, "one\ntwo\n"), "console consumer")
    contains(outcome.err, "Processed a total of 2 messages")
    equal(session.state("readers"), [("Empty", 0)], "the console consumer left its group")
    equal([row["CURRENT-OFFSET"] for row in session.describe("readers")], ["2"], "and committed")

    line = "SIGINT at 'start.time': kafka-consumer-perf-test.sh --bootstrap-server $B --topic typed --group timed --num-records 9 --timeout 60000"
    outcome = session.run(line)
    equal((outcome.exit, len(outcome.out.splitlines())), (INTERRUPTED, 1), "consumer perf")
    if is_ours:
        # Kafka's is a member until its session ends.
        equal([members for _, members in session.state("timed")] or [0], [0], "consumer perf left its group")

    line = "SIGINT at 'records sent': kafka-producer-perf-test.sh --bootstrap-server $B --topic typed --num-records 100000 --throughput 50 --record-size 10 --reporting-interval 200"
    outcome = session.run(line)
    equal(outcome.exit, INTERRUPTED, "producer perf")
    equal([line for line in outcome.out.splitlines() if "50th" in line], [], "producer perf has no summary")


def unread(session, is_ours):
    """Tools whose standard output is closed after a line. Those with an end come to it, as Kafka's; of the others Kafka's go on
    for ever, but for the console consumer."""
    session.create("many", 1)
    session.must(f"kafka-producer-perf-test.sh --bootstrap-server $B --topic many --num-records {RECORDS} --throughput -1 --record-size 100")
    log = session.server.folder / "data" / "many-0" / "00000000000000000000.log"
    for line, first in {
        f"kafka-dump-log.sh --print-data-log --files {log}": f"Dumping {log}",
        "kafka-producer-perf-test.sh --bootstrap-server $B --topic many --num-records 100 --throughput 100 --record-size 10 --reporting-interval 100": "records sent",
        "kafka-verifiable-producer.sh --bootstrap-server $B --topic many --max-messages 2000": "startup_complete",
        "kafka-verifiable-consumer.sh --bootstrap-server $B --topic many --group-id counted --max-messages 2000 --verbose": "startup_complete",
    }.items():
        outcome = head(session, line)
        contains(outcome.out, first)
        equal(outcome.exit, 0, line)
        contains_none(outcome.err, PANIC)
    outcome = head(session, "kafka-console-consumer.sh --bootstrap-server $B --topic many --from-beginning --group seen")
    equal(outcome.exit, 0, "console consumer")
    contains(outcome.err, "Unable to write to standard out, closing consumer.", "Processed a total of ")
    equal(session.state("seen"), [("Empty", 0)], "the console consumer left its group")
    if not is_ours:
        return
    for line in (
        "kafka-verifiable-producer.sh --bootstrap-server $B --topic many",
        "kafka-verifiable-consumer.sh --bootstrap-server $B --topic many --group-id told --verbose",
        "kafka-replica-verification.sh --broker-list $B --topics-include many --report-interval-ms 10 --max-wait-ms 10",
    ):
        outcome = head(session, line)
        equal(outcome.exit, READER_GONE, line)
        contains_none(outcome.err, PANIC)
    equal(session.state("told"), [("Empty", 0)], "the verifiable consumer left its group")
    for number in range(40):
        session.create("t" * 200 + str(number), 1)
    for line in ("kafka-topics.sh --bootstrap-server $B --list", "kafka-topics.sh --bootstrap-server $B --describe", "help"):
        outcome = head(session, line)
        equal(outcome.exit, 0, line)
        contains_none(outcome.err, PANIC)


def bytes_and_length(session, is_ours):
    session.create("bytes", 1)
    produce = "kafka-console-producer.sh --bootstrap-server $B --topic bytes"
    written = ended(session, produce, b"ab\xff\xfec\n\x00\x01\x7f\n\xf0\x9f\n\n")
    equal((written.returncode, written.stdout, written.stderr), (0, b"", b""), "bytes are written")
    read = ended(session, "kafka-console-consumer.sh --bootstrap-server $B --topic bytes --from-beginning --max-messages 4")
    # Lines are text by the time they are records.
    equal(read.stdout, "ab\ufffd\ufffdc\n\x00\x01\x7f\n\ufffd\n\n".encode(), "bytes are read")
    too_long = ended(session, produce, b"x" * LINE_BYTES + b"\nafter\n")
    equal((too_long.returncode, too_long.stdout), (0, b""), "a line of 100 MB")
    contains(too_long.stderr.decode(), f"RecordTooLargeException: The message is {LINE_BYTES + 88} bytes when serialized which is larger than 1048576")
    equal(ends(session, "bytes"), 5, "the line after it is written")
    if not is_ours:
        # Kafka's have not the memory for more.
        return
    # As much as the producer may send is still more than the topic takes.
    allowed = "--command-property max.request.size=200000000 --max-memory-bytes 300000000 --request-timeout-ms 60000"
    refused = ended(session, f"{produce} {allowed}", b"x" * LINE_BYTES + b"\nafter\n")
    equal((refused.returncode, refused.stdout), (0, b""), "a line of 100 MB that may be sent")
    contains(refused.stderr.decode(), "ERROR Error when sending message to topic bytes with key: null, value: 100000000 bytes with error:")


def servers_that_are_none(folder):
    """Nobody listens, or what listens speaks something else, or nothing at all: the tools end in time and name the address."""
    os.makedirs(folder)
    settings = os.path.join(folder, "short.properties")
    with open(settings, "w") as file:
        file.write("default.api.timeout.ms=3000\nrequest.timeout.ms=1000\n")
    with Listener(None) as nobody, Listener(HTTP) as http, Listener(TLS_ALERT) as tls, Listener(b"") as silent:
        nobody.close()
        asked = [(who.address, line) for who in (nobody, http, tls, silent) for line in (
            f"kafka-topics --bootstrap-server {who.address} --list --command-config {settings}",
            f"kafka-groups --bootstrap-server {who.address} --list --command-config {settings}",
            f"kafka-acls --bootstrap-server {who.address} --list --command-config {settings}",
            f"kafka-configs --bootstrap-server {who.address} --describe --entity-type topics --command-config {settings}",
            f"kafka-get-offsets --bootstrap-server {who.address} --command-config {settings}",
            f"kafka-broker-api-versions --bootstrap-server {who.address} --command-config {settings}",
            f"kafka-console-producer --bootstrap-server {who.address} --topic t --max-block-ms 3000 --command-property request.timeout.ms=1000",
        )]
        with ThreadPoolExecutor(max_workers=len(asked)) as threads:
            for _ in threads.map(lambda each: answered_by_none(*each), asked):
                pass


def answered_by_none(address, line):
    began = time.monotonic()
    outcome = foreground.run(OwnTools.command(line), "x\n")
    took = time.monotonic() - began
    contains(outcome.err, f"(/{address})")
    contains_none(outcome.err, PANIC)
    if "producer" in line:
        contains(outcome.err, "Topic t not present in metadata after 3000 ms.")
    else:
        equal(outcome.exit, 1, line)
        contains(outcome.out + outcome.err, "Timed out waiting for a node assignment")
        contains(outcome.err, "naru: no server to connect to first has answered")
    if took > ANSWERED_MAX_S:
        raise AssertionError(f"{line} took {took:.1f} s")


def interrupted_in_vain(_):
    with Listener(None) as nobody, Listener(b"") as silent:
        nobody.close()
        for who in (nobody, silent):
            for line, when in {
                "kafka-console-producer --topic t": all_is_read,
                "kafka-console-producer --topic t --sync": all_is_read,
                "kafka-verifiable-producer --topic t": "startup_complete",
                "kafka-verifiable-consumer --topic t --group-id g": "startup_complete",
                "kafka-consumer-perf-test --topic t --num-records 1 --timeout 100000": "start.time",
            }.items():
                began = time.monotonic()
                command = OwnTools.command(f"{line} --bootstrap-server {who.address}")
                outcome = foreground.run(command, "x\n", stop=Stop("SIGINT", when))
                equal(outcome.exit, INTERRUPTED, line)
                contains_none(outcome.err, PANIC)
                if time.monotonic() - began > ANSWERED_MAX_S:
                    raise AssertionError(f"{line} goes on after it is interrupted")


class Listener(contextlib.AbstractContextManager):
    """Says the same to everyone who connects; nothing where that is empty."""

    def __init__(self, says):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.open = []
        threading.Thread(target=self.serve, args=(says,), daemon=True).start()

    def serve(self, says):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            if says:
                with contextlib.suppress(OSError), connection:
                    connection.recv(4096)
                    connection.sendall(says)
            else:
                self.open.append(connection)

    def close(self):
        # A thread that waits for a connection holds the socket open.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def __exit__(self, *_):
        self.close()
        for connection in self.open:
            connection.close()


def all_is_read(process):
    """True a while after a process has read all that was written to it."""
    unread_bytes = struct.unpack("i", fcntl.ioctl(process.stdin, termios.FIONREAD, b"\0" * 4))[0]
    if unread_bytes == 0:
        time.sleep(SETTLE_S)
    return unread_bytes == 0


def head(session, line):
    """As `line | head -n 1`."""
    return foreground.first_line(session.runner.command(session.filled(line)))


def ended(session, line, stdin=b""):
    """The outcome in bytes."""
    return subprocess.run(session.runner.command(session.filled(line)), input=stdin, capture_output=True, timeout=foreground.TIMEOUT_S)


def ends(session, topic):
    return int(session.must(f"kafka-get-offsets.sh --bootstrap-server $B --topic {topic}").split(":")[2])


def contains_none(text, parts):
    found = [part for part in parts if part in text]
    if found:
        raise AssertionError(f"{found} in:\n{text}")
