"""Asks the storage tool of Apache Kafka 4.3.1 what the transcripts beside this file record.

capture.py [NAME...] rewrites NAME.txt: each line that begins with `$ ` is run in a fresh folder $D, and what the
tool answers is written below it. `mkdir PATH` and `write PATH TEXT` prepare files. Directory ids are masked.
The tool is $KP/bin/kafka-storage.sh, by default in ~/.cache/kafka-peer.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import os
import tempfile

HERE = pathlib.Path(__file__).parent
TOOL = pathlib.Path(os.environ.get("KP", pathlib.Path.home() / ".cache/kafka-peer")) / "bin/kafka-storage.sh"


def answer(words, folder):
    run = subprocess.run([TOOL, *words], capture_output=True, text=True)
    text = f"--- exit {run.returncode}\n--- stdout\n{run.stdout}--- stderr\n{run.stderr}"
    return re.sub(r"directory\.id=[\w-]{22}", "directory.id=ID", text.replace(folder, "$D"))


def capture(path):
    folder = tempfile.mkdtemp()
    for properties in HERE.glob("*.properties"):
        text = properties.read_text().replace("$D", folder)
        pathlib.Path(folder, properties.name).write_text(text)
    captured = []
    for line in path.read_text().splitlines():
        if not line.startswith("$ "):
            continue
        captured.append(line + "\n")
        verb, *words = line[2:].replace("$D", folder).split(" ")
        if verb == "mkdir":
            os.makedirs(words[0])
        elif verb == "write":
            pathlib.Path(words[0]).write_text(" ".join(words[1:]).replace("\\n", "\n"))
        else:
            captured.append(answer(words, folder))
    shutil.rmtree(folder)
    path.write_text("".join(captured))


for name in sys.argv[1:] or sorted(path.stem for path in HERE.glob("*.txt")):
    capture(HERE / f"{name}.txt")
