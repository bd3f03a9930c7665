"""Naru's clients for Rust programs, by compat/client-suite: the same cases against Naru and against Kafka."""

import random
import shutil
import subprocess
import time

import clients
import install
from expect import equal, need
from kafka_peer import KafkaPeer
from server import Server
from tool_runner import ToolRunner

SETTINGS = ("offsets.topic.replication.factor=1", "group.initial.rebalance.delay.ms=0")
KEYS = 10_000
# Records of a producer whose server is killed, which take it a few seconds, and how often that happens.
STEADY = 20_000
KILLS = 4
SOURCE = clients.HERE / "client-suite" / "java" / "Partitions.java"
CLASSES = install.TARGET / "partitions"


def listed():
    """Pairs of name and function."""
    yield "clients: the suite against Naru", against_naru
    yield "clients: the suite against Kafka", against_kafka
    yield "clients: a producer loses and repeats nothing while the server is killed", through_kills
    yield f"clients: {KEYS:,} keys go where Java's producer sends them", partitions_as_in_java


def against_naru(folder):
    with Server(folder, SETTINGS) as server:
        suite(server.address)


def against_kafka(folder):
    with ToolRunner() as runner, KafkaPeer(folder, runner, SETTINGS) as server:
        suite(server.address)


def suite(*arguments, **more):
    command = ["cargo", "run", "--quiet", "--package", "client-suite", "--", *arguments]
    return subprocess.run(command, cwd=install.ROOT, check=True, **more)


def through_kills(folder):
    with Server(folder, SETTINGS) as server:
        command = ["cargo", "run", "--quiet", "--package", "client-suite", "--", server.address, "--steadily", str(STEADY)]
        with subprocess.Popen(command, cwd=install.ROOT, stdout=subprocess.PIPE, text=True) as producer:
            equal(producer.stdout.readline(), "begun\n", "what the producer says")
            for _ in range(KILLS):
                server.kill()
                time.sleep(0.3)
                server.start()
                time.sleep(0.5)
            equal(producer.wait(timeout=120), 0, "the producer's exit code")


def partitions_as_in_java(folder):
    libraries = need(shutil.which("javac") and install.kafka_tools(), "a Java compiler and Maven (Apache Kafka's clients)")
    CLASSES.mkdir(parents=True, exist_ok=True)
    install.run("javac", "-d", CLASSES, "-cp", f"{libraries}/*", SOURCE)
    choose = random.Random(1)
    letters = "abcXYZ 0189-_äß€漢"
    keys = "".join("".join(choose.choices(letters, k=choose.randrange(40))) + "\n" for _ in range(KEYS)).encode()
    for count in (1, 7, 1000):
        java = ["java", "-cp", f"{CLASSES}:{libraries}/*", "Partitions", str(count)]
        theirs = subprocess.run(java, input=keys, check=True, capture_output=True).stdout.split()
        ours = suite("--partitions", str(count), input=keys, capture_output=True).stdout.split()
        equal(len(theirs), KEYS, "keys")
        equal(ours, theirs, f"partitions of {count}")
