"""A member of a group that tells all it does, for the random schedules of group_schedules.py.

    group_member.py confluent|kafka-python|aiokafka NAME=VALUE...

Names: address, topic, group, protocol, assignor, session_ms, poll_ms (the longest time between two polls), commit (record or
batch), work_ms (what a record takes). Lines on stdin are orders: `pause SECONDS` (takes no records, but stays a member),
`commit record`, `commit batch`, `work MS`, `stop`. Lines on stdout begin with the monotonic clock in nanoseconds, which all
processes of a machine share:

    assigned P...              before the committed offsets of these partitions are asked for
    revoked P...
    record P OFFSET VALUE      this is what processing a record means here
    committing N P:OFFSET...   before the request
    committed N                after the answer
    failed N WHY...            whether the broker has taken it is not known
    left

What is processed is committed at once, or after each batch; partitions that are taken away are committed in the callback
where the library allows it there (confluent-kafka), and forgotten.
"""

import asyncio
import faulthandler
import logging
import os
import queue
import signal
import sys
import threading
import time

library = sys.argv[1]
given = dict(argument.split("=", 1) for argument in sys.argv[2:])
topic = given["topic"]
session_ms, poll_ms = int(given["session_ms"]), int(given["poll_ms"])
HEARTBEAT_MS = 200
BATCH = 50
CALL_S = 5
# Exit code of a member by the consumer protocol whose group went back to the classic one without it, as Kafka has it.
GROUP_GONE = 3


def say(*words):
    os.write(1, (" ".join(map(str, (time.monotonic_ns(), *words))) + "\n").encode())


class Orders:
    """What stdin says; its end is an order to stop."""

    def __init__(self):
        self.each = given["commit"] == "record"
        self.work_s = float(given["work_ms"]) / 1000
        self.waiting = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in sys.stdin:
            self.waiting.put(line.split())
        self.waiting.put(["stop"])

    def next(self):
        """Seconds to pause, or None to end."""
        try:
            word, *more = self.waiting.get_nowait()
        except queue.Empty:
            return 0
        if word == "stop":
            return None
        if word == "pause":
            return float(more[0])
        if word == "work":
            self.work_s = float(more[0]) / 1000
        else:
            self.each = more[0] == "record"
        return 0


class Ledger:
    """Next offset to process, and the one committed, by partition."""

    def __init__(self):
        self.next = {}
        self.committed = {}
        self.commits = 0

    def assigned(self, partitions):
        say("assigned", *sorted(partitions))
        self._forget(partitions)

    def revoked(self, partitions):
        say("revoked", *sorted(partitions))
        self._forget(partitions)

    def _forget(self, partitions):
        for partition in partitions:
            self.next.pop(partition, None)
            self.committed.pop(partition, None)

    def record(self, partition, offset, value):
        say("record", partition, offset, value.decode())
        self.next[partition] = offset + 1

    def begin(self):
        """What is to be committed: next offset by partition."""
        due = {partition: offset for partition, offset in self.next.items() if self.committed.get(partition) != offset}
        if due:
            self.commits += 1
            say("committing", self.commits, *(f"{partition}:{offset}" for partition, offset in due.items()))
        return due

    def end(self, due, error):
        if error:
            say("failed", self.commits, type(error).__name__, str(error).replace("\n", " ")[:200])
        else:
            say("committed", self.commits)
            self.committed.update(due)


