"""A member of a group: prints key TAB value of what it is given, commits after each batch, and ends when nothing has come
for a while.

    group_consume.py confluent|kafka-python ADDRESS TOPIC GROUP IDLE_SECONDS [PROTOCOL]
"""

import sys
import time

library, address, topic, group, idle_s = sys.argv[1:6]
protocol = sys.argv[6] if len(sys.argv) > 6 else "classic"
out = sys.stdout.buffer


def confluent():
    from confluent_kafka import Consumer

    settings = {"bootstrap.servers": address, "group.id": group, "enable.auto.commit": False,
                "auto.offset.reset": "earliest", "group.protocol": protocol}
    if protocol == "classic":
        settings["session.timeout.ms"] = 6000
    consumer = Consumer(settings)
    assigned = []
    consumer.subscribe([topic], on_assign=lambda _, partitions: assigned.append(len(partitions)))
    last = time.monotonic()
    while not assigned or time.monotonic() - last < float(idle_s):
        messages = consumer.consume(500, 0.2)
        for message in messages:
            if message.error():
                sys.exit(str(message.error()))
            out.write(message.key() + b"\t" + message.value() + b"\n")
        if messages:
            last = time.monotonic()
            consumer.commit(asynchronous=False)
    consumer.close()


def kafka_python():
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(topic, bootstrap_servers=address, group_id=group, auto_offset_reset="earliest",
                             enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=500)
    last = time.monotonic()
    while not consumer.assignment() and time.monotonic() - last < 30 or time.monotonic() - last < float(idle_s):
        polled = consumer.poll(timeout_ms=200, max_records=500)
        for messages in polled.values():
            for message in messages:
                out.write(message.key + b"\t" + message.value + b"\n")
        if polled:
            last = time.monotonic()
            consumer.commit()
    consumer.close()


{"confluent": confluent, "kafka-python": kafka_python}[library]()
