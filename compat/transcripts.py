"""Transcripts of Kafka's tools: commands, and what they print against Kafka 4.3.1, in transcripts/*.txt.

A transcript is both script and expectation. Each of its blocks is

    $ the command ($B is the broker, $T a folder with the files of the session, $NOW a moment between two of its records)
    --- exit 0
    --- stdout
    ...
    --- stderr
    ...

What differs from run to run has the same name everywhere (see masked). Where `$~` stands in place of `$`, groups or members
come in the order of the server's hash tables; the lines are sorted then.
"""

import re
import time

import clients

FOLDER = clients.HERE / "transcripts"
# Commands that change nothing: they are asked again of a server that may be behind what it has answered.
LOOKS = re.compile(r" --(describe|list)\b")
# Each start of a virtual machine shuffles its immutable sets anew, and with them what these sentences enumerate.
SHUFFLED = tuple(re.compile(pattern, re.MULTILINE) for pattern in (
    r"(scenarios: \[)(.*)(?=\]$)", r"(combination \"\[)(.*)(?=\]\" can)", r"(Valid \w+ are: )(.*)$", r"(options: )(.*)$", r"(operations \[)(.*)(?=\]$)", r"(topicPartitions=)([^)]*)"))
# What differs from cluster to cluster and from run to run, behind what precedes it.
OF_THE_RUN = (
    (r"(Cluster ?I[dD]: +)(\S+)", "cluster-id"),
    (r'("directoryId": ")([^"]+)', "directory-id"),
    (r"(?m)((?:Epoch|HighWatermark): +)(\d+$)", "N"),
    (r"(?m)(^\d+ +\t[^\t]+\t)(\d+ *)(?=\t\d+ +\t.*(?:Leader|Follower|Observer)\t$)", "N"),
    (r'("avg_throughput":)([\d.E]+|"NaN")', "N"),
    (r"()(\b1\d{12}\b)", "timestamp"),
    (r"()(\b\d+ ms ago *)", "N ms ago"),
    (r"(?m)(^)(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3})(?=: )", "time"),
)
# Lines of standard error that tools without a virtual machine do not have, and those of tables of options.
JAVAS_OWN = re.compile(r"^(\t\(stack trace\)|Caused by: .*|com\.fasterxml\..*| at \[Source: .*|\(option table\)|--[a-z].*)\n", re.MULTILINE)
# Hints of ours, on lines of their own.
HINT = re.compile(r"^naru: .*\n?", re.MULTILINE)
# What a tool says of itself before anything else.
DEPRECATED = re.compile(r"\[time\] WARN This tool is deprecated.*\n")
# What Kafka's consumer warns of that is closed as soon as it has its answer.
OF_THE_CLOSED = re.compile(r"^\[time\] WARN .* Not updating high watermark for partition .*\n", re.MULTILINE)
STACK = re.compile(r"^(\t\(stack trace\)|Caused by: .*)\n", re.MULTILINE)


def replay(name, session, errors):
    """The text of each block that differs from what the session's server has the tools print; `errors` takes what counts out
    of standard error."""
    differing = []
    for mark, line, block in blocks(FOLDER / f"{name}.txt"):
        printed, heading, told = block.partition("--- stderr\n")
        expected = without_stack(printed) + heading + errors(told)
        seen = seen_now(mark, line, session, errors)
        deadline = time.monotonic() + session.server.behind_max_s
        while seen != expected and LOOKS.search(line) and time.monotonic() < deadline:
            seen = seen_now(mark, line, session, errors)
        if seen != expected:
            differing.append(difference(line, expected, seen))
    return differing


def seen_now(mark, line, session, errors):
    printed, heading, told = played(mark, line, session, errors).partition("--- stderr\n")
    return without_stack(printed) + heading + told


def record(name, session, errors):
    """Writes the transcript anew, by what the session's server has the tools print."""
    path = FOLDER / f"{name}.txt"
    path.write_text("".join(f"{mark} {line}\n{played(mark, line, session, errors)}" for mark, line, _ in blocks(path)))


