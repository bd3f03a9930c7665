"""The checks, by name. Each gets an empty folder and raises on what does not hold."""

import clients
import flights
import install
from server import Server

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PARTITIONS = 4
QUICK_FLIGHTS = 20_000


class Skip(Exception):
    """The machine lacks what the check needs."""


def listed(full):
    """Pairs of name and function."""
    limit = None if full else QUICK_FLIGHTS
    for codec in CODECS:
        yield f"flights in {codec}, by every client, before and after kill -9", lambda folder, codec=codec: flights_pass_through(folder, codec, limit)
    for codec in ("none", "gzip"):
        yield f"flights produced by kafkajs in {codec}", lambda folder, codec=codec: kafkajs_produces(folder, codec, limit)
    yield "ready line and clean stop", ready_line_and_clean_stop


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
    readers = {"console consumer": clients.java_consume, "kafka-python": clients.kafka_python_consume}
    if codec != "lz4":
        # librdkafka takes lz4 only from brokers that offer the group APIs.
        readers |= {"kcat": clients.kcat_consume, "confluent-kafka": clients.confluent_consume}
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
    equal(server.stop(), 0, "exit code after SIGTERM")
    line = server.ready_line()
    for part in ("node", "cluster", "listeners", "log dirs", "ready in"):
        if not line or part not in line:
            raise AssertionError(f"the ready line lacks '{part}': {line}")


def need(found, what):
    if not found:
        raise Skip(f"this machine lacks {what}")


def equal(seen, expected, what):
    if seen != expected:
        raise AssertionError(f"{what}: {seen}, expected {expected}")
