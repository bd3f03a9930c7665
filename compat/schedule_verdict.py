"""What the processes of one random schedule have told, held against what a group promises.

The rules stand in group_schedules.py.
"""

import bisect
import math
from collections import defaultdict
from typing import NamedTuple

FINDINGS_SHOWN = 20


class Line(NamedTuple):
    """One line of a member or of the watcher."""

    at_ns: int
    word: str
    rest: list


def lines(path):
    """Those that end; whoever was killed may have left half a line."""
    whole = path.read_text().rpartition("\n")[0]
    return [Line(int(at), word, rest) for at, word, *rest in map(str.split, whole.splitlines())]


def offsets(pairs):
    """Offset by partition, of words as 3:120."""
    return {int(partition): int(offset) for partition, offset in (pair.split(":") for pair in pairs)}


class Commit(NamedTuple):
    """That of one partition: `done_ns` is infinite where no answer says that the broker has it."""

    offset: int
    named_ns: float
    done_ns: float


def commits(members):
    """Every commit of every member, by partition."""
    found = defaultdict(list)
    for told in members.values():
        done = {line.rest[0]: line.at_ns for line in told if line.word == "committed"}
        for line in told:
            if line.word == "committing":
                for partition, offset in offsets(line.rest[1:]).items():
                    found[partition].append(Commit(offset, line.at_ns, done.get(line.rest[0], math.inf)))
    return found


class Register:
    """The committed offset of one partition, known by the commits that may have set it."""

    def __init__(self, commits):
        self.by_offset = defaultdict(list)
        for commit in commits:
            self.by_offset[commit.offset].append(commit)
        sure = sorted((commit for commit in commits if commit.done_ns < math.inf), key=lambda commit: commit.done_ns)
        self.done_ns = [commit.done_ns for commit in sure]
        # For each of these, the latest of it and all before by when it was named.
        self.latest = []
        for commit in sure:
            before = self.latest[-1] if self.latest else commit
            self.latest.append(max(before, commit, key=lambda each: each.named_ns))

    def fault(self, value, from_ns, to_ns):
        """Why a read of `value` (None: no offset) between the two times cannot be, or None."""
        confirmed = bisect.bisect_left(self.done_ns, from_ns)
        latest = self.latest[confirmed - 1] if confirmed else None
        if value is None:
            return latest and f"there is none, though {latest.offset} had been confirmed"
        named = [commit for commit in self.by_offset[value] if commit.named_ns <= to_ns]
        if not named:
            return f"it is {value}, which no commit names"
        if latest and latest.named_ns > max(commit.done_ns for commit in named):
            return f"it is {value}, though {latest.offset} was named later and had been confirmed"
        return None


class Verdict:
    """Findings, one sentence each."""

    def __init__(self, acked, members):
        self.acked = acked
        self.members = members
        found = commits(members)
        self.registers = defaultdict(lambda: Register([]), {partition: Register(each) for partition, each in found.items()})
        self.delivered = set()
        self.findings = []

    def judge(self, watched, ends):
        """`ends` of the logs, or None where the schedule did not come to its end."""
        for name, told in self.members.items():
            self._member(name, told)
        self._looks(watched)
        if ends is not None:
            self._all(watched, ends)
        return self.findings[:FINDINGS_SHOWN]

    def _member(self, name, told):
        """Where it may start, and that it goes on from there record by record."""
        assigned, position = {}, {}
        for line in told:
            if line.word in ("assigned", "revoked"):
                for partition in map(int, line.rest):
                    position.pop(partition, None)
                    assigned[partition] = line.at_ns if line.word == "assigned" else None
            elif line.word == "record":
                self._record(name, line, assigned, position)
            elif line.word == "committing":
                for partition, offset in offsets(line.rest[1:]).items():
                    if position.get(partition) != offset:
                        self.findings.append(f"{name} commits {offset} of partition {partition}, but stands at "
                                             f"{position.get(partition)}")

    def _record(self, name, line, assigned, position):
        partition, offset, number = map(int, line.rest)
        at = f"{name} is given offset {offset} of partition {partition}"
        if assigned.get(partition) is None:
            self.findings.append(f"{at}, which it does not hold")
        elif partition in position:
            if offset != position[partition]:
                self.findings.append(f"{at} after {position[partition] - 1}")
        elif fault := self.registers[partition].fault(offset or None, assigned[partition], line.at_ns):
            self.findings.append(f"{at} first, where it was to start from the committed offset: {fault}")
        if self.acked.get((partition, offset)) != number:
            self.findings.append(f"{at} with {number}, but {self.acked.get((partition, offset))} was produced there")
        position[partition] = offset + 1
        self.delivered.add((partition, offset))

    def _looks(self, watched):
        for line in watched:
            if line.word == "seen":
                seen = offsets(line.rest[1:])
                for partition in set(self.registers) | set(seen):
                    fault = self.registers[partition].fault(seen.get(partition), int(line.rest[0]), line.at_ns)
                    if fault:
                        self.findings.append(f"the committed offset of partition {partition} at {line.at_ns}: {fault}")

    def _all(self, watched, ends):
        """At the end."""
        missing = sorted(set(self.acked) - self.delivered)
        if missing:
            self.findings.append(f"{len(missing)} records were delivered to nobody, the first at {missing[0]}")
        for partition, end in ends.items():
            produced = sum(1 for at, _ in self.acked if at == partition)
            if end != produced:
                self.findings.append(f"partition {partition} ends at {end}, but {produced} records were produced to it")
        last = next((line for line in reversed(watched) if line.word == "seen"), None)
        committed = offsets(last.rest[1:]) if last else {}
        expected = {partition: end for partition, end in ends.items() if end}
        if committed != expected:
            self.findings.append(f"committed at the end: {committed}, but the logs end at {expected}")


def went_back(watched):
    """How often a look at a partition has shown less than the one before; by a commit that names it, or it is a finding."""
    before, count = {}, 0
    for line in watched:
        if line.word == "seen":
            seen = offsets(line.rest[1:])
            count += sum(1 for partition, offset in seen.items() if offset < before.get(partition, 0))
            before = seen
    return count
