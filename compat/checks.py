"""The checks, by name. Each gets an empty folder and raises on what does not hold."""

import os
import socket
import struct
import subprocess
import time

import client_suite_checks
import clients
import command_checks
import doctor_checks
import dump_log_checks
import flights
import group_checks
import group_experiment_checks
import group_tool_checks
import group_schedules
import install
import notes_checks
import storage_checks
import tool_checks
import zookeeper_checks
from expect import contains, equal, need
from server import Server, executable, free_port

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PARTITIONS = 4
QUICK_FLIGHTS = 20_000


def listed(full):
    """Pairs of name and function; the quick form carries fewer flights."""
    yield "topics and settings by Kafka's own tools", topics_and_settings
    yield "topics survive kill -9", topics_survive_a_kill
    yield "a listener opened and closed by Kafka's own tool", listeners_come_and_go
    yield "kcat and kafka-python list the topics", other_clients_list_topics
    yield "settings files of Kafka 4.x and of the seeds' era start a broker", settings_files_start
    yield "ready line and clean stop", ready_line_and_clean_stop
    yield "differential: the same scripted requests to Kafka and Naru", the_same_answers
    yield from storage_checks.listed()
    yield from notes_checks.listed()
    yield from client_suite_checks.listed()
    yield from tool_checks.listed(full)
    yield from dump_log_checks.listed(full)
    yield from command_checks.listed(full)
    yield from doctor_checks.listed(full)
    yield from zookeeper_checks.listed()
    yield from group_checks.listed(full)
    yield from group_tool_checks.listed(full)
    yield from group_experiment_checks.listed(full)
    yield from group_schedules.listed(full)
    limit = None if full else QUICK_FLIGHTS
    for codec in CODECS:
        name = f"flights in {codec}, by every client, before and after kill -9"
        yield name, lambda folder, codec=codec: flights_pass_through(folder, codec, limit)
    for codec in ("none", "gzip"):
        yield f"flights produced by kafkajs in {codec}", lambda folder, codec=codec: kafkajs_produces(folder, codec, limit)


def topics_and_settings(folder):
    need(install.kafka_tools(), "Java and Maven (Apache Kafka's own tools)")
    with Server(folder) as server:
        clients.create_topic(server.address, "orders", 3, **{"retention.ms": 172800000})
        clients.create_topic(server.address, "payments", 1)
        equal(clients.topics(server.address, "--list").split(), ["orders", "payments"], "topics")
        described = clients.topics(server.address, "--describe", "--topic", "orders")
        contains(described, "PartitionCount: 3", "ReplicationFactor: 1", "retention.ms=172800000", "Leader: 1")
        clients.topics(server.address, "--alter", "--topic", "orders", "--partitions", "5")
        contains(clients.topics(server.address, "--describe", "--topic", "orders"), "PartitionCount: 5", "Partition: 4")
        clients.configs(server.address, "--alter", "--topic", "orders", "--add-config", "cleanup.policy=compact")
        contains(clients.configs(server.address, "--describe", "--topic", "orders"),
                 "cleanup.policy=compact sensitive=false", "retention.ms=172800000")
        contains(clients.configs(server.address, "--describe", "--broker", "1", "--all"), "log.retention.hours=168")
        clients.topics(server.address, "--delete", "--topic", "payments")
        equal(clients.topics(server.address, "--list").split(), ["orders"], "topics after a delete")
        for arguments, message in [
            (["--create", "--topic", "orders"], "Topic 'orders' already exists."),
            (["--create", "--topic", "two", "--replication-factor", "2"], "Unable to replicate the partition 2 time(s)"),
            (["--create", "--topic", "a b"], "contains one or more characters other than"),
            (["--alter", "--topic", "orders", "--partitions", "2"], "would not be an increase"),
        ]:
            contains(clients.topics_failing(server.address, *arguments), message)


def topics_survive_a_kill(folder):
    need(install.kafka_tools(), "Java and Maven (Apache Kafka's own tools)")
    with Server(folder) as server:
        clients.create_topic(server.address, "kept", 2)
        before = clients.topics(server.address, "--describe")
        server.kill()
        server.start()
        after = clients.topics(server.address, "--describe")
        equal(topic_id(after), topic_id(before), "topic id after kill -9")
        contains(after, "PartitionCount: 2", "Leader: 1")


