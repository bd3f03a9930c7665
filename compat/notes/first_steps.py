"""First steps on three systems: start, topic, console tools by their Windows names, deletion; the server lives on."""

from expect import contains, equal
from notes_player import expect

WINDOWS = "exec -a 'bin\\windows\\{tool}.bat' bin/{tool}"


def play(home):
    home.run("bin/zookeeper-server-start.sh -daemon config/zookeeper.properites")
    broker = home.start_broker("bin/kafka-server-start.sh config/server.properties")
    # Of one broker; the notes have three.
    contains(home.must("""bin/kafka-topics.sh --create --topic my-kafka-topic \\
--bootstrap-server localhost:9092 \\
--partitions 3 \\
--replication-factor 1"""), "Created topic my-kafka-topic")
    equal(home.must("bin/kafka-topics.sh --list --bootstrap-server localhost:9092"), "my-kafka-topic\n", "topics")
    expect(home.must("bin/kafka-topics.sh --describe --topic my-kafka-topic --bootstrap-server localhost:9092"),
           """Topic: my-kafka-topic TopicId: ID PartitionCount: 3 ReplicationFactor: 1 Configs:
           Topic: my-kafka-topic Partition: 0 Leader: 0 Replicas: 0 Isr: 0
           Topic: my-kafka-topic Partition: 1 Leader: 0 Replicas: 0 Isr: 0
           Topic: my-kafka-topic Partition: 2 Leader: 0 Replicas: 0 Isr: 0""")
    consumer = home.start(f"bash -c \"{WINDOWS.format(tool='kafka-console-consumer')} --topic my-kafka-topic --from-beginning --bootstrap-server localhost:9092\"")
    producer = home.start(f"bash -c \"{WINDOWS.format(tool='kafka-console-producer')} --topic my-kafka-topic --bootstrap-server localhost:9092\"")
    for sentence in ("This is my first event\n", "This is my second event\n"):
        producer.type(sentence)
        consumer.wait_for(sentence)
    producer.interrupt()
    consumer.interrupt()
    equal(home.must("bin/kafka-topics.sh --delete --topic my-kafka-topic --bootstrap-server localhost:9092"), "", "what a deletion says")
    # There the server went down with its topic, and did not come up again.
    equal(home.must("bin/kafka-topics.sh --list --bootstrap-server localhost:9092").split(), ["__consumer_offsets"], "topics")
    broker.interrupt()
    home.start_broker("bin/kafka-server-start.sh config/server.properties")
    equal(home.must("bin/kafka-topics.sh --list --bootstrap-server localhost:9092").split(), ["__consumer_offsets"], "topics after a restart")
