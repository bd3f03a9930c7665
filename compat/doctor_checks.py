"""`naru doctor` against servers with planted faults: each is found, with evidence, cause and remedy, and nothing else is."""

import http.server
import json
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from commands import Commands
from expect import Skip, contains, equal, need
from kafka_peer import KafkaPeer
from server import Server, executable, free_port
from tool_runner import ToolRunner

# A folder of its own outside of those that the doctor warns of.
LASTING = "/dev/shm"
# What this machine has and no check plants.
OF_THE_MACHINE = ("is a temporary folder", "% left")


def listed(full):
    """Pairs of name and function; the full form also turns to Apache Kafka."""
    yield "doctor: a sound server has nothing wrong", nothing_is_wrong
    yield "doctor: a dead advertised listener", dead_advertised_listener
    yield "doctor: TLS, HTTP, silence and names that are none", other_protocols
    yield "doctor: settings that contradict each other", contradictions
    yield "doctor: an offline log directory", offline_log_directory
    yield "doctor: a group that is stuck between two assignments", stuck_group
    if full:
        yield "doctor: Apache Kafka, sound and with contradictions", apache_kafka
        yield "doctor: listeners of Apache Kafka with TLS and with logins", listeners_of_kafka


def examine(commands, *words, **options):
    """Exit code and problems as pairs of check and evidence, those of this machine left out."""
    outcome = commands.run("doctor", "-o", "json", *words, **options)
    equal(outcome.err, "", "standard error of the doctor")
    report = json.loads(outcome.out)
    for finding in report["findings"]:
        if finding["level"] == "problem" and not (finding["evidence"] and finding["cause"] and finding["remedy"]):
            raise AssertionError(f"a problem lacks evidence, cause or remedy: {finding}")
    problems = [(one["check"], one["evidence"]) for one in report["findings"] if one["level"] == "problem"]
    equal(len(problems), report["problems"], "how many problems there are")
    equal(outcome.exit, (1 if problems else 0) if report["complete"] or problems else 2, "exit code of the doctor")
    return [(check, evidence) for check, evidence in problems if not any(part in evidence for part in OF_THE_MACHINE)], report


def only(problems, check, *parts):
    """Exactly one problem, of that check."""
    equal([found for found, _ in problems], [check], f"problems ({problems})")
    contains(problems[0][1], *parts)


def nothing_is_wrong(folder):
    need(Path(LASTING).is_dir(), LASTING)
    with tempfile.TemporaryDirectory(dir=LASTING) as lasting, Server(lasting) as server:
        commands = Commands(folder, server.address)
        commands.json("topic", "create", "orders")
        before = commands.json("cluster", "quorum")["highWatermark"]
        problems, report = examine(commands)
        equal(problems, [], "problems of a sound server")
        checks = {finding["check"] for finding in report["findings"]}
        expected = {"address", "protocol", "advertised listener", "clock", "groups", "log directories", "partitions", "settings"}
        equal(checks >= expected, True, f"what was looked at ({checks})")
        equal([topic["name"] for topic in commands.json("topic", "list", "--internal")], ["orders"], "topics after the doctor")
        equal(commands.json("cluster", "quorum")["highWatermark"], before, "records of metadata after the doctor")
        contains(commands.run("doctor").out, "ok       address")


def dead_advertised_listener(folder):
    dead = free_port()
    with Server(folder, [f"advertised.listeners=PLAINTEXT://127.0.0.1:{dead}"]) as server:
        problems, _ = examine(Commands(server.folder / "commands", server.address))
        only(problems, "advertised listener", f"broker 1 at 127.0.0.1:{dead}", "connection refused")
    with Server(f"{folder}-name", ["advertised.listeners=PLAINTEXT://no-such-name.invalid:9092"]) as server:
        problems, _ = examine(Commands(server.folder / "commands", server.address))
        only(problems, "advertised listener", "no-such-name.invalid", "cannot be resolved")


class QuietHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


def other_protocols(folder):
    commands = Commands(folder, None)

    def seen(address, *words):
        return examine(commands, "-b", address, *words, with_server=False)[0]

    only(seen(f"127.0.0.1:{free_port()}"), "address", "connection refused")
    only(seen("no-such-name.invalid:9092"), "address", "cannot be resolved")
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), QuietHandler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    only(seen(f"127.0.0.1:{web.server_address[1]}"), "protocol", "speaks HTTP")
    web.shutdown()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        only(seen(f"127.0.0.1:{silent.getsockname()[1]}"), "protocol", "does not answer")
    address = tls_server(commands.folder)
    only(seen(address), "protocol", "speaks TLS")
    equal(seen(address, "-X", "security.protocol=SSL"), [], "TLS where the client speaks it as well")
    with Server(f"{folder}-server") as server:
        only(seen(server.address, "-X", "security.protocol=SSL"), "protocol", "in plain bytes")
        only(seen(server.address, "-X", "security.protocol=SASL_PLAINTEXT"), "protocol", "takes no logins")
    outcome = commands.run("doctor", "-X", "acks=maybe", with_server=False)
    equal((outcome.exit, outcome.out), (2, ""), "a doctor that cannot be run")


def certify(folder):
    """Makes a key and a certificate of its own."""
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
            "-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    try:
        subprocess.run(made, check=True, capture_output=True)
    except FileNotFoundError:
        raise Skip("this machine lacks openssl") from None


