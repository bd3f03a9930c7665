"""Groups: members of every client share a topic, resume where they were, and are watched and repaired by Kafka's tools."""

import os
import subprocess
import tempfile
from collections import Counter

import clients
import flights
import install
from expect import contains, equal, need
from server import Server

PARTITIONS = 4
FLIGHTS = 5_000
# Seconds without a record after which a member takes itself to be done: longer than any rebalance here.
IDLE_S = "6"
GO_LIBRARIES = ("franz-go", "sarama")
GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"


def listed(full):
    """Pairs of name and function; the quick form does without the clients that want a Go toolchain."""
    yield "groups: the deciders' scripts against Kafka's own group manager", scripts_against_kafkas_manager
    yield "groups: Kafka's console consumer resumes where its group was", console_consumer_resumes
    yield "groups: Kafka's console consumer by the consumer protocol", console_consumer_by_consumer_protocol
    libraries = [("confluent", "classic"), ("confluent", "consumer"), ("java", "classic"), ("java", "consumer"),
                 ("kafka-python", "classic"), ("aiokafka", "classic"), ("kafkajs", "classic")]
    if full:
        libraries += [(library, "classic") for library in GO_LIBRARIES]
    for library, protocol in libraries:
        yield f"groups: members by {library} ({protocol}) share a topic and resume after kill -9", \
            lambda folder, library=library, protocol=protocol: members_share(folder, library, protocol)
    yield "groups: the internal topic is read by Kafka's formatters and dump tool", internal_topic_is_readable


def scripts_against_kafkas_manager(_):
    """Answers and records, step by step. The other scripts have steps that Kafka's manager alone does not serve."""
    libraries = need(install.kafka_tools(), "Java and Maven (Apache Kafka itself)")
    scripts = ("consumer-static", "consumer-topics", "consumer-racks", "consumer-refused", "consumer-refresh")
    command = ["sh", str(clients.HERE / "group-oracle" / "run.sh"), *scripts]
    printed = clients.call(command, env=dict(os.environ, PEER_LIBS=str(libraries))).decode()
    equal(printed.count(", 0 differ"), len(scripts), f"scripts without a difference:\n{printed}")


def group_tool_prints(server, *arguments):
    return clients.tool(GROUPS, "--bootstrap-server", server.address, *arguments).decode()


def consume(server, topic, group, count, *more):
    out = clients.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", server.address,
                       "--topic", topic, "--group", group, "--max-messages", count, "--timeout-ms", "30000",
                       "--formatter-property", "print.key=true", "--from-beginning", *more)
    return clients.split_lines(out)


def filled(server, topic, count):
    pairs = flights.read(count)
    clients.create_topic(server.address, topic, PARTITIONS)
    clients.java_produce(server.address, topic, pairs, "none")
    return pairs


def console_consumer_resumes(folder):
    need(install.kafka_tools(), "Java and Maven (Apache Kafka's own tools)")
    with Server(folder) as server:
        pairs = filled(server, "flights", FLIGHTS)
        seen = consume(server, "flights", "readers", FLIGHTS)
        equal(sorted(seen), sorted(pairs), "records of the first run")
        more = [(f"key-{number}", f"value-{number}") for number in range(100)]
        clients.java_produce(server.address, "flights", more, "none")
        server.kill()
        server.start()
        equal(sorted(consume(server, "flights", "readers", 100)), sorted(more), "records of the second run")
        equal(len(consume(server, "flights", "others", FLIGHTS + 100)), FLIGHTS + 100, "records of another group")


def console_consumer_by_consumer_protocol(folder):
    need(install.kafka_tools(), "Java and Maven (Apache Kafka's own tools)")
    with Server(folder) as server:
        pairs = filled(server, "flights", FLIGHTS)
        by_consumer_protocol = ("--command-property", "group.protocol=consumer")
        seen = consume(server, "flights", "readers", FLIGHTS, *by_consumer_protocol)
        equal(sorted(seen), sorted(pairs), "records of the first run")
        types = group_tool_prints(server, "--list", "--type").split()
        equal(types, ["GROUP", "TYPE", "readers", "Consumer"], "types")
        rows = columns(group_tool_prints(server, "--describe", "--group", "readers"))
        equal({row["LAG"] for row in rows}, {"0"}, "lag")
        more = [(f"key-{number}", f"value-{number}") for number in range(100)]
        clients.java_produce(server.address, "flights", more, "none")
        server.kill()
        server.start()
        seen = consume(server, "flights", "readers", 100, *by_consumer_protocol)
        equal(sorted(seen), sorted(more), "records of the second run")
        contains(group_tool_prints(server, "--group", "readers", "--delete"), "was successful.")


