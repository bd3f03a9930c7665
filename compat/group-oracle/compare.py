"""Holds what a script of crates/coordinator/testdata expects against what Kafka's own group manager says to it.

    compare.py SCRIPT OUTPUT

Answers and records count, in any order within a block; timers and events are not told by the other side. Steps that are
not the manager's (offsets, loading) are passed over.
"""

import re
import sys

PASSED_OVER = ("commit", "fetch", "delete", "delete-offsets", "expire-offsets", "reload", "topic-deleted")
NOT_TOLD = ("timer ", "* ", "? ")
# Kafka lists these in the order of an immutable map, which each start of a JVM shuffles anew.
UNORDERED = re.compile(r"(Supported assignors: )(.*)\.$")


def blocks(path):
    """Pairs of a step and the sorted lines that follow from it."""
    with open(path, encoding="utf-8") as file:
        for block in filter(None, (part.strip("\n") for part in file.read().split("\n\n"))):
            step, _, outcome = block.partition("\n----")
            step = "\n".join(line for line in step.split("\n") if not line.startswith("#")).strip()
            yield step, sorted(ordered(line) for line in outcome.split("\n") if line and not line.startswith(NOT_TOLD))


def ordered(line):
    return UNORDERED.sub(lambda found: found[1] + ", ".join(sorted(found[2].split(", "))) + ".", line)


def differences(script, output):
    """How many steps there are, and the text of those that differ."""
    count, differing = 0, []
    for (step, ours), (same_step, kafkas) in zip(blocks(script), blocks(output)):
        if step != same_step:
            raise AssertionError(f"the output is not of this script: {same_step}, expected {step}")
        if not step or step.split()[0] in PASSED_OVER:
            continue
        count += 1
        if ours != kafkas:
            lines = [f"    Naru   {line}" for line in ours if line not in kafkas]
            lines += [f"    Kafka  {line}" for line in kafkas if line not in ours]
            differing.append("\n".join([f"  {step}", *lines]))
    return count, differing


if __name__ == "__main__":
    steps, found = differences(*sys.argv[1:3])
    print("\n".join(found + [f"{sys.argv[1]}: {steps} steps, {len(found)} differ"]))
