"""A list of commands for an image that has the tools in its path; names in angle brackets are filled in."""

from expect import contains, equal


def play(home):
    home.start_broker("kafka-server-start.sh config/server.properties")
    contains(home.must("kafka-topics.sh --bootstrap-server localhost:9092 --replication-factor 1 --partitions 1 --topic my_topic --create "),
             "Created topic my_topic.")
    equal(home.must("kafka-topics.sh --bootstrap-server localhost:9092 --list"), "my_topic\n", "topics")
    contains(home.must("kafka-topics.sh --bootstrap-server localhost:9092 --topic my_topic --describe"),
             "Topic: my_topic\tTopicId: ID\tPartitionCount: 1\tReplicationFactor: 1\tConfigs: \n")
    home.must("kafka-console-producer.sh --broker-list localhost:9092 --topic my_topic", "one\ntwo\n")
    for line in ("kafka-console-consumer.sh --bootstrap-server localhost:9092 --from-beginning --topic my_topic",
                 "kafka-console-consumer.sh --bootstrap-server localhost:9092 --from-beginning --partition 0 --topic my_topic",
                 "kafka-console-consumer.sh --bootstrap-server localhost:9092 --from-beginning --group group_name --topic my_topic"):
        consumer = home.start(line)
        consumer.wait_for("one\ntwo\n")
        contains(consumer.interrupt(), "Processed a total of 2 messages")
    contains(home.must("kafka-consumer-groups.sh --bootstrap-server localhost:9092 --list"), "group_name\n")
    home.until("kafka-consumer-groups.sh --bootstrap-server localhost:9092 --group group_name --describe", "group_name my_topic 0 2 2 0 - - -")
    contains(home.must("kafka-consumer-groups.sh --bootstrap-server localhost:9092 --group group_name --delete"),
             "Deletion of requested consumer groups ('group_name') was successful.")
    equal("group_name" in home.must("kafka-consumer-groups.sh --bootstrap-server localhost:9092 --list"), False, "a deleted group in the list")
    equal(home.must("kafka-topics.sh --bootstrap-server localhost:9092 --topic my_topic --delete"), "", "what a deletion says")