class Confluent:
    def __init__(self, ledger):
        from confluent_kafka import Consumer, KafkaError, TopicPartition

        self.ledger, self.partition, self.fatal = ledger, TopicPartition, KafkaError._FATAL
        # The last is what a group that changes its protocol says to those who are about to join it.
        self.passing = (KafkaError._MAX_POLL_EXCEEDED, KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT,
                        KafkaError.REBALANCE_IN_PROGRESS)
        settings = {"bootstrap.servers": given["address"], "group.id": given["group"], "enable.auto.commit": False,
                    "auto.offset.reset": "earliest", "group.protocol": given["protocol"], "fetch.wait.max.ms": 100,
                    "max.poll.interval.ms": poll_ms, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 300}
        if given["protocol"] == "classic":
            settings |= {"session.timeout.ms": session_ms, "heartbeat.interval.ms": HEARTBEAT_MS,
                         "partition.assignment.strategy": given["assignor"]}
        self.consumer = Consumer(settings)
        self.consumer.subscribe([topic], on_assign=lambda _, partitions: ledger.assigned(numbers(partitions)),
                                on_revoke=self.revoke, on_lost=lambda _, partitions: ledger.revoked(numbers(partitions)))

    def revoke(self, _, partitions):
        commit(self, self.ledger)
        self.ledger.revoked(numbers(partitions))

    def poll(self):
        """One by one, for a callback while a batch is gathered would take partitions away from under it."""
        for count in range(BATCH):
            message = self.consumer.poll(0 if count else 0.1)
            if message is None:
                return
            if not message.error():
                yield message.partition(), message.offset(), message.value()
            elif message.error().code() == self.fatal and "group id does not exist" in message.error().str():
                print(f"poll: {message.error()}", file=sys.stderr, flush=True)
                os._exit(GROUP_GONE)
            elif message.error().code() not in self.passing:
                sys.exit(f"poll: {message.error()}")

    def commit(self, due):
        offsets = [self.partition(topic, partition, offset) for partition, offset in due.items()]
        for answer in self.consumer.commit(offsets=offsets, asynchronous=False):
            if answer.error:
                raise RuntimeError(answer.error)

    def close(self):
        self.consumer.close()


class KafkaPython:
    def __init__(self, ledger):
        from kafka import ConsumerRebalanceListener, KafkaConsumer
        from kafka.coordinator.assignors.range import RangePartitionAssignor
        from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

        class Listener(ConsumerRebalanceListener):
            def on_partitions_assigned(_, assigned):
                ledger.assigned(numbers(assigned))
                self.goes_by_itself = True

            def on_partitions_revoked(_, revoked):
                ledger.revoked(numbers(revoked))

        self.goes_by_itself = False
        assignors = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}
        self.consumer = KafkaConsumer(bootstrap_servers=given["address"], group_id=given["group"],
                                      auto_offset_reset="earliest", enable_auto_commit=False, fetch_max_wait_ms=100,
                                      session_timeout_ms=session_ms, heartbeat_interval_ms=HEARTBEAT_MS,
                                      max_poll_interval_ms=poll_ms, max_poll_records=BATCH,
                                      reconnect_backoff_max_ms=300, request_timeout_ms=CALL_S * 1000,
                                      partition_assignment_strategy=[assignors[given["assignor"]]])
        self.consumer.subscribe([topic], listener=Listener())

    def poll(self):
        from kafka.errors import KafkaConnectionError

        try:
            taken = self.consumer.poll(timeout_ms=100)
            if self.goes_by_itself:
                self.go_to_committed()
                return
        except KafkaConnectionError as error:
            # The broker is down, and this library leaves it to its user to go on.
            passed_over(error)
            return
        for messages in taken.values():
            for message in messages:
                yield message.partition, message.offset, message.value

    def go_to_committed(self):
        """This library goes on from its own place in a partition that it had before, even where it was out of the group in
        between and others have gone further: what it has read from there is let go of."""
        from kafka.errors import KafkaError

        try:
            for partition in self.consumer.assignment():
                offset = self.consumer.committed(partition, timeout_ms=CALL_S * 1000)
                self.consumer.seek(partition, offset or 0)
        except KafkaError as error:
            # Once more behind the next poll.
            passed_over(error)
        else:
            self.goes_by_itself = False

    def commit(self, due):
        from kafka.structs import OffsetAndMetadata, TopicPartition

        offsets = {TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1) for partition, offset in due.items()}
        self.consumer.commit(offsets, timeout_ms=CALL_S * 1000)

    def close(self):
        self.consumer.close()


def passed_over(error):
    print(time.monotonic_ns(), repr(error), file=sys.stderr, flush=True)
    time.sleep(0.1)


