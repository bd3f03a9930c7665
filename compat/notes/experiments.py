"""Experiments of somebody who tries Kafka out: replicas on one broker, groups, offsets, rebalances."""

import time

from expect import contains, equal
from notes_player import expect

LIST = "./kafka-consumer-groups --bootstrap-server localhost:9092 --list"
DESCRIBE = "./kafka-consumer-groups --bootstrap-server localhost:9092 --group test-consumer-group --describe"
HEADING = "GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID\n"
BIN = "bin"


def play(home):
    equal(home.must("kafka-topics --version"), "4.3.1\n", "version")
    home.start_broker("./kafka-server-start ../config/server.properties", BIN)
    replicas(home)
    zookeeper(home)
    group_goes_with_its_topic(home)
    partitions_move(home)
    offsets(home)
    equal(home.run("./kafka-server-stop config/server-1.properties", where=BIN)[1], 0, "exit code of the stop")


def replicas(home):
    create = "./kafka-topics --create --topic test-tatum-service --bootstrap-server localhost:9092 --partitions 5"
    described = "Topic: test-tatum-service TopicId: ID PartitionCount: 5 ReplicationFactor: 1 Configs:\n" + "".join(
        f"Topic: test-tatum-service Partition: {number} Leader: 0 Replicas: 0 Isr: 0\n" for number in range(5))
    for more in ("", " --replication-factor 1"):
        equal(home.must(create + more, where=BIN), "Created topic test-tatum-service.\n", "a topic")
        expect(home.must("./kafka-topics --describe --topic test-tatum-service --bootstrap-server localhost:9092", where=BIN), described)
        home.must("./kafka-topics --delete --topic test-tatum-service --bootstrap-server localhost:9092", where=BIN)
    refused, code = home.run(f"{create} --replication-factor 2", where=BIN)
    equal(code, 1, "exit code of two replicas on one broker")
    sentence = "Replication factor: 2 larger than available brokers: 1."
    expect(refused, f"Error while executing topic command : {sentence}\n"
           f"[TIME] ERROR org.apache.kafka.common.errors.InvalidReplicationFactorException: {sentence}\n(org.apache.kafka.tools.TopicCommand)")
    versions = home.run("./kafka-broker-api-versions --bootstrap-server localhost:9092,localhost:9093,localhost:9094", where=BIN)[0]
    contains(versions, "localhost:9092 (id: 0 rack: null", "Produce(0): 0 to ", "Fetch(1): ", "[usable: ")


def zookeeper(home):
    shell = home.start("./zookeeper-shell localhost:2181", BIN)
    shell.wait_for("Connecting to localhost:2181\nWelcome to ZooKeeper!\nJLine support is disabled\n\nWATCHER::\n\n"
                   "WatchedEvent state:SyncConnected type:None path:null\n")
    shell.type("ls /brokers/ids\n")
    # Three there, of three brokers.
    shell.wait_for("[0]\n")
    shell.type("quit\n")
    status = home.must("zkServer.sh status")
    contains(status, "Mode: standalone")
    contains(home.must("zookeeper-server-start config/zookeeper.properties"), "a quorum of their own")


def group_goes_with_its_topic(home):
    produce(home, "test-consumer-topic", "Hello, consumer?\n")
    consume(home, "--topic test-consumer-topic --bootstrap-server localhost:9092 --group test-group --from-beginning", "Hello, consumer?\n")
    equal(home.must(LIST, where=BIN).split(), ["test-group"], "groups")
    home.must("./kafka-topics --delete --topic test-consumer-topic --bootstrap-server localhost:9092", where=BIN)
    home.must(f'while {LIST} | grep -q test-group; do sleep 0.1; done', where=BIN)


def partitions_move(home):
    home.must("./kafka-topics --create --topic test-consumer-topic --bootstrap-server localhost:9092 --partitions 3", where=BIN)
    # This key leads to the first of three partitions.
    home.must("./kafka-console-producer --topic test-consumer-topic --bootstrap-server localhost:9092 --property parse.key=true", "f\tone\n", BIN)
    joined = "./kafka-console-consumer --topic test-consumer-topic --bootstrap-server localhost:9092 --group test-consumer-group --from-beginning"
    first = home.start(joined, BIN)
    first.wait_for("one\n")
    active = "console-consumer-UUID /127.0.0.1 console-consumer\n"
    rows = [f"test-consumer-group test-consumer-topic {partition} {offset} {offset} 0 " for partition, offset in enumerate((1, 0, 0))]
    home.until(DESCRIBE, HEADING + "".join(row + active for row in rows), BIN)
    equal(len(set(members(home))), 1, "members of one consumer")
    second = home.start(joined, BIN)
    wait_for_members(home, 2)
    held = members(home)
    equal([held[0] == held[1], held[1] == held[2]], [True, False], f"that the first two partitions are of one consumer: {held}")
    second.interrupt()
    wait_for_members(home, 1)
    first.interrupt()
    home.until(DESCRIBE, HEADING + "".join(row + "- - -\n" for row in rows), BIN)
    contains(home.must(DESCRIBE, where=BIN), "Consumer group 'test-consumer-group' has no active members.")


def members(home):
    """Of each partition."""
    printed = home.run(DESCRIBE, where=BIN, plain=True)[0]
    return [line.split()[6] for line in printed.splitlines() if line.startswith("test-consumer-group ")]


def wait_for_members(home, count):
    deadline = time.monotonic() + 30
    while len(set(held := members(home))) != count or "-" in held:
        if time.monotonic() > deadline:
            raise AssertionError(f"{held} are not {count} members")
        time.sleep(0.2)


def offsets(home):
    contains(home.must("./kafka-topics --create --topic test-offest-topic --partitions 2 --bootstrap-server localhost:9092", where=BIN),
             "Created topic test-offest-topic.")
    # Another spelling, so this one comes by itself, with one partition.
    produce(home, "test-offset-topic", "Hello, offset!\nHello, offset!\n")
    consume(home, "--topic test-offset-topic --bootstrap-server localhost:9092 --group test-offset-group --from-beginning",
            "Hello, offset!\nHello, offset!\n")
    described = "./kafka-consumer-groups --describe --group test-offset-group --bootstrap-server localhost:9092"
    shown = home.must(described, where=BIN)
    contains(shown, "Consumer group 'test-offset-group' has no active members.")
    expect(shown, HEADING + "test-offset-group test-offset-topic 0 2 2 0 - - -")
    produce(home, "test-offset-topic", "New Message!\n")
    consume(home, "--topic test-offset-topic --from-beginning --group test-offset-group --bootstrap-server localhost:9092", "New Message!\n")
    expect(home.must("./kafka-consumer-groups --group test-offset-group --describe --bootstrap-server localhost:9092", where=BIN),
           HEADING + "test-offset-group test-offset-topic 0 3 3 0 - - -")


def produce(home, topic, lines):
    home.must(f"./kafka-console-producer --topic {topic} --bootstrap-server localhost:9092", lines, BIN)


def consume(home, options, lines):
    consumer = home.start(f"./kafka-console-consumer {options}", BIN)
    consumer.wait_for(lines)
    printed = consumer.interrupt()
    contains(printed, f"Processed a total of {len(lines.splitlines())} messages")
