"""A member of a group: prints key TAB value of what it is given, commits after each batch, and ends when nothing has come
for a while.

    group_consume.py confluent|kafka-python|aiokafka ADDRESS TOPIC GROUP IDLE_SECONDS [PROTOCOL]
"""

import asyncio
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


async def aiokafka_member():
    from aiokafka import AIOKafkaConsumer
    from aiokafka.abc import ConsumerRebalanceListener

    # The library rebalances beside the loop below: it has to wait until what has been taken is committed.
    turn, joined, held = asyncio.Lock(), asyncio.Event(), set()

    class Listener(ConsumerRebalanceListener):
        async def on_partitions_revoked(self, _):
            async with turn:
                held.clear()

        async def on_partitions_assigned(self, assigned):
            held.update(assigned)
            joined.set()

    consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id=group, auto_offset_reset="earliest",
                                enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=500)
    consumer.subscribe([topic], listener=Listener())
    await consumer.start()
    last = time.monotonic()
    while not joined.is_set() or time.monotonic() - last < float(idle_s):
        taken = await consumer.getmany(timeout_ms=200, max_records=500)
        async with turn:
            # What was taken away between the two lines above is left to whoever has it next.
            kept = {partition: messages for partition, messages in taken.items() if partition in held}
            for messages in kept.values():
                for message in messages:
                    out.write(message.key + b"\t" + message.value + b"\n")
            if kept:
                last = time.monotonic()
                await consumer.commit({partition: messages[-1].offset + 1 for partition, messages in kept.items()})
    await consumer.stop()


def aiokafka():
    asyncio.run(aiokafka_member())


{"confluent": confluent, "kafka-python": kafka_python, "aiokafka": aiokafka}[library]()
