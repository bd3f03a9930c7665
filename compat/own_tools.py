"""Naru's own command-line tools, called as the tool runner calls Kafka's."""

import shlex
import subprocess

from server import executable
from tool_runner import Outcome

TIMEOUT_S = 120


class OwnTools:
    """Each command is a process of its own, named as Kafka names it."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def run(self, line, stdin=""):
        ended = subprocess.run([str(executable()), *shlex.split(line)], input=stdin, capture_output=True, text=True, timeout=TIMEOUT_S)
        return Outcome(ended.returncode, ended.stdout, ended.stderr)