def numbers(partitions):
    return [each.partition for each in partitions]


def commit(client, ledger):
    due = ledger.begin()
    if not due:
        return True
    try:
        client.commit(due)
    except Exception as error:
        ledger.end(due, error)
        return False
    ledger.end(due, None)
    return True


def run(make):
    orders, ledger = Orders(), Ledger()
    client = make(ledger)
    while (pause_s := orders.next()) is not None:
        time.sleep(pause_s)
        # After a commit that failed the batch goes on without: each further one might take as long to fail.
        goes_well = True
        for record in client.poll():
            time.sleep(orders.work_s)
            ledger.record(*record)
            if orders.each and goes_well:
                goes_well = commit(client, ledger)
        if goes_well:
            commit(client, ledger)
    commit(client, ledger)
    client.close()
    say("left")


async def aiokafka():
    from aiokafka.abc import ConsumerRebalanceListener
    from aiokafka.errors import KafkaError

    orders, ledger = Orders(), Ledger()
    # The library rebalances beside the loop below. Its callback waits until what is being processed has been committed.
    turn, held = asyncio.Lock(), set()

    class Listener(ConsumerRebalanceListener):
        async def on_partitions_revoked(self, revoked):
            async with turn:
                held.clear()
                ledger.revoked(numbers(revoked))

        async def on_partitions_assigned(self, assigned):
            ledger.assigned(numbers(assigned))
            held.update(assigned)

    consumer = await aiokafka_started(Listener())
    while (pause_s := orders.next()) is not None:
        await asyncio.sleep(pause_s)
        try:
            taken = await consumer.getmany(timeout_ms=100, max_records=BATCH)
        except KafkaError as error:
            # What its coordination met is told once, and it goes on.
            passed_over(error)
            continue
        async with turn:
            goes_well = True
            for partition, messages in taken.items():
                # What was taken away between the two lines above is left to whoever has it next.
                for message in messages if partition in held else []:
                    await asyncio.sleep(orders.work_s)
                    ledger.record(message.partition, message.offset, message.value)
                    if orders.each and goes_well:
                        goes_well = await aiokafka_commit(consumer, ledger)
            if goes_well:
                await aiokafka_commit(consumer, ledger)
    async with turn:
        await aiokafka_commit(consumer, ledger)
    await consumer.stop()
    say("left")


async def aiokafka_started(listener):
    from aiokafka import AIOKafkaConsumer
    from aiokafka.coordinator.assignors.range import RangePartitionAssignor
    from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
    from aiokafka.errors import KafkaError

    assignors = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}
    while True:
        consumer = AIOKafkaConsumer(bootstrap_servers=given["address"], group_id=given["group"],
                                    auto_offset_reset="earliest", enable_auto_commit=False, fetch_max_wait_ms=100,
                                    session_timeout_ms=session_ms, heartbeat_interval_ms=HEARTBEAT_MS,
                                    rebalance_timeout_ms=poll_ms, max_poll_interval_ms=poll_ms,
                                    request_timeout_ms=CALL_S * 1000,
                                    partition_assignment_strategy=[assignors[given["assignor"]]])
        consumer.subscribe([topic], listener=listener)
        try:
            await consumer.start()
            return consumer
        except KafkaError as error:
            # The broker is down, or the group changes its protocol, and this library does not wait for the end of it.
            await consumer.stop()
            passed_over(error)


async def aiokafka_commit(consumer, ledger):
    from aiokafka import TopicPartition

    due = ledger.begin()
    if not due:
        return True
    try:
        offsets = {TopicPartition(topic, partition): offset for partition, offset in due.items()}
        await asyncio.wait_for(consumer.commit(offsets), CALL_S)
    except Exception as error:
        ledger.end(due, error)
        return False
    ledger.end(due, None)
    return True


# For whoever reads what a finding has left: what the library did, and where it stands when it is asked.
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
faulthandler.register(signal.SIGUSR1)
if library == "aiokafka":
    asyncio.run(aiokafka())
else:
    run({"confluent": Confluent, "kafka-python": KafkaPython}[library])
