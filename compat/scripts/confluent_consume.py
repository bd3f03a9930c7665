"""Prints key TAB value of every record up to the given end offsets, by assigned partitions, with librdkafka."""

import json
import sys

from confluent_kafka import Consumer, KafkaError, TopicPartition

address, topic, ends = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
consumer = Consumer({"bootstrap.servers": address, "group.id": "unused", "enable.auto.commit": False,
                     "enable.partition.eof": True, "check.crcs": True})
consumer.assign([TopicPartition(topic, partition, 0) for partition in range(len(ends))])
open_partitions = {partition for partition, end in enumerate(ends) if end}
out = sys.stdout.buffer
idle = 0
while open_partitions:
    message = consumer.poll(5.0)
    if message is None:
        idle += 1
        if idle > 6:
            sys.exit(f"nothing for 30 s; still open: {open_partitions}")
        continue
    idle = 0
    if message.error():
        if message.error().code() != KafkaError._PARTITION_EOF:
            sys.exit(str(message.error()))
        open_partitions.discard(message.partition())
        continue
    out.write(message.key() + b"\t" + message.value() + b"\n")
consumer.close()
