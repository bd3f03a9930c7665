"""Kafka's tools against one server: commands, topics with records in known partitions, consumers that stay."""

import re
import time
from pathlib import Path

from foreground import Stop

GROUPS = "kafka-consumer-groups.sh --bootstrap-server $B"
SETTLE_MAX_S = 60
PIPED = re.compile(r"printf '([^']*)' \| (.*)")
STOPPED = re.compile(r"(SIG[A-Z]+) at '([^']*)': (.*)")


class Session:
    """A server and the tool runner; `moment` is a time between records, as the tools write times."""

    def __init__(self, runner, server, folder):
        self.runner = runner
        self.server = server
        self.address = server.address
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.moment = None

    def run(self, line, stdin=""):
        """A line may begin with `SIGINT at 'text': `, which stops the command once it has printed that, and with
        `printf 'text' | `, which is written to the command."""
        stopped = STOPPED.fullmatch(line)
        stop = Stop(stopped[1], stopped[2]) if stopped else None
        line = stopped[3] if stopped else line
        piped = PIPED.fullmatch(line)
        if piped:
            line, stdin = piped[2], piped[1].encode().decode("unicode_escape")
        return self.runner.run(self.filled(line), stdin, **({"stop": stop} if stop else {}))

    def must(self, line, stdin=""):
        """What a command prints that has to end well."""
        outcome = self.run(line, stdin)
        if outcome.exit != 0 or "Error:" in outcome.out:
            raise AssertionError(f"'{line}' failed: {outcome}\n{self.server.log_tail()}")
        return outcome.out

    def filled(self, line):
        line = line.replace("$B", self.address).replace("$T", str(self.folder))
        return line.replace("$NOW", self.moment) if self.moment else line

    def create(self, topic, partitions):
        self.must(f"kafka-topics.sh --bootstrap-server $B --create --topic {topic} --partitions {partitions}")

    def produce(self, topic, *pairs):
        """Keys decide on partitions."""
        lines = "".join(f"{key}\t{value}\n" for key, value in pairs)
        self.must(f"kafka-console-producer.sh --bootstrap-server $B --topic {topic} --reader-property parse.key=true", lines)

    def consume(self, topic, group, count, *properties):
        """The values that a member of the group sees first, in any order; it commits them and leaves."""
        out = self.must(f"{consumer(topic, group, properties)} --max-messages {count} --timeout-ms 30000")
        return sorted(out.splitlines())

    def join(self, name, topic, group, *properties):
        """A member that stays, under its client id. It hears of rebalances and commits soon."""
        if "group.protocol=consumer" not in properties:
            properties = ("heartbeat.interval.ms=200", *properties)
        properties = (f"client.id={name}", "auto.commit.interval.ms=100", *properties)
        self.runner.start(name, self.filled(consumer(topic, group, properties)))

    def leave(self, name):
        return self.runner.stop(name).out.splitlines()

    def restart(self):
        self.server.kill()
        self.server.start()

    def state(self, group):
        return [(row["STATE"], int(row["#MEMBERS"])) for row in self.describe(group, "--state")]

    def describe(self, group, more=""):
        return rows(self.run(f"{GROUPS} --describe --group {group} {more}").out)

    def clients_of(self, group):
        """The client ids of those that hold the partitions of the group's topic, in the order of the partitions."""
        held = [row for row in self.describe(group) if row["PARTITION"] != "-"]
        return [row["CLIENT-ID"] for row in sorted(held, key=lambda row: int(row["PARTITION"]))]

    def settle(self, group, members, records=0):
        """Waits until the group is stable, has so many members and has committed so much."""
        def settled():
            if self.state(group) != [("Stable", members)]:
                return False
            held = [row for row in self.describe(group) if row["PARTITION"] != "-"]
            offsets = [row["CURRENT-OFFSET"] for row in held]
            return bool(held) and all(row["CONSUMER-ID"] != "-" for row in held) and "-" not in offsets \
                and sum(map(int, offsets)) >= records
        self.wait(settled, lambda: f"group {group} to settle: {self.describe(group)}")

    def wait(self, holds, what):
        deadline = time.monotonic() + SETTLE_MAX_S
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited in vain for {what()}\n{self.server.log_tail()}")
            time.sleep(0.05)


def consumer(topic, group, properties):
    options = " ".join(f"--command-property {each}" for each in properties)
    return f"kafka-console-consumer.sh --bootstrap-server $B --topic {topic} --group {group} --from-beginning {options}"


def rows(text):
    """Rows of a table, by the names of their columns; none where there is an error instead."""
    lines = [line.replace(" (ID)", "").replace("  (1)", "").split() for line in text.splitlines() if line.strip()]
    if not lines or lines[0][0] != "GROUP":
        return []
    return [dict(zip(lines[0], line)) for line in lines[1:]]
