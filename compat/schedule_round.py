"""One random schedule: what is to happen by its seed, and the processes that make it happen."""

import heapq
import random
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import clients
import install
from schedule_verdict import Verdict, lines, offsets, went_back
from server import Server

GROUP, TOPIC = "readers", "numbers"
# Seconds that joins, kills and the like go on; the producer is at work meanwhile.
SCHEDULE_S = 3.5
# Far more than any timeout of the schedule: who takes longer is stuck.
CATCH_UP_S = 60
LEAVE_S = 40
MEMBERS_MAX = 6
# What scripts/group_member.py ends with where the group went back to the classic protocol without it.
GROUP_GONE = 3
ACTIONS = {"join": 6, "kill": 4, "freeze": 4, "leave": 2, "pause": 2, "commit": 2}


@dataclass(frozen=True)
class Plan:
    """All that the seed decides. Kinds of members are pairs of library and protocol, of which one is drawn for each that
    joins; steps are pairs of seconds and action, and who it befalls is drawn when it is due.
    """

    seed: int
    partitions: int
    records: int
    protocol: str
    assignor: str
    kinds: tuple
    session_ms: int
    poll_ms: int
    initial_delay_ms: int
    work_ms: int
    first_members: int
    steps: tuple

    def __str__(self):
        kind = self.protocol if self.protocol == "consumer" else f"{self.protocol} {self.assignor}"
        return f"seed {self.seed}: {kind}, {self.partitions} partitions, {self.records} records"


def libraries(protocol, assignor):
    """Those that speak it, our own among them; one of Kafka's own costs as much as ten others, and is rare."""
    some = ["confluent"] * 4 + ["naru"] * 4
    if protocol == "classic" and assignor != "cooperative-sticky":
        some += ["kafka-python"] * 3 + ["aiokafka"] * 3
    return some + (["java"] if install.java_member() else [])


def plan(seed):
    rng = random.Random(seed)
    protocol = rng.choice(["classic"] * 4 + ["consumer"] * 3 + ["mixed"] * 2)
    assignor = rng.choice(["range", "range", "roundrobin", "roundrobin", "cooperative-sticky"])
    protocols = ("classic", "consumer") if protocol == "mixed" else (protocol,)
    kinds = [(library, each) for each in protocols for library in libraries(each, assignor)]
    count = rng.randint(6, 12)
    actions = rng.choices(list(ACTIONS), ACTIONS.values(), k=count)
    restarts = rng.choice([0, 1, 1, 1, 2])
    actions[:restarts] = ["restart"] * restarts
    rng.shuffle(actions)
    return Plan(seed=seed, partitions=rng.randint(1, 8), records=rng.randint(1000, 3000), protocol=protocol,
                assignor=assignor, kinds=tuple(kinds), session_ms=rng.choice([1000, 2000]), poll_ms=rng.choice([2500, 5000]),
                initial_delay_ms=rng.choice([0, 300]), work_ms=rng.choice([0, 1, 2]), first_members=rng.randint(1, 3),
                steps=tuple(zip(sorted(rng.uniform(0.2, SCHEDULE_S) for _ in range(count)), actions)))


def settings(plan):
    """Small times, so that members who are gone are missed within a round."""
    return ["offsets.topic.num.partitions=5", "group.min.session.timeout.ms=500",
            f"group.initial.rebalance.delay.ms={plan.initial_delay_ms}",
            "group.consumer.min.session.timeout.ms=500", f"group.consumer.session.timeout.ms={plan.session_ms}",
            "group.consumer.min.heartbeat.interval.ms=100", "group.consumer.heartbeat.interval.ms=200",
            "group.consumer.assignment.interval.ms=100"]


