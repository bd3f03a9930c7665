"""The quick start of README, in both languages: commands and what they print."""

import re

import install
from expect import equal

READMES = ("README.md", "README.ko.md")
STEP = re.compile(r"^    \$ (.*)\n((?:    (?!\$).*\n)*)", re.MULTILINE)


def play(home):
    played = [steps(install.ROOT / name) for name in READMES]
    equal(played[0], played[1], "steps in the two languages")
    equal(len(played[0]) > 4, True, "that there are steps")
    # With the settings that anybody has who has just begun.
    (home.path / "config" / "server.properties").unlink()
    (home.path / "bin" / "naru").symlink_to(home.executable)
    for line, expected in played[0]:
        equal(home.run(line, plain=True, errors=False), (expected, 0), line)


def steps(readme):
    """Commands and the lines that follow them, in order."""
    return [(line, re.sub("^    ", "", printed, flags=re.MULTILINE)) for line, printed in STEP.findall(readme.read_text())]
