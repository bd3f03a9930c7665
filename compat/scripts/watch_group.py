"""Looks at the committed offsets of a group time and again, as an admin.

    watch_group.py ADDRESS GROUP TOPIC PARTITIONS

Prints `seen FROM P:OFFSET...` for each look, FROM being the clock before it was asked for and the line's own that after;
`ends P:OFFSET...` and `state NAME` when a line `ends` or `state` comes on stdin; ends when stdin does. What fails, for the
broker is down, is told on stderr and passed over.
"""

import os
import queue
import sys
import threading
import time

from kafka import KafkaAdminClient, OffsetSpec, TopicPartition
from kafka.errors import KafkaError

address, group, topic = sys.argv[1:4]
partitions = [TopicPartition(topic, partition) for partition in range(int(sys.argv[4]))]
LOOK_S = 0.05
CALL_MS = 3000


def say(*words):
    os.write(1, (" ".join(map(str, (time.monotonic_ns(), *words))) + "\n").encode())


def look(admin):
    since = time.monotonic_ns()
    offsets = admin.list_group_offsets({group: partitions})[group]
    say("seen", since, *(f"{at.partition}:{found.offset}" for at, found in offsets.items() if found.offset >= 0))


def ends(admin):
    offsets = admin.list_partition_offsets({at: OffsetSpec.LATEST for at in partitions})
    say("ends", *(f"{at.partition}:{found.offset}" for at, found in offsets.items()))


def state(admin):
    say("state", *(each["group_state"] for each in admin.list_groups() if each["group_id"] == group))


def connected():
    """Waits for the broker."""
    while True:
        try:
            return KafkaAdminClient(bootstrap_servers=address, request_timeout_ms=CALL_MS, reconnect_backoff_max_ms=200)
        except KafkaError as error:
            print(time.monotonic_ns(), error, file=sys.stderr, flush=True)


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
        except KafkaError as error:
            print(time.monotonic_ns(), order, error, file=sys.stderr, flush=True)
            admin.close()
            admin = connected()


serve()