def quiet_port():
    """One that the system gives to no connection of its own: clients that call a broker which is down would take it."""
    while True:
        port = random.randint(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Talker:
    """A process whose lines go to a file, where they outlive its being killed."""

    def __init__(self, folder, name, command, may_end_with=()):
        self.name = name
        self.may_end_with = may_end_with
        self.told = folder / f"{name}.txt"
        self.errors = folder / f"{name}.err"
        with open(self.told, "wb") as out, open(self.errors, "wb") as errors:
            command = [str(part) for part in command]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=errors)
        self.state = "running"

    def order(self, words):
        try:
            self.process.stdin.write(words.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            # It has ended by itself, which is found at the end.
            pass

    def signal(self, number, state):
        self.process.send_signal(number)
        self.state = state

    def trouble(self):
        """That it has ended otherwise than told to, or None."""
        code = self.process.poll()
        if code is None or code == 0 and self.state == "leaving" or self.state == "killed" or code in self.may_end_with:
            return None
        return f"{self.name} ended by itself with {code}: {self.errors.read_text(errors='replace')[-1500:]}"


class Round:
    """Runs a plan in a folder; judge() after it."""

    def __init__(self, plan, folder):
        self.plan = plan
        self.folder = Path(folder)
        self.server = Server(self.folder, settings=settings(plan))
        self.server.port = quiet_port()
        self.rng = random.Random(f"{plan.seed} who")
        self.producer = self.watcher = None
        self.members = []
        self.counts = dict.fromkeys(["restart", *ACTIONS], 0)
        self.findings = []

    def run(self):
        talkers = []
        try:
            self.server.start()
            self.producer = self._script("producer", "numbered_produce.py", self.server.address, TOPIC, self.plan.partitions,
                                         self.plan.records, SCHEDULE_S, self.plan.seed)
            self.producer.state = "leaving"
            talkers.append(self.producer)
            self._until(30, "the topic is not created", lambda: "created" in self.producer.told.read_text())
            self.watcher = self._script("watcher", "watch_group.py", self.server.address, GROUP, TOPIC, self.plan.partitions)
            talkers.append(self.watcher)
            self._schedule()
            self._finish()
        except Stuck as stuck:
            self.findings.append(str(stuck))
            self._ask_where_they_stand()
        finally:
            for talker in talkers + self.members:
                talker.process.kill()
                talker.process.wait()
            if self.server.process:
                self.server.kill()
        return self

    def _script(self, name, script, *arguments):
        return Talker(self.folder, name, [install.python_clients(), clients.SCRIPTS / script, *arguments])

    def _until(self, seconds, otherwise, condition):
        deadline = time.monotonic() + seconds
        while not condition():
            if found := self._trouble():
                raise Stuck(found[0])
            if time.monotonic() > deadline:
                raise Stuck(f"{otherwise} after {seconds} s; members: "
                            + ", ".join(f"{member.name} {member.state}" for member in self.members))
            time.sleep(0.05)

    def _schedule(self):
        for _ in range(self.plan.first_members):
            self._join()
        started = time.monotonic()
        due = [(at, number, action) for number, (at, action) in enumerate(self.plan.steps)]
        heapq.heapify(due)
        while due:
            at, number, action = heapq.heappop(due)
            time.sleep(max(0.0, started + at - time.monotonic()))
            if isinstance(action, Talker):
                if action.state == "frozen":
                    action.signal(signal.SIGCONT, "running")
            elif thawing := self._act(action):
                member, seconds = thawing
                heapq.heappush(due, (at + seconds, len(self.plan.steps) + number, member))

    def _act(self, action):
        """Does it, if there is a member to do it to; of a freeze it says who is to go on when."""
        self.counts[action] += 1
        if action == "restart":
            self._restart()
        elif action == "join":
            if len(self._in("running", "frozen")) < MEMBERS_MAX:
                self._join()
        elif member := self._one_of("running", *(["frozen"] if action == "kill" else [])):
            return self._befall(member, action)
        return None

    def _restart(self):
        """Half of them while all members stand still: what the broker has kept is seen before anybody commits again."""
        still = self._in("running") if self.rng.random() < 0.5 else []
        for member in still:
            member.signal(signal.SIGSTOP, "frozen")
        self.server.kill()
        time.sleep(self.rng.uniform(0, 0.5))
        self.server.start()
        if still:
            self._until(LEAVE_S, "no look at the group after a restart", self._looked_after(time.monotonic_ns()))
        for member in still:
            member.signal(signal.SIGCONT, "running")

    def _befall(self, member, action):
        if action == "kill":
            member.signal(signal.SIGKILL, "killed")
        elif action == "freeze":
            member.signal(signal.SIGSTOP, "frozen")
            # Around the session timeout, which some outlive and some do not.
            return member, self.rng.uniform(0.2, 1.5 * self.plan.session_ms / 1000)
        elif action == "leave":
            member.order("stop")
            member.state = "leaving"
        elif action == "pause":
            member.order(f"pause {self.rng.uniform(0.2, 1.3 * self.plan.poll_ms / 1000):.2f}")
        else:
            member.order(f"commit {self.rng.choice(['record', 'batch'])}")
        return None

    def _in(self, *states):
        return [member for member in self.members if member.state in states and member.process.poll() is None]

    def _one_of(self, *states):
        there = self._in(*states)
        return self.rng.choice(there) if there else None

    def _join(self):
        library, protocol = self.rng.choice(self.plan.kinds)
        given = {"address": self.server.address, "topic": TOPIC, "group": GROUP, "protocol": protocol,
                 "assignor": self.plan.assignor, "session_ms": self.plan.session_ms, "poll_ms": self.plan.poll_ms,
                 "work_ms": self.plan.work_ms, "commit": self.rng.choice(["record", "batch", "batch"])}
        words = [f"{name}={value}" for name, value in given.items()]
        if library == "naru":
            command = [*install.naru_member(), *words]
        elif library == "java":
            command = [*install.java_member(), "tell", *words]
        else:
            command = [install.python_clients(), clients.SCRIPTS / "group_member.py", library, *words]
        may_end_with = [GROUP_GONE] if self.plan.protocol == "mixed" and protocol == "consumer" else []
        name = f"member-{len(self.members) + 1}-{library}-{protocol}"
        self.members.append(Talker(self.folder, name, command, may_end_with))

    def _finish(self):
        """Nothing is done to anybody any more: all is consumed and committed, all leave, and the group is empty."""
        for member in self._in("running"):
            member.order("commit batch")
            member.order("work 0")
        self._until(CATCH_UP_S, "not all records are produced", lambda: self.producer.process.poll() is not None)
        self._until(CATCH_UP_S, "the ends of the logs are not told", lambda: self._asked("ends"))
        expected = {partition: end for partition, end in offsets(self._latest("ends").rest).items() if end}
        self._until(CATCH_UP_S, f"the group has not committed all of {expected}", lambda: self._caught_up(expected))
        for member in self._in("running"):
            member.order("stop")
            member.state = "leaving"
        self._until(LEAVE_S, "members have been told to leave, and have not", self._all_gone)
        self._until(LEAVE_S, "all members have left or are dead, and the group is not empty", self._empty)
        self._until(LEAVE_S, "no further look at the group", self._looked_after(time.monotonic_ns()))

    def _caught_up(self, expected):
        if not self._in("running"):
            self._join()
        line = self._latest("seen")
        return line and offsets(line.rest[1:]) == expected

    def _ask_where_they_stand(self):
        """Members in Python tell it on stderr."""
        for member in self.members:
            if not {"java", "naru"} & set(member.name.split("-")):
                member.process.send_signal(signal.SIGUSR1)
        time.sleep(0.5)

    def _latest(self, word):
        return next((line for line in reversed(lines(self.watcher.told)) if line.word == word), None)

    def _all_gone(self):
        return all(member.process.poll() is not None for member in self.members)

    def _asked(self, word):
        """The watcher's last answer, which may be to an earlier question."""
        self.watcher.order(word)
        time.sleep(0.1)
        return self._latest(word)

    def _empty(self):
        state = self._asked("state")
        return state and state.rest == ["Empty"]

    def _looked_after(self, now_ns):
        def looked():
            line = self._latest("seen")
            return line and int(line.rest[0]) > now_ns
        return looked

    def _trouble(self):
        return [found for talker in [self.producer, self.watcher, *self.members] if talker and (found := talker.trouble())]

    def judge(self):
        """All findings; empty where the promises hold."""
        if not self.watcher:
            return self.findings
        acked = {}
        for line in self.producer.told.read_text().splitlines():
            word, *rest = line.split()
            if word == "acked":
                partition, offset, number = map(int, rest)
                acked[partition, offset] = number
        ends = None if self.findings else offsets(self._latest("ends").rest)
        told = {member.name: lines(member.told) for member in self.members}
        self.findings += Verdict(acked, told).judge(lines(self.watcher.told), ends)
        return self.findings

    def __str__(self):
        done = ", ".join(f"{count} {action}" for action, count in self.counts.items() if count)
        delivered = sum(1 for member in self.members for line in lines(member.told) if line.word == "record")
        back = went_back(lines(self.watcher.told)) if self.watcher else 0
        told = f"{self.plan}; {len(self.members)} members; {done}; {delivered} deliveries"
        return told + (f"; committed went back {back} times" if back else "")


class Stuck(Exception):
    """Something did not come about."""
