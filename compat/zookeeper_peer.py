"""A real Apache Kafka 3.9 with its ZooKeeper, and ZooKeeper's shell, to compare with what Naru shows ZooKeeper clients."""

import signal
import subprocess
import time
from pathlib import Path

import clients
import install
from expect import need
from own_tools import OwnTools
from server import free_port

START_MAX_S = 90
JAVA = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
WHAT = "Java and Maven (Apache Kafka 3.9 and ZooKeeper)"


def libraries():
    return need(install.kafka_of_zookeeper(), WHAT)


def shell(address, *words, stdin=""):
    """ZooKeeper's shell as Kafka starts it: its exit code and what it prints."""
    ended = subprocess.run(shell_command(address, *words), input=stdin, capture_output=True, text=True, timeout=120)
    return ended.returncode, ended.stdout, ended.stderr


def shell_command(address, *words):
    main = "org.apache.zookeeper.ZooKeeperMainWithTlsSupportForKafka"
    return [*JAVA, "-cp", f"{libraries()}/*", main, "-server", address, *words]


class ZooKeeperPeer:
    """Both processes, started on entry and stopped on exit. Its broker has the id 0."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.zookeeper_port = free_port(), free_port()
        self.processes = []

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def zookeeper(self):
        return f"127.0.0.1:{self.zookeeper_port}"

    def __enter__(self):
        settings = {
            "zookeeper": [f"dataDir={self.folder / 'zookeeper'}", f"clientPort={self.zookeeper_port}",
                          "admin.enableServer=false", "4lw.commands.whitelist=*"],
            "kafka": ["broker.id=0", "broker.rack=r1", f"listeners=PLAINTEXT://127.0.0.1:{self.port}", f"log.dirs={self.folder / 'kafka'}",
                      f"zookeeper.connect={self.zookeeper}"],
        }
        try:
            self._start("zookeeper", settings, "org.apache.zookeeper.server.quorum.QuorumPeerMain", lambda: self._word("ruok") == "imok")
            self._start("kafka", settings, "kafka.Kafka", self._knows_itself)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, name, settings, main, is_ready):
        file = self.folder / f"{name}.properties"
        file.write_text("\n".join(settings[name]) + "\n")
        with open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen([*JAVA, "-cp", f"{libraries()}/*", main, str(file)], stdout=log, stderr=log)
        self.processes.append(process)
        deadline = time.monotonic() + START_MAX_S
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not start:\n{(self.folder / f'{name}.log').read_text()[-2000:]}")
            time.sleep(0.2)

    def _word(self, word):
        return four_letters(self.zookeeper, word)

    def _knows_itself(self):
        """Whether the controller has told the broker who belongs to the cluster; until then it refuses each topic."""
        if clients.python_script("kazoo_exists.py", self.zookeeper, "/brokers/ids/0", "/controller").strip() != b"True True":
            return False
        return "(id: 0 rack: r1" in OwnTools().run(f"kafka-broker-api-versions --bootstrap-server {self.address}").out


def four_letters(address, word):
    """The answer to a four-letter word; nothing where nobody answers."""
    import socket
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(word.encode())
            answer = b""
            while chunk := connection.recv(4096):
                answer += chunk
            return answer.decode()
    except OSError:
        return ""
