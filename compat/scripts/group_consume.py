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


class Idle:
    """How long a member has had nothing to do, counted from when it is in the group: that takes its time on a busy machine."""

    def __init__(self):
        self.since = None

    def joined(self):
        if self.since is None:
            self.since = time.monotonic()

    def busy(self):
        self.since = time.monotonic()

    def over(self):
        return self.since is not None and time.monotonic() - self.since >= float(idle_s)


def confluent():
    from confluent_kafka import Consumer

    settings = {"bootstrap.servers": address, "group.id": group, "enable.auto.commit": False,
                "auto.offset.reset": "earliest", "group.protocol": protocol}
    if protocol == "classic":
        settings["session.timeout.ms"] = 6000
    consumer = Consumer(settings)
    idle = Idle()
    consumer.subscribe([topic], on_assign=lambda *_: idle.joined())
    while not idle.over():
        messages = consumer.consume(500, 0.2)
        for message in messages:
            if message.error():
                sys.exit(str(message.error()))
            out.write(message.key() + b"\t" + message.value() + b"\n")
        if messages:
            idle.busy()
            consumer.commit(asynchronous=False)
    consumer.close()


def kafka_python():
    from kafka import ConsumerRebalanceListener, KafkaConsumer

    idle = Idle()

    class Listener(ConsumerRebalanceListener):
        def on_partitions_revoked(self, _):
            pass

        def on_partitions_assigned(self, _):
            idle.joined()

    consumer = KafkaConsumer(bootstrap_servers=address, group_id=group, auto_offset_reset="earliest",
                             enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=500)
    consumer.subscribe([topic], listener=Listener())
    while not idle.over():
        polled = consumer.poll(timeout_ms=200, max_records=500)
        for messages in polled.values():
            for message in messages:
                out.write(message.key + b"\t" + message.value + b"\n")
        if polled:
            idle.busy()
            consumer.commit()
    consumer.close()


async def aiokafka_member():
    from aiokafka import AIOKafkaConsumer
    from aiokafka.abc import ConsumerRebalanceListener

    # The library rebalances beside the loop below: it has to wait until what has been taken is committed.
    turn, held, idle = asyncio.Lock(), set(), Idle()

    class Listener(ConsumerRebalanceListener):
        async def on_partitions_revoked(self, _):
            async with turn:
                held.clear()

        async def on_partitions_assigned(self, assigned):
            held.update(assigned)
            idle.joined()

    consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id=group, auto_offset_reset="earliest",
                                enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=500)
    consumer.subscribe([topic], listener=Listener())
    await consumer.start()
    while not idle.over():
        taken = await consumer.getmany(timeout_ms=200, max_records=500)
        async with turn:
            # What was taken away between the two lines above is left to whoever has it next.
            kept = {partition: messages for partition, messages in taken.items() if partition in held}
            for messages in kept.values():
                for message in messages:
                    out.write(message.key + b"\t" + message.value + b"\n")
            if kept:
                idle.busy()
                await consumer.commit({partition: messages[-1].offset + 1 for partition, messages in kept.items()})
    await consumer.stop()


def aiokafka():
    asyncio.run(aiokafka_member())


{"confluent": confluent, "kafka-python": kafka_python, "aiokafka": aiokafka}[library]()
