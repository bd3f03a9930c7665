"""Naru's own command-line tools, called as the tool runner calls Kafka's."""

import re
import shlex
import subprocess

import foreground
from server import executable


class OwnTools:
    """Each command is a process of its own, named as Kafka names it."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def run(self, line, stdin="", stop=None):
        return foreground.run(self.command(line), stdin, stop)

    @staticmethod
    def command(line):
        """The words of its process."""
        return [str(executable()), *shlex.split(line)]


class OwnToolsAndKafkas:
    """Our tools, and Kafka's where we have none of that name or the command goes on in the background."""

    def __init__(self, kafkas):
        self.kafkas = kafkas
        self.own = OwnTools()
        told = subprocess.run([str(executable()), "help"], capture_output=True, text=True, check=True).stdout
        self.names = set(re.findall(r"^  (kafka-[a-z-]+)", told, flags=re.MULTILINE))

    def run(self, line, stdin=""):
        program = shlex.split(line)[0].removesuffix(".sh")
        return (self.own if program in self.names else self.kafkas).run(line, stdin)

    def start(self, name, line):
        self.kafkas.start(name, line)

    def peek(self, name):
        return self.kafkas.peek(name)

    def stop(self, name):
        return self.kafkas.stop(name)
