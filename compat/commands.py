"""Naru's own commands as a black box: what stands on which stream, and with which exit code a command ends."""

import json
import os
import subprocess
from collections import namedtuple
from pathlib import Path

from expect import equal
from server import executable

TIMEOUT_S = 120

Outcome = namedtuple("Outcome", "exit out err")


class Commands:
    """Commands against one server, with nobody's profile but the one in the folder."""

    def __init__(self, folder, address):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.address = address
        self.environment = dict(os.environ, XDG_CONFIG_HOME=str(self.folder / "config"))
        self.environment.pop("NARU_PROFILE", None)

    def profiles(self, text):
        """Writes the file of profiles."""
        path = self.folder / "config" / "naru" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *words, stdin="", with_server=True, variables=()):
        line = [str(executable()), *words, *(["-b", self.address] if with_server else [])]
        ended = subprocess.run(line, input=stdin.encode(), capture_output=True, timeout=TIMEOUT_S,
                               cwd=self.folder, env=dict(self.environment, **dict(variables)))
        return Outcome(ended.returncode, ended.stdout.decode(errors="replace"), ended.stderr.decode(errors="replace"))

    def done(self, *words, **options):
        """Standard output of a command that succeeds and says nothing on standard error."""
        outcome = self.run(*words, **options)
        if outcome.exit != 0 or outcome.err:
            raise AssertionError(f"{words}: {outcome}")
        return outcome.out

    def json(self, *words, **options):
        """What a command that succeeds writes as JSON."""
        return json.loads(self.done(*words, "-o", "json", **options))

    def lines(self, *words, **options):
        """The same of a command that writes one object a line."""
        return [json.loads(line) for line in self.done(*words, "-o", "json", **options).splitlines()]

    def refused(self, *words, says, exit=1, **options):
        """A command that fails: nothing on standard output, one sentence and its hints on standard error."""
        outcome = self.run(*words, "-o", "json", **options)
        equal((outcome.exit, outcome.out), (exit, ""), f"exit code and output of {words} ({outcome.err})")
        first, *hints = outcome.err.splitlines() or [""]
        if not first.startswith("naru: ") or not all(hint.startswith("  hint: ") for hint in hints):
            raise AssertionError(f"{words}: the failure is not one line with hints:\n{outcome.err}")
        for part in [says] if isinstance(says, str) else says:
            if part not in outcome.err:
                raise AssertionError(f"{words}: '{part}' is not in:\n{outcome.err}")
