"""The command lines of a long introduction: topics, console tools, groups, offsets, perf tests, the log."""

from expect import contains, equal
from notes_player import expect

RESETS = ("--to-earliest", "--to-latest", "--to-offset 1", "--shift-by -1", "--shift-by +1", "--to-current",
          "--to-datetime 2020-01-01T00:00:00.000", "--by-duration PT1H")


def play(home):
    home.run("bin/zookeeper-server-start.sh config/zookeeper.properties")
    home.start_broker("bin/kafka-server-start.sh config/server.properties")
    topics(home)
    records(home)
    groups(home)
    measured(home)


def topics(home):
    contains(home.must("""bin/kafka-topics.sh --create \\
    --bootstrap-server localhost:9092 \\
    --topic hello.kafka
    """), "Created topic hello.kafka.")
    contains(home.must("""bin/kafka-topics.sh --create \\
    --bootstrap-server localhost:9092 \\
    --partitions 10 \\
    --replication-factor 1 \\
    --topic hello.kafka2 \\
    --config retention.ms=172800000
    """), "Created topic hello.kafka2.")
    equal(home.must("bin/kafka-topics.sh --bootstrap-server localhost:9092 --list").split(), ["hello.kafka", "hello.kafka2"], "topics")
    described = home.must("""bin/kafka-topics.sh --bootstrap-server localhost:9092 --topic hello.kafka \\
    --describe""")
    equal(described, "Topic: hello.kafka\tTopicId: ID\tPartitionCount: 1\tReplicationFactor: 1\tConfigs: \n"
          "\tTopic: hello.kafka\tPartition: 0\tLeader: 0\tReplicas: 0\tIsr: 0\n", "a topic")
    equal(home.must("""bin/kafka-topics.sh --bootstrap-server localhost:9092 --topic hello.kafka \\
    --alter --partitions 4"""), "", "more partitions")
    refused, code = home.run("bin/kafka-topics.sh --bootstrap-server localhost:9092 --topic hello.kafka --alter --partitions 2")
    equal(code, 1, "exit code of fewer partitions")
    contains(refused, "The topic hello.kafka currently has 4 partition(s); 2 would not be an increase.")


def records(home):
    home.must("""bin/kafka-console-producer.sh --bootstrap-server localhost:9092 \\
      --topic hello.kafka""", "alone\n")
    home.must("""bin/kafka-console-producer.sh --bootstrap-server localhost:9092 \\
      --topic hello.kafka \\
      --property "parse.key=true" \\
      --property "key.separator=:\"""", "key1:value1\nkey2:value2\nkey3:value3\n")
    every = home.start("""bin/kafka-console-consumer.sh \\
      --bootstrap-server localhost:9092 \\
      --topic hello.kafka --from-beginning""")
    every.wait_for("alone\n", "value1\n", "value2\n", "value3\n")
    contains(every.interrupt(), "Processed a total of 4 messages")
    keys = home.start("""bin/kafka-console-consumer.sh --bootstrap-server localhost:9092 \\
      --topic hello.kafka \\
      --property print.key=true \\
      --property key.separator="-" \\
      --from-beginning""")
    keys.wait_for("null-alone\n", "key1-value1\n", "key2-value2\n", "key3-value3\n")
    keys.interrupt()
    three = home.must("""bin/kafka-console-consumer.sh --bootstrap-server localhost:9092 \\
      --topic hello.kafka --from-beginning --max-messages 3""")
    contains(three, "Processed a total of 3 messages")
    one = home.start("""bin/kafka-console-consumer.sh --bootstrap-server localhost:9092 \\
      --topic hello.kafka \\
      --partition 2 \\
      --from-beginning""")
    # None of the three keys leads to that partition, this one does.
    home.must("bin/kafka-console-producer.sh --bootstrap-server localhost:9092 --topic hello.kafka --property parse.key=true", "c\tof two\n")
    one.wait_for("of two\n")
    group = home.start("""bin/kafka-console-consumer.sh --bootstrap-server localhost:9092 \\
      --topic hello.kafka \\
      --group hello-group \\
      --from-beginning""")
    group.wait_for("alone\n", "value1\n", "value2\n", "value3\n", "of two\n")
    group.interrupt()
    shown = one.interrupt()
    equal("value" in shown, False, f"records of other partitions in {shown}")


def groups(home):
    listed = home.must("""bin/kafka-consumer-groups.sh \\
      --bootstrap-server localhost:9092 \\
      --list""")
    contains(listed, "hello-group\n")
    described = home.must("""bin/kafka-consumer-groups.sh --bootstrap-server localhost:9092 \\
      --group hello-group --describe""")
    contains(described, "Consumer group 'hello-group' has no active members.")
    expect(described, "GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID")
    equal(total(described, 3), 5, "committed")
    equal(total(described, 5), 0, "lag")
    for reset in RESETS:
        told = home.must(f"""bin/kafka-consumer-groups.sh \\
      --bootstrap-server localhost:9092 \\
      --group hello-group \\
      --topic hello.kafka \\
      --reset-offsets {reset} --execute""")
        expect(told, "GROUP TOPIC PARTITION NEW-OFFSET")
        equal(len(of_topic(told)), 4, f"partitions of {reset}:\n{told}")
    home.must("""bin/kafka-consumer-groups.sh \\
      --bootstrap-server localhost:9092 \\
      --group hello-group \\
      --topic hello.kafka \\
      --reset-offsets --to-earliest --execute""")
    again = home.must("bin/kafka-consumer-groups.sh --bootstrap-server localhost:9092 --group hello-group --describe")
    equal(total(again, 5), 5, "lag of the group, sent back")


def of_topic(table):
    return [line.split() for line in table.splitlines() if line.startswith("hello-group ")]


def total(table, column):
    return sum(int(row[column]) for row in of_topic(table))


def measured(home):
    produced = home.must("""bin/kafka-producer-perf-test.sh \\
      --producer-props bootstrap.servers=localhost:9092 \\
      --topic hello.kafka \\
      --num-records 10 \\
      --throughput 1 \\
      --record-size 100 \\
      --print-metric""")
    contains(produced, "10 records sent", "records/sec", "ms avg latency", "ms 99.9th.", "Metric Name", "producer-metrics:record-send-total")
    consumed = home.must("""bin/kafka-consumer-perf-test.sh \\
      --bootstrap-server localhost:9092 \\
      --topic hello.kafka \\
      --messages 10 \\
      --show-detailed-stats""")
    contains(consumed, "time, threadId, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms")
    plain = home.must("bin/kafka-consumer-perf-test.sh --bootstrap-server localhost:9092 --topic hello.kafka --messages 10")
    contains(plain, "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms")
    dumped = home.must("""bin/kafka-dump-log.sh \\
      --files data/hello.kafka-0/00000000000000000000.log \\
      --deep-iteration""")
    contains(dumped, "Dumping data/hello.kafka-0/00000000000000000000.log", "Log starting offset: 0", "baseOffset: 0", "| offset: 0")
