"""Scenes played with a set of tools against a server, and compared with their transcripts or recorded anew.

A scene is a pair of a transcript's name and a function that does what has to happen before it.
"""

import argparse
import contextlib
import os
import tempfile

import transcripts
from kafka_peer import KafkaPeer
from tool_runner import ToolRunner
from tool_session import Session


def compare(tools, server, folder, scenes, errors=transcripts.all_of):
    """Raises with all that the tools print otherwise; `errors` takes what counts out of standard error."""
    found = []
    with session_of(tools, server, folder) as session:
        for scene, prepare in scenes:
            prepare(session)
            differing = transcripts.replay(scene, session, errors)
            found += [f"{scene}:", *differing] if differing else []
    if found:
        raise AssertionError("\n".join(found))


def record(scenes, settings, errors=transcripts.all_of):
    """Writes the transcripts anew, by what Kafka's tools print against Kafka."""
    with ToolRunner() as runner, tempfile.TemporaryDirectory() as folder:
        kafka = KafkaPeer(os.path.join(folder, "kafka"), runner, settings)
        with kafka, session_of(runner, kafka, folder) as session:
            for scene, prepare in scenes:
                prepare(session)
                transcripts.record(scene, session, errors)


def record_where_asked(description, *arguments):
    """The command line of a module with scenes: it records them and does nothing else."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", required=True)
    parser.parse_args()
    record(*arguments)


@contextlib.contextmanager
def session_of(tools, server, folder):
    with tempfile.TemporaryDirectory(dir=folder) as files:
        yield Session(tools, server, files)