def listeners_come_and_go(folder):
    need(install.kafka_tools(), "Java and Maven (Apache Kafka's own tools)")
    map_of_all = "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,EXTRA:PLAINTEXT"
    with Server(folder, settings=[map_of_all]) as server:
        extra = f"127.0.0.1:{free_port()}"
        both = f"listeners=[PLAINTEXT://{server.address},EXTRA://{extra}]"
        clients.configs(server.address, "--alter", "--broker", "1", "--add-config", both)
        need_answer(extra)
        server.kill()
        server.start()
        # Ports take connections from the beginning; they are served once the cluster's settings are known.
        need_answer(server.address)
        need_answer(extra)
        clients.configs(server.address, "--alter", "--broker", "1", "--delete-config", "listeners")
        try:
            need_answer(extra)
        except OSError:
            return
        raise AssertionError("the listener is still served after it left the settings")


def need_answer(address):
    """ApiVersions 0. Java's clients go on only where a broker is advertised, and listeners of later never are."""
    host, port = address.split(":")
    request = struct.pack(">hhih", 18, 0, 7, -1)
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = connection.recv(8)
    if answer[4:] != struct.pack(">i", 7):
        raise OSError(f"no answer at {address}")


def other_clients_list_topics(folder):
    need(install.kcat(), "kcat")
    with Server(folder) as server:
        created = clients.python_script("create_topics.py", server.address, "by-python", "other").decode()
        equal(created.split(), ["by-python", "other"], "topics seen by kafka-python")
        listed = clients.call([install.kcat(), "-L", "-b", server.address]).decode()
        contains(listed, 'topic "by-python" with 2 partitions', 'topic "other" with 2 partitions', "broker 1 at 127.0.0.1")


def settings_files_start(folder):
    for era in ("kafka-4.properties", "seeds-era.properties"):
        with Server(f"{folder}-{era}", file=clients.HERE / "settings" / era) as server:
            equal(server.process.poll(), None, f"a server with {era}")


def flights_pass_through(folder, codec, limit):
    need(install.kafka_tools(), "Java and Maven (Apache Kafka's own tools)")
    need(install.kcat(), "kcat")
    pairs = flights.read(limit)
    expected = flights.by_key(pairs)
    topic = f"flights-{codec}"
    with Server(folder) as server:
        clients.create_topic(server.address, topic, PARTITIONS)
        clients.java_produce(server.address, topic, pairs, codec)
        consume_with_everybody(server, topic, codec, expected, len(pairs))
        server.kill()
        server.start()
        consume_with_everybody(server, topic, codec, expected, len(pairs))


def consume_with_everybody(server, topic, codec, expected, count):
    ends = clients.end_offsets(server.address, topic)
    equal(sum(ends), count, "sum of the end offsets")
    readers = {"console consumer": clients.java_consume, "kafka-python": clients.kafka_python_consume,
               "kcat": clients.kcat_consume, "confluent-kafka": clients.confluent_consume}
    for name, consume in readers.items():
        seen = flights.by_key(consume(server.address, topic, ends))
        difference = flights.first_difference(expected, seen)
        if difference:
            raise AssertionError(f"{name}: {difference}\n{server.log_tail()}")


def kafkajs_produces(folder, codec, limit):
    need(install.kafkajs(), "Node and npm")
    need(install.kafka_tools(), "Java and Maven (Apache Kafka's own tools)")
    pairs = flights.read(limit)
    with Server(folder) as server:
        clients.create_topic(server.address, "js", PARTITIONS)
        clients.kafkajs_produce(server.address, "js", pairs, codec)
        ends = clients.end_offsets(server.address, "js")
        seen = flights.by_key(clients.kafka_python_consume(server.address, "js", ends))
        difference = flights.first_difference(flights.by_key(pairs), seen)
        if difference:
            raise AssertionError(difference)


def ready_line_and_clean_stop(folder):
    server = Server(folder).start()
    # It listens a moment before it says so.
    deadline = time.monotonic() + 10
    while not server.ready_line() and time.monotonic() < deadline:
        time.sleep(0.01)
    equal(server.stop(), 0, "exit code after SIGTERM")
    line = server.ready_line()
    for part in ("node", "cluster", "listeners", "log dirs", "ready in"):
        if not line or part not in line:
            raise AssertionError(f"the ready line lacks '{part}': {line}")


def the_same_answers(folder):
    """Deviations that are decided stand in deviations.txt; any other difference fails, named by case and field."""
    libraries = need(install.kafka_tools(), "Java and Maven (Apache Kafka itself)")
    environment = dict(os.environ, PEER_LIBS=str(libraries), NARU=str(executable()))
    command = ["cargo", "run", "--quiet", "--package", "differential"]
    outcome = subprocess.run(command, cwd=install.ROOT, env=environment, text=True, capture_output=True)
    print("     " + outcome.stdout.strip().rpartition("\n")[2], flush=True)
    equal(outcome.returncode, 0, f"exit code; it says:\n{outcome.stdout}{outcome.stderr}\n")


def topic_id(described):
    return described.split("TopicId: ")[1].split()[0]
