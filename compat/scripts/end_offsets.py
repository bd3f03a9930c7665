"""Prints the end offsets of a topic's partitions as JSON."""

import json
import sys

from kafka import KafkaConsumer, TopicPartition

address, topic = sys.argv[1], sys.argv[2]
consumer = KafkaConsumer(bootstrap_servers=address)
partitions = sorted(consumer.partitions_for_topic(topic))
ends = consumer.end_offsets([TopicPartition(topic, partition) for partition in partitions])
print(json.dumps([ends[TopicPartition(topic, partition)] for partition in partitions]))
