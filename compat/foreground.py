"""A command in a process of its own, that ends by itself or is stopped as soon as it has printed something."""

import signal
import subprocess
import tempfile
import time
from collections import namedtuple

Outcome = namedtuple("Outcome", "exit out err")
# A signal, sent once the standard output holds the text.
Stop = namedtuple("Stop", "signal text")


def run(command, stdin="", stop=None, timeout_s=120):
    """Its outcome, told as a shell would have it. Where it is to be stopped, its standard input stays open."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=err)
        try:
            _write(process, stdin, closes=stop is None)
            if stop:
                _wait_for(process, out, stop.text.encode(), timeout_s)
                process.send_signal(getattr(signal, stop.signal))
            code = process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{command} does not end; it printed:\n{_text(out)}{_text(err)}") from None
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
        return Outcome(code if code >= 0 else 128 - code, _text(out), _text(err))


def _write(process, stdin, closes):
    try:
        process.stdin.write(stdin.encode())
        process.stdin.flush()
        if closes:
            process.stdin.close()
    except BrokenPipeError:
        pass


def _wait_for(process, out, text, timeout_s):
    deadline = time.monotonic() + timeout_s
    while process.poll() is None and text not in _bytes(out):
        if time.monotonic() > deadline:
            raise subprocess.TimeoutExpired(process.args, timeout_s)
        time.sleep(0.02)


def _bytes(file):
    # The child writes at the end, whatever is read here.
    with open(f"/proc/self/fd/{file.fileno()}", "rb") as again:
        return again.read()


def _text(file):
    return _bytes(file).decode(errors="replace")
