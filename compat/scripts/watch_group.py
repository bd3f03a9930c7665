"""Looks at the committed offsets of a group time and again, as an admin.

    watch_group.py ADDRESS GROUP TOPIC PARTITIONS

Prints `seen FROM P:OFFSET...` for each look, FROM being the clock before it was asked for and the line's own that after;
`ends P:OFFSET...` and `state NAME` when a line `ends` or `state` comes on stdin; ends when stdin does. Looks that fail, for
the broker is down, are passed over.
"""

import os
import queue
import sys
import threading
import time

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

address, group, topic = sys.argv[1:4]
partitions = [TopicPartition(topic, partition) for partition in range(int(sys.argv[4]))]
LOOK_S = 0.05
CALL_S = 2


def say(*words):
    os.write(1, (" ".join(map(str, (time.monotonic_ns(), *words))) + "\n").encode())


def connected():
    return AdminClient({"bootstrap.servers": address, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 300, "log_level": 0})


def look(admin):
    since = time.monotonic_ns()
    [asked] = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, partitions)],
                                                request_timeout=CALL_S).values()
    offsets = asked.result().topic_partitions
    for each in offsets:
        if each.error:
            raise KafkaException(each.error)
    say("seen", since, *(f"{each.partition}:{each.offset}" for each in offsets if each.offset >= 0))


def ends(admin):
    asked = admin.list_offsets({partition: OffsetSpec.latest() for partition in partitions}, request_timeout=CALL_S)
    say("ends", *(f"{partition.partition}:{answer.result().offset}" for partition, answer in asked.items()))


def state(admin):
    groups = admin.list_consumer_groups(request_timeout=CALL_S).result()
    if groups.errors:
        raise groups.errors[0]
    say("state", *(each.state.name for each in groups.valid if each.group_id == group))


def read(orders):
    for line in sys.stdin:
        orders.put(line.strip())
    orders.put("")


def serve():
    orders = queue.SimpleQueue()
    threading.Thread(target=read, args=(orders,), daemon=True).start()
    admin = connected()
    while True:
        try:
            order = orders.get(timeout=LOOK_S)
        except queue.Empty:
            order = "look"
        if not order:
            return
        try:
            {"look": look, "ends": ends, "state": state}[order](admin)
        except KafkaException as error:
            print(time.monotonic_ns(), order, error, file=sys.stderr, flush=True)
            # librdkafka 2.16 goes on asking a coordinator that it has given up itself since its connection broke.
            admin = connected()


serve()
