"""Plays the commands of notes (notes/*.py) with our tools, in a folder that looks like one of Kafka's distribution.

The commands stand as people wrote them down, with localhost:9092 and localhost:2181, so they are played in a network
namespace of their own (see notes_checks).
"""

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from server import executable

COMMAND_MAX_S = 60
SETTLE_MAX_S = 30
SETTINGS = """\
broker.id=0
listeners=PLAINTEXT://localhost:9092
advertised.listeners=PLAINTEXT://localhost:9092
log.dirs={home}/data
num.partitions=1
zookeeper.connect=localhost:2181
compat.profile=3.x
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
# As short as the wait of somebody who looks on.
offsets.retention.check.interval.ms=500
"""
ZOOKEEPER_SETTINGS = "dataDir=/tmp/zookeeper\nclientPort=2181\nmaxClientCnxns=0\n"
# What differs from run to run.
MASKED = (
    (r"TopicId: [A-Za-z0-9_-]{22}", "TopicId: ID"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]", "[TIME]"),
)


class Home:
    """A folder with bin and config; what is started in it ends with it."""

    def __init__(self, folder):
        self.path = Path(folder)
        (self.path / "config").mkdir(parents=True)
        self.executable = executable().resolve()
        subprocess.run([self.executable, "install-tools", self.path / "bin"], check=True, capture_output=True)
        (self.path / "config" / "server.properties").write_text(SETTINGS.format(home=self.path))
        (self.path / "config" / "zookeeper.properties").write_text(ZOOKEEPER_SETTINGS)
        self.env = {**os.environ, "PATH": f"{self.path / 'bin'}:{os.environ['PATH']}", "NARU_COMPAT": "3.x"}
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.stack.close()

    def run(self, line, stdin="", where=".", plain=False, errors=True):
        """What a command prints, to both streams or to the first, masked unless it is wanted plain, and its exit code."""
        ended = subprocess.run(["bash", "-c", line], cwd=self.path / where, env=self.env, input=stdin, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT if errors else None, timeout=COMMAND_MAX_S)
        return ended.stdout if plain else masked(ended.stdout), ended.returncode

    def must(self, line, stdin="", where="."):
        printed, code = self.run(line, stdin, where)
        if code != 0:
            raise AssertionError(f"$ {line}\nended with {code}:\n{printed}")
        return printed

    def start(self, line, where="."):
        """A command that goes on in a terminal of its own."""
        return self.stack.enter_context(Terminal(line, self.path / where, self.env))

    def start_broker(self, line, where="."):
        broker = self.start(line, where)
        broker.wait_for(" is ready: ")
        return broker

    def until(self, line, expected, where="."):
        """Asks again and again until a table has these rows, at last."""
        deadline = time.monotonic() + SETTLE_MAX_S
        while (seen := self.run(line, where=where)[0]) and not has_rows(seen, expected):
            if time.monotonic() > deadline:
                raise AssertionError(f"$ {line}\n{seen}\ndoes not have\n{expected}")
            time.sleep(0.2)


class Terminal:
    """A command in the foreground of a terminal: it can be written to, read and interrupted."""

    def __init__(self, line, folder, env):
        self.line = line
        self.output = open(folder / f"terminal-{time.monotonic_ns()}", "w+")
        # The command itself is what is interrupted, not a shell around it.
        self.process = subprocess.Popen(["bash", "-c", f"exec {line}"], cwd=folder, env=env, text=True,
                                        stdin=subprocess.PIPE, stdout=self.output, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.output.close()

    def type(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def printed(self):
        self.output.seek(0)
        return self.output.read()

    def wait_for(self, *texts):
        deadline = time.monotonic() + SETTLE_MAX_S
        while not all(text in self.printed() for text in texts):
            if time.monotonic() > deadline or self.process.poll() not in (None, 0):
                raise AssertionError(f"$ {self.line}\n{self.printed()}\nnever says {texts}")
            time.sleep(0.05)

    def interrupt(self):
        """Ctrl-C; what was printed until the end."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=SETTLE_MAX_S)
        return self.printed()


def masked(text):
    for pattern, name in MASKED:
        text = re.sub(pattern, name, text)
    return text


def rows(text):
    """Lines as lists of words: notes have other spaces than the tools print."""
    return [line.split() for line in text.splitlines() if line.strip()]


def has_rows(text, expected):
    """Whether these lines stand there, one behind the other, spaces apart; other lines may be before and after."""
    seen, wanted = rows(text), rows(expected)
    return any(seen[at:at + len(wanted)] == wanted for at in range(len(seen) - len(wanted) + 1))


def expect(text, expected):
    if not has_rows(text, expected):
        raise AssertionError(f"printed:\n{text}\nexpected in it:\n{expected}")
