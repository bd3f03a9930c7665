"""That the verdict on random schedules sees what it is for: a sound history, and the same with one fault planted in it."""

from expect import equal
from schedule_verdict import Line, Verdict

ACKED = {(0, offset): 100 + offset for offset in range(6)}
ENDS = {0: 6}
# One member commits 2, another takes over, is stopped, delivers what it had when it goes on, and a third ends it.
SOUND = {
    "first": ["10 assigned 0", "11 record 0 0 100", "12 record 0 1 101", "13 committing 1 0:2", "15 committed 1",
              "16 record 0 2 102"],
    "second": ["20 assigned 0", "24 record 0 2 102", "25 record 0 3 103", "26 committing 1 0:4", "28 committed 1",
               "60 record 0 4 104", "61 committing 2 0:5", "62 failed 2 fenced", "63 revoked 0", "64 left"],
    "third": ["40 assigned 0", "44 record 0 4 104", "45 record 0 5 105", "46 committing 1 0:6", "49 committed 1", "70 left"],
}
WATCHED = ["9 seen 8", "17 seen 16 0:2", "27 seen 25 0:4", "31 seen 29 0:4", "80 seen 79 0:6"]

# What is replaced in whose lines (None: the watcher's), and what the finding says.
FAULTS = [
    ("a confirmed commit is lost", None, "31 seen 29 0:4", "31 seen 29 0:2", "it is 2, though 4 was named later"),
    ("all commits are lost", None, "31 seen 29 0:4", "31 seen 29", "there is none, though 4 had been confirmed"),
    ("an offset that nobody has committed", None, "31 seen 29 0:4", "31 seen 29 0:3", "it is 3, which no commit names"),
    ("an offset before it was named", None, "17 seen 16 0:2", "17 seen 16 0:4", "it is 4, which no commit names"),
    ("a commit that is not there at the end", None, "80 seen 79 0:6", "80 seen 79 0:5", "committed at the end: {0: 5}"),
    ("a start before the committed offset", "third", "44 record 0 4 104", "41 record 0 2 102", "it is 2, though 4 was named later"),
    ("a start from the beginning", "second", "24 record 0 2 102", "24 record 0 0 100", "there is none, though 2 had been"),
    ("a start behind the committed offset", "second", "24 record 0 2 102", "24 record 0 3 103", "it is 3, which no commit names"),
    ("a record passed over", "first", "12 record 0 1 101", "12 record 0 2 102", "is given offset 2 of partition 0 after 0"),
    ("a record twice in a row", "first", "12 record 0 1 101", "12 record 0 0 100", "is given offset 0 of partition 0 after 0"),
    ("a record of another place", "first", "12 record 0 1 101", "12 record 0 1 999", "with 999, but 101 was produced there"),
    ("a record without the partition", "first", "10 assigned 0", "10 assigned 1", "which it does not hold"),
    ("a commit ahead of the member", "first", "13 committing 1 0:2", "13 committing 1 0:3", "commits 3 of partition 0, but stands at 2"),
    ("a record for nobody", "third", "45 record 0 5 105", "45 revoked 1", "1 records were delivered to nobody"),
]


def listed():
    """Pairs of name and function."""
    yield "groups: the verdict on random schedules finds planted faults", planted_faults_are_found


def parsed(texts):
    return [Line(int(at), word, rest) for at, word, *rest in map(str.split, texts)]


def findings(members, watched):
    return Verdict(ACKED, {name: parsed(texts) for name, texts in members.items()}).judge(parsed(watched), ENDS)


def planted_faults_are_found(_):
    equal(findings(SOUND, WATCHED), [], "findings in a sound history")
    equal(len(Verdict(ACKED, {}).judge(parsed(WATCHED[-1:]), {0: 7})), 4, "findings where nobody did anything")
    for name, member, line, fault, words in FAULTS:
        members, watched = dict(SOUND), WATCHED
        if member:
            members[member] = [fault if each == line else each for each in SOUND[member]]
        else:
            watched = [fault if each == line else each for each in WATCHED]
        equal((members, watched) != (SOUND, WATCHED), True, f"{name}: the fault is planted")
        found = findings(members, watched)
        if not any(words in each for each in found):
            raise AssertionError(f"{name}: none of {found} says '{words}'")
