"""A Naru under test: started on a free port with a data directory of its own."""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import install


def executable():
    target = Path(os.environ.get("CARGO_TARGET_DIR", install.ROOT / "target"))
    return Path(os.environ.get("NARU", target / "release" / "naru"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One broker process. Its data outlives a kill, so that start() shows what survived."""

    # What it has answered holds.
    behind_max_s = 0

    def __init__(self, folder, settings=(), file=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.settings = list(settings)
        self.file = file
        # A settings file of Kafka 4.x names a controller listener, which then has to be among the listeners.
        names_controller = file and "controller.listener.names" in Path(file).read_text()
        self.controller_listener = f",CONTROLLER://127.0.0.1:{free_port()}" if names_controller else ""
        self.process = None
        self.log = self.folder / "server.log"

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        overrides = [
            f"listeners=PLAINTEXT://127.0.0.1:{self.port}{self.controller_listener}",
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}",
            f"log.dirs={self.folder / 'data'}",
            "metrics.listener=127.0.0.1:0",
            *self.settings,
        ]
        command = [str(executable()), "server", *([str(self.file)] if self.file else [])]
        for override in overrides:
            command += ["--override", override]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log_tail()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"the server does not listen:\n{self.log_tail()}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.kill()
                raise RuntimeError("the server did not stop within 20 s of SIGTERM")
        return self.process.returncode

    def log_tail(self, lines=30):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def ready_line(self):
        found = re.findall(r".*ready in .*", self.log.read_text(errors="replace"))
        return found[-1] if found else None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.stop()
