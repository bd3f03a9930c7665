"""Creates a topic and fills it with numbers at a given pace, each to a random partition.

    numbered_produce.py ADDRESS TOPIC PARTITIONS COUNT SECONDS SEED

Prints `acked P OFFSET NUMBER` for each record once the broker has it, and `done`. A broker that is killed meanwhile makes it
slower, nothing else: every record is produced once.
"""

import random
import sys
import time

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

address, topic = sys.argv[1:3]
partitions, count, seconds, seed = int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]), sys.argv[6]


def delivered(error, message):
    if error:
        sys.exit(f"record {message.value()} was not taken: {error}")
    print("acked", message.partition(), message.offset(), message.value().decode())


admin = AdminClient({"bootstrap.servers": address})
for created in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
    created.result(30)
print("created", flush=True)
producer = Producer({"bootstrap.servers": address, "enable.idempotence": True, "linger.ms": 5,
                     "delivery.timeout.ms": 120_000, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 300})
rng = random.Random(seed)
started = time.monotonic()
for number in range(count):
    while time.monotonic() - started < seconds * number / count:
        producer.poll(0.01)
    producer.produce(topic, str(number).encode(), partition=rng.randrange(partitions), on_delivery=delivered)
    producer.poll(0)
if left := producer.flush(120):
    sys.exit(f"{left} records were not taken")
print("done", flush=True)
