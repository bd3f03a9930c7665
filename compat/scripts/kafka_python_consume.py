"""Prints key TAB value of every record up to the given end offsets, by assigned partitions, with kafka-python."""

import json
import sys

from kafka import KafkaConsumer, TopicPartition

address, topic, ends = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
consumer = KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest", enable_auto_commit=False,
                         consumer_timeout_ms=30000)
left = {partition: end for partition, end in enumerate(ends) if end}
consumer.assign([TopicPartition(topic, partition) for partition in left])
consumer.seek_to_beginning()
out = sys.stdout.buffer
for message in consumer:
    out.write(message.key + b"\t" + message.value + b"\n")
    if message.offset + 1 >= left[message.partition]:
        del left[message.partition]
        if not left:
            break
if left:
    sys.exit(f"timed out; still open: {left}")
