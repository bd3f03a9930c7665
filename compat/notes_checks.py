"""The notes that people have learned Kafka 2 and 3 from: each of their commands, as it stands there, one after the other.

What they print is what the notes say, with NARU_COMPAT=3.x. Called as a program, this plays one note in a folder.
"""

import importlib
import shutil
import subprocess
import sys

import clients
from expect import need
from notes_player import Home

NOTES = ("command_lines", "short_list", "first_steps", "experiments", "quick_start")
# One of processes, too: kafka-server-stop ends all servers that it sees.
NAMESPACE = ("unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")


def listed():
    for note in NOTES:
        yield f"notes: {note.replace('_', ' ')}", lambda folder, note=note: in_a_network_of_its_own(note, folder)


def in_a_network_of_its_own(note, folder):
    """Where localhost has nobody else on the ports that the notes name."""
    need(shutil.which("unshare") and shutil.which("ip"), "unshare and ip (a network namespace)")
    play = f"ip link set lo up && exec '{sys.executable}' '{__file__}' {note} '{folder}'"
    ended = subprocess.run([*NAMESPACE, "sh", "-c", play], cwd=clients.HERE, capture_output=True, text=True, timeout=300)
    if ended.returncode != 0:
        raise AssertionError(f"{note}:\n{ended.stdout}{ended.stderr}")


if __name__ == "__main__":
    with Home(sys.argv[2]) as home:
        importlib.import_module(f"notes.{sys.argv[1]}").play(home)
