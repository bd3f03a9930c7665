"""A real Apache Kafka beside the Naru under test: one process that is broker and controller, on a free port."""

import signal
import socket
import subprocess
import time
from pathlib import Path

import install
from server import free_port

START_MAX_S = 90
LOGGING = """Configuration:
  Appenders: { Console: { name: STDOUT, PatternLayout: { pattern: "[%d] %p %m (%c)%n" } } }
  Loggers: { Root: { level: WARN, AppenderRef: { ref: STDOUT } } }
"""


class KafkaPeer:
    """Started on entry, stopped on exit. The tool runner formats its log directory."""

    # The broker follows its controller, which has answered for it.
    behind_max_s = 10

    def __init__(self, folder, runner, settings=()):
        self.folder = Path(folder)
        self.runner = runner
        self.settings = settings
        self.port = free_port()
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        """Starts it for the first time, or again on what it left."""
        properties = self.folder / "server.properties"
        if not properties.exists():
            self._format(properties)
        command = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                   f"-Dlog4j2.configurationFile={self.folder / 'log4j2.yaml'}",
                   "-cp", f"{install.kafka_tools()}/*", "kafka.Kafka", str(properties)]
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        try:
            self._wait()
        except BaseException:
            self.process.kill()
            raise
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()

    def log_tail(self, lines=30):
        return "\n".join((self.folder / "server.log").read_text(errors="replace").splitlines()[-lines:])

    def _format(self, properties):
        self.folder.mkdir(parents=True, exist_ok=True)
        properties.write_text("\n".join([*self._own_settings(), *self.settings]) + "\n")
        (self.folder / "log4j2.yaml").write_text(LOGGING)
        formatted = self.runner.run(f"kafka-storage.sh format --standalone -t AAAAAAAAQACAAAAAAAAAAA -c {properties}")
        if formatted.exit != 0:
            raise RuntimeError(f"Kafka's log directory is not formatted: {formatted}")

    def _own_settings(self):
        controller = f"127.0.0.1:{free_port()}"
        listeners = f"PLAINTEXT://{self.address},CONTROLLER://{controller}"
        return ["process.roles=broker,controller", "node.id=1", f"controller.quorum.bootstrap.servers={controller}",
                f"listeners={listeners}", f"advertised.listeners={listeners}", "controller.listener.names=CONTROLLER",
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
                f"log.dirs={self.folder / 'data'}",
                # So that a script need not wait for the broker to follow its controller.
                "metadata.max.idle.interval.ms=5", "controller.quorum.append.linger.ms=1"]

    def _wait(self):
        deadline = time.monotonic() + START_MAX_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"Kafka does not start:\n{self.log_tail()}")
