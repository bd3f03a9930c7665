"""A command in a process of its own, that ends by itself or is stopped as soon as something holds."""

import contextlib
import signal
import subprocess
import tempfile
import time
from collections import namedtuple

TIMEOUT_S = 120

Outcome = namedtuple("Outcome", "exit out err")
# A signal, and when it is sent: once its output or its errors hold a text, or a function of the process says so.
Stop = namedtuple("Stop", "signal when")


def run(command, stdin="", stop=None):
    """Its outcome, told as a shell would have it. Where it is to be stopped, its standard input stays open."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=err)
        try:
            _write(process, stdin, closes=stop is None)
            if stop:
                _wait_for(process, (out, err), stop.when)
                process.send_signal(getattr(signal, stop.signal))
            code = process.wait(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{command} does not end; it printed:\n{_text(out)}{_text(err)}") from None
        finally:
            _end(process)
        return Outcome(_as_of_a_shell(code), _text(out), _text(err))


def first_line(command):
    """The same for a command whose standard output is closed behind its first line."""
    with tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err)
        try:
            line = process.stdout.readline()
            process.stdout.close()
            code = process.wait(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{command} does not end without a reader; it printed:\n{_text(err)}") from None
        finally:
            _end(process)
        return Outcome(_as_of_a_shell(code), line.decode(errors="replace"), _text(err))


def _as_of_a_shell(code):
    return code if code >= 0 else 128 - code


def _end(process):
    process.kill()
    process.wait()
    # What it has not read is still to be written, to nobody.
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()


def _write(process, stdin, closes):
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(stdin.encode())
        process.stdin.flush()
        if closes:
            process.stdin.close()


def _wait_for(process, printed, when):
    def holds():
        return when(process) if callable(when) else any(when.encode() in _bytes(file) for file in printed)

    deadline = time.monotonic() + TIMEOUT_S
    while process.poll() is None and not holds():
        if time.monotonic() > deadline:
            raise subprocess.TimeoutExpired(process.args, TIMEOUT_S)
        time.sleep(0.02)


def _bytes(file):
    # The process writes on at the place of its own descriptor, whatever is read here.
    with open(f"/proc/self/fd/{file.fileno()}", "rb") as again:
        return again.read()


def _text(file):
    return _bytes(file).decode(errors="replace")
