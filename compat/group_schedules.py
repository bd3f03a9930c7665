"""Random schedules of joins, kills, pauses and commits, by real clients in a group, against a broker that is killed too.

    python3 compat/group_schedules.py --rounds 200 --seed 1      rounds of seeds 1..200, two at once
    python3 compat/group_schedules.py --rounds 1 --seed 17       that one again

The seed decides what is done when and to whom; how the processes interleave it cannot. A finding prints the seed and leaves
the broker's log, with all that every process has told, in target/compat/schedules/seed-N.

One round: a topic of 1 to 8 partitions is filled with numbers while members of one group, by the classic protocol, the
consumer protocol or both, and by several libraries, process them. They join, leave, are killed (SIGKILL), frozen (SIGSTOP,
then SIGCONT) and paused, and commit every record or every batch, always after processing; the broker is killed (SIGKILL)
and started again. Then nothing more is done to anybody. What is held:

1. Every record is delivered to somebody, with the number that was produced there, and whoever is assigned a partition goes
   on from its first record one by one.
2. The committed offset of a partition is a register. A read of it, be it an admin's look (some 15 a second) or the place from
   which a newly assigned member starts, shows what some commit names that was sent before the read was answered; and not one
   that was surely replaced before: had A been confirmed before a commit B was sent, and B been confirmed before the read was
   asked for, then the read does not show A. So nobody starts before a confirmed commit, nothing that was confirmed is lost
   with the broker or with the member, and the offset goes back only by a commit that names where to.
3. At the end the committed offsets are the ends of the logs, every member has left with exit code 0, and the group is empty.
   None of this takes longer than the deadlines in schedule_round.py.

Why 2 is sound though members are frozen and thaw: all clocks are the one monotonic clock of the machine, and a process
notes the time before it sends and after it is answered, so being frozen in between only widens what is allowed. A commit
that failed, or whose member was killed before the answer, may have been applied at any time. A frozen member may hand out
what it had fetched before (that is a duplicate, and the promise is at-least-once), but that is no start. And a commit of a
frozen member which the group has forgotten is refused; only if the group is empty at that moment, a library that has
dropped its member id may still commit, as an admin may. That goes back by a commit that names it. It is counted, and no
finding.
"""

import argparse
import shutil
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import install
import schedule_round
import schedule_verdict_checks

AT_ONCE = 2
KEPT = install.TARGET / "schedules"
ROUNDS, FULL_ROUNDS = 3, 200


def listed(full):
    """Pairs of name and function; the quick form only looks whether faults would be found."""
    yield from schedule_verdict_checks.listed()
    if full:
        yield f"groups: {FULL_ROUNDS} random schedules of joins, kills, pauses and commits", lambda _: as_check(FULL_ROUNDS)


def as_check(count):
    failed = [text for _, text, well in played(range(1, count + 1), AT_ONCE) if not well]
    if failed:
        raise AssertionError("\n".join(failed))


def play(seed):
    """What is to be printed, and whether it went well."""
    folder = KEPT / f"seed-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    started = time.monotonic()
    try:
        done = schedule_round.Round(schedule_round.plan(seed), folder).run()
        findings, title = done.judge(), str(done)
    except Exception:
        findings, title = [traceback.format_exc()], f"seed {seed}"
    seconds = time.monotonic() - started
    if findings:
        found = "".join(f"\n  {finding}" for finding in findings)
        return f"FAIL {title} ({seconds:.1f} s){found}\n  see {folder}", False
    shutil.rmtree(folder)
    return f"ok   {title} ({seconds:.1f} s)", True


def played(seeds, at_once):
    """Seed, text and whether it went well, in the order of the seeds."""
    # Installed before two rounds at once would both do it.
    install.python_clients()
    install.java_member()
    install.naru_member()
    with ThreadPoolExecutor(at_once) as rounds:
        for seed, (text, well) in zip(seeds, rounds.map(play, seeds)):
            yield seed, text, well


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=AT_ONCE)
    options = parser.parse_args()
    if not install.java_member():
        print("missing on this machine: Java or Maven (members by Kafka's own consumer)", flush=True)
    failed = []
    for seed, text, well in played(range(options.seed, options.seed + options.rounds), options.at_once):
        print(text, flush=True)
        if not well:
            failed.append(seed)
    print(f"{options.rounds - len(failed)} of {options.rounds} random schedules without a finding"
          + (f"; seeds with findings: {failed}" if failed else ""))
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