def blocks(path):
    """The mark of each command, the command, and the text that follows it."""
    parts = re.split(r"^(\$~?) (.*)\n", path.read_text(), flags=re.MULTILINE)
    return list(zip(parts[1::3], parts[2::3], parts[3::3]))


def without_stack(printed):
    """Some tools print their stack to standard output."""
    return STACK.sub("", printed)


def all_of(errors):
    return errors


def first_line(errors):
    """The message: what follows is Java's stack or the table of options, and a hint of ours. Behind a line of usage it is the
    complaint, which Kafka's parser spaces out."""
    errors = OF_THE_CLOSED.sub("", HINT.sub("", errors))
    if errors.startswith("usage: "):
        complaint = re.split(r": +error: +", errors, maxsplit=1)[-1]
        return " ".join(complaint.split()) + "\n"
    notice = DEPRECATED.match(errors)
    if notice:
        return notice[0] + first_line(errors[notice.end():])
    return "".join(errors.splitlines(keepends=True)[:1])


def without_java(errors):
    """Without what only a virtual machine prints: stacks, causes told again, what its reader of CSV goes on from, and the table
    of options, of which each tool has its own."""
    return JAVAS_OWN.sub("", HINT.sub("", errors))


def played(mark, line, session, errors):
    outcome = session.run(line)
    printed = [masked(text, session) for text in (outcome.out, outcome.err)]
    printed[1] = errors(printed[1])
    if mark == "$~":
        printed = ["".join(sorted(text.splitlines(keepends=True))) for text in printed]
    out, err = (text if not text or text.endswith("\n") else text + "\n" for text in printed)
    return f"--- exit {outcome.exit}\n--- stdout\n{out}--- stderr\n{err}"


def masked(text, session):
    """The same text on every run. Names are as long as what they stand for, because tables are padded."""
    if text.startswith("usage: "):
        # Their parser breaks lines within names of files.
        text = text.replace("-\n", "-")
    port = session.address.rpartition(":")[2]
    text = text.replace(session.address, f"127.0.0.1:{'P' * len(port)}").replace(str(session.folder), "$T")
    text = re.sub(rf"\b{port}\b", "P" * len(port), text).replace(str(session.server.folder / "data"), "$D")
    text = text.replace(session.moment, "$NOW") if session.moment else text
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "member-id".ljust(36, "-"), text)
    # Ids that the Java client gives itself by the consumer protocol. No other word of a table is like them.
    text = re.sub(r"(?<!\S)(?=\S*[a-z])(?=\S*[A-Z])[A-Za-z0-9_-]{22}(?!\S)", "member-id".ljust(22, "-"), text)
    text = re.sub(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]", "[time]", text)
    text = re.sub(r"adminclient-\d+", "adminclient-N", text)
    for pattern, name in OF_THE_RUN:
        text = re.sub(pattern, lambda found: found[1] + name.ljust(len(found[2]) if found[2].endswith(" ") else 0), text)
    text = re.sub(r', "endpoints": \[[^]]*\]', "", text)
    text = re.sub(r"(^\t(at |\.\.\. ).*\n)+", "\t(stack trace)\n", text, flags=re.MULTILINE)
    text = re.sub(r"^Option [^\n]*Description *\n-.*", "(option table)\n", text, flags=re.MULTILINE | re.DOTALL)
    # How often somebody tries in vain before it is stopped, and what it asks before a topic, is a matter of time.
    text = re.sub(r"^(\[time\] WARN .* could not be established\..*\n)\1+", r"\1", text, flags=re.MULTILINE)
    text = re.sub(r"with correlation id \d+ :", "with correlation id N :", text)
    for sentence in SHUFFLED:
        text = sentence.sub(lambda found: found[1] + ", ".join(sorted(re.split(", ?", found[2]))), text)
    return text


def difference(line, expected, seen):
    theirs, ours = expected.splitlines(), seen.splitlines()
    lines = [f"    Kafka  {text}" for text in theirs if text not in ours]
    lines += [f"    here   {text}" for text in ours if text not in theirs]
    return "\n".join([f"  $ {line}", *(lines or ["    the same lines in another order"])])