def columns(text):
    """Rows of a table, by the names of their columns."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    head = lines[0]
    return [dict(zip(head, line)) for line in lines[1:]]


def member(library, protocol, server, topic, group, files, count):
    """Starts one that writes to the two files, or `count` of them in one process; they end by themselves."""
    if library == "java":
        command, environment = [*install.java_member(), "share"], None
    elif library == "kafkajs":
        command = ["node", clients.SCRIPTS / "kafkajs_group_consume.js"]
        environment = dict(os.environ, NODE_PATH=str(install.kafkajs() / "node_modules"))
    elif library in GO_LIBRARIES:
        command, environment = [install.go_clients(), library], None
    else:
        command = [install.python_clients(), clients.SCRIPTS / "group_consume.py", library]
        environment = None
    command += [server.address, topic, group, IDLE_S]
    if library in ("confluent", "java"):
        command.append(protocol)
    if library == "java":
        command.append(count)
    out, errors = files
    return subprocess.Popen([str(part) for part in command], stdout=out, stderr=errors, env=environment)


def content(file):
    file.seek(0)
    return file.read()


def seen_by(library, protocol, server, topic, group, count):
    """What `count` members see together; every one of them ends well."""
    # Files, for whoever waits until its output is read does not heed its group.
    pairs_of_files = [(tempfile.TemporaryFile(), tempfile.TemporaryFile()) for _ in range(1 if library == "java" else count)]
    members = [member(library, protocol, server, topic, group, files, count) for files in pairs_of_files]
    pairs = []
    for process, files in zip(members, pairs_of_files):
        code = process.wait(timeout=180)
        printed, errors = map(content, files)
        equal(code, 0, f"exit code of a member, which says {(printed + errors)[-1000:].decode(errors='replace')}")
        pairs += clients.split_lines(printed)
    return pairs


def same_records(seen, expected, what):
    """Said in few words, for there are thousands."""
    too_many, missing = Counter(seen) - Counter(expected), Counter(expected) - Counter(seen)
    if too_many or missing:
        raise AssertionError(f"{what}: {len(seen)} of {len(expected)}; {missing.total()} are missing, as {list(missing)[:2]}; "
                             f"{too_many.total()} came without need, as {list(too_many)[:2]}")


def members_share(folder, library, protocol):
    need(install.kafka_tools(), "Java and Maven (Apache Kafka's own tools)")
    if library == "java":
        need(install.java_member(), "a Java compiler")
    if library == "kafkajs":
        need(install.kafkajs(), "Node and npm")
    if library in GO_LIBRARIES:
        need(install.go_clients(), "Go")
    with Server(folder) as server:
        pairs = filled(server, "flights", FLIGHTS)
        for count in (1, 3, 8) if library == "java" else (1, 3):
            seen = seen_by(library, protocol, server, "flights", f"group-of-{count}", count)
            same_records(seen, pairs, f"records of {count} members")
        server.kill()
        server.start()
        more = [(f"key-{number}", f"value-{number}") for number in range(100)]
        clients.java_produce(server.address, "flights", more, "none")
        seen = seen_by(library, protocol, server, "flights", "group-of-3", 2)
        same_records(seen, more, "records after kill -9")


def internal_topic_is_readable(folder):
    need(install.kafka_tools(), "Java and Maven (Apache Kafka's own tools)")
    with Server(folder) as server:
        filled(server, "flights", 200)
        consume(server, "flights", "readers", 200)
        for formatter, words in (("OffsetsMessageFormatter", ['"group":"readers"', '"topic":"flights"', '"offset":']),
                                 ("GroupMetadataMessageFormatter", ['"group":"readers"', '"protocolType":"consumer"'])):
            out = clients.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", server.address,
                               "--topic", "__consumer_offsets", "--from-beginning", "--timeout-ms", "8000",
                               "--formatter", f"org.apache.kafka.tools.consumer.{formatter}",
                               expect_failure=True).decode()
            contains(out, *words)
        server.stop()
        dumped = ""
        for partition in range(50):
            file = os.path.join(folder, "data", f"__consumer_offsets-{partition}", "0" * 20 + ".log")
            if os.path.exists(file) and os.path.getsize(file):
                dumped += clients.tool("org.apache.kafka.tools.DumpLogSegments", "--offsets-decoder", "--files",
                                       file).decode()
        contains(dumped, '"group":"readers"', '"topic":"flights"')
