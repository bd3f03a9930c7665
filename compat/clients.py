"""Foreign clients, each with the same two faces: produce(pairs) and consume(...) -> (key, value) pairs."""

import json
import subprocess
from pathlib import Path

import install

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE / "scripts"


class Failed(Exception):
    """A client ended badly; the message holds what it printed."""


def call(command, stdin=None, timeout=600, may_fail=False, **options):
    done = subprocess.run([str(part) for part in command], input=stdin, capture_output=True, timeout=timeout, **options)
    if done.returncode != 0 and not may_fail:
        printed = (done.stdout[-2000:] + b"\n" + done.stderr[-2000:]).decode(errors="replace")
        raise Failed(f"{command[0]} ended with {done.returncode}: {printed}")
    return done.stdout


def tool(main_class, *arguments, stdin=None, expect_failure=False):
    """One of Apache Kafka's own tools; what it prints."""
    libraries = install.kafka_tools()
    settings = HERE / "kafka-peer" / "log4j2-tools.yaml"
    command = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={settings}",
               "-cp", f"{libraries}/*", main_class, *arguments]
    return call(command, stdin=stdin, may_fail=expect_failure)


def create_topic(address, topic, partitions, **settings):
    config = [part for key, value in settings.items() for part in ("--config", f"{key}={value}")]
    tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", address, "--create", "--topic", topic,
         "--partitions", partitions, *config)


def topics(address, *arguments):
    return tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", address, *arguments).decode()


def topics_failing(address, *arguments):
    """What the tool prints when it fails; that it does not is the failure."""
    try:
        out = topics(address, *arguments)
    except Failed as failed:
        return str(failed)
    raise AssertionError(f"kafka-topics {arguments} was expected to fail: {out}")


def configs(address, *arguments):
    return tool("kafka.admin.ConfigCommand", "--bootstrap-server", address, *arguments).decode()


def java_produce(address, topic, pairs, codec):
    lines = "".join(f"{key}\t{value}\n" for key, value in pairs).encode()
    tool("org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", address, "--topic", topic,
         "--reader-property", "parse.key=true", "--compression-codec", codec, stdin=lines)


def java_consume(address, topic, ends):
    pairs = []
    for partition, end in enumerate(ends):
        if end:
            out = tool("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", address,
                       "--topic", topic, "--partition", partition, "--offset", "earliest",
                       "--max-messages", end, "--formatter-property", "print.key=true", "--timeout-ms", "30000")
            pairs += split_lines(out)
    return pairs


def kcat_consume(address, topic, ends):
    pairs = []
    for partition, end in enumerate(ends):
        if end:
            out = call([install.kcat(), "-C", "-b", address, "-t", topic, "-p", partition, "-o", "beginning",
                        "-e", "-q", "-K", "\t"])
            pairs += split_lines(out)
    return pairs


def python_script(name, *arguments, stdin=None):
    return call([install.python_clients(), SCRIPTS / name, *arguments], stdin=stdin)


def confluent_consume(address, topic, ends):
    return split_lines(python_script("confluent_consume.py", address, topic, json.dumps(ends)))


def kafka_python_consume(address, topic, ends):
    return split_lines(python_script("kafka_python_consume.py", address, topic, json.dumps(ends)))


def end_offsets(address, topic):
    return json.loads(python_script("end_offsets.py", address, topic))


def kafkajs_produce(address, topic, pairs, codec):
    lines = "".join(f"{key}\t{value}\n" for key, value in pairs).encode()
    script = SCRIPTS / "kafkajs_produce.js"
    call(["node", script, address, topic, codec], stdin=lines, env={**_environment(), "NODE_PATH": str(install.kafkajs() / "node_modules")})


def _environment():
    import os
    return os.environ


def split_lines(out):
    return [tuple(line.split("\t", 1)) for line in out.decode().splitlines()]