def tls_server(folder):
    """The address of a server that speaks TLS and closes every connection after the handshake."""
    certify(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            connection, _ = listener.accept()
            connection.settimeout(5)
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


def contradictions(folder):
    settings = ["message.max.bytes=5000000", "default.replication.factor=3", "min.insync.replicas=4"]
    with Server(folder, settings) as server:
        commands = Commands(server.folder / "commands", server.address)
        contradictory_topics(commands)
        problems, _ = examine(commands)
        evidence = "\n".join(found for _, found in problems)
        contains(evidence, "message.max.bytes=5000000 and replica.fetch.max.bytes=1048576", "default.replication.factor=3 with 1 broker",
                 "min.insync.replicas=4 and default.replication.factor=3",
                 "topic 'short': retention.ms=1000 and segment.ms=604800000",
                 "topic 'strict': min.insync.replicas=2 and 1 replica")
        # The broker's min.insync.replicas holds for the first topic as well.
        equal(len(problems), 6, f"problems ({evidence})")
    with Server(f"{folder}-client") as server:
        commands = Commands(server.folder / "commands", server.address)
        commands.profiles(f'[profiles.default]\nbootstrap-server = "{server.address}"\nheartbeat.interval.ms = 40000\n'
                          "delivery.timeout.ms = 1000\n")
        problems, _ = examine(commands, with_server=False)
        equal([check for check, _ in problems], ["client settings"] * 2, f"problems ({problems})")
        problems, _ = examine(commands, "-X", "heartbeat.interval.ms=1000", "-X", "delivery.timeout.ms=60000",
                              "-X", "session.timeout.ms=9000000", with_server=False)
        equal([check for check, _ in problems], ["client settings"] * 2, f"problems ({problems})")
        contains(problems[1][1], "session.timeout.ms=9000000, and brokers take 6000 to 1800000")


def contradictory_topics(commands):
    commands.json("topic", "create", "short", "-r", "1", "--config", "retention.ms=1000")
    commands.json("topic", "create", "strict", "-r", "1", "--config", "min.insync.replicas=2")


def offline_log_directory(folder):
    folder = Path(folder)
    folder.mkdir()
    broken = folder / "broken"
    broken.write_text("no folder")
    with Server(folder, [f"log.dirs={folder / 'data'},{broken}"]) as server:
        problems, _ = examine(Commands(server.folder / "commands", server.address))
        only(problems, "log directories", f"{broken} of broker 1 is offline")


def stuck_group(folder):
    """Its only member is gone before it was given anything, and stays in the group until its session is over."""
    with Server(folder, ["offsets.topic.num.partitions=1"]) as server:
        commands = Commands(server.folder / "commands", server.address)
        commands.json("topic", "create", "t")
        member = subprocess.Popen([str(executable()), "consume", "t", "-g", "stuck", "-b", server.address],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=commands.environment)
        deadline = time.monotonic() + 20
        while not commands.json("group", "list", "--state", "PreparingRebalance"):
            equal(time.monotonic() < deadline, True, "a group that begins to divide its partitions")
        member.kill()
        member.wait()
        problems, _ = examine(commands)
        only(problems, "groups", "stuck (")


def apache_kafka(folder):
    settings = ("offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1",
                "transaction.state.log.min.isr=1", "share.coordinator.state.topic.replication.factor=1")
    with ToolRunner() as runner, KafkaPeer(folder, runner, settings) as server:
        commands = Commands(server.folder / "commands", server.address)
        commands.json("topic", "create", "orders")
        problems, report = examine(commands)
        equal(problems, [], "problems of a sound Kafka")
        clocks = [finding for finding in report["findings"] if finding["check"] == "clock"]
        equal([clock["level"] for clock in clocks], ["ok"], "the clock of Kafka")
        contradictory_topics(commands)
        problems, _ = examine(commands)
        equal(sorted(evidence.split("'")[1] for _, evidence in problems), ["short", "strict"], f"topics with problems ({problems})")


class ManyListeners(KafkaPeer):
    """A Kafka that also listens with TLS and with SASL."""

    def _own_settings(self):
        self.with_sasl, self.with_tls = (f"127.0.0.1:{free_port()}" for _ in range(2))
        more = f",LOGIN://{self.with_sasl},SECURE://{self.with_tls}"
        listeners = ("listeners=", "advertised.listeners=")
        settings = [one + more if one.startswith(listeners) else one for one in super()._own_settings()]
        protocols = "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT,SECURE:SSL"
        certify(self.folder)
        pem = self.folder / "both.pem"
        pem.write_text((self.folder / "key.pem").read_text() + (self.folder / "certificate.pem").read_text())
        login = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="a" password="b" user_a="b";'
        return [*settings, protocols, "inter.broker.listener.name=PLAINTEXT", "sasl.enabled.mechanisms=PLAIN",
                "listener.name.login.sasl.enabled.mechanisms=PLAIN", f"listener.name.login.plain.sasl.jaas.config={login}",
                "listener.name.secure.ssl.keystore.type=PEM", f"listener.name.secure.ssl.keystore.location={pem}"]


def listeners_of_kafka(folder):
    with ToolRunner() as runner, ManyListeners(folder, runner) as server:
        commands = Commands(server.folder / "commands", server.address)

        def seen(address, *words):
            return examine(commands, "-b", address, *words, with_server=False)[0]

        only(seen(server.with_tls), "protocol", "speaks TLS")
        only(seen(server.with_tls, "-X", "security.protocol=SASL_PLAINTEXT"), "protocol", "speaks TLS")
        only(seen(server.with_sasl), "protocol", "takes logins by PLAIN")
        only(seen(server.with_sasl, "-X", "security.protocol=SASL_PLAINTEXT", "-X", "sasl.mechanism=SCRAM-SHA-256"),
             "protocol", "takes logins by PLAIN")
        only(seen(server.with_sasl, "-X", "security.protocol=SASL_SSL"), "protocol", "in plain bytes")
        only(seen(server.address, "-X", "security.protocol=SSL"), "protocol", "in plain bytes")
