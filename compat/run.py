"""Foreign clients and tools against a running Naru, as a black box.

    python3 compat/run.py --quick            20,000 flights
    python3 compat/run.py --full             all 336,776, every client on every codec
    python3 compat/run.py --only NAME        the checks whose name contains NAME
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback

import checks
import expect




def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    # A shell lets what it starts in the background ignore Ctrl-C, and so would all that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not shutil.which("java"):
        print("missing on this machine: java (Apache Kafka's own tools)")
    passed, failed, skipped = 0, [], []
    with tempfile.TemporaryDirectory(prefix="naru-compat-") as folder:
        for name, check in checks.listed(options.full):
            if options.only not in name:
                continue
            started = time.monotonic()
            try:
                check(os.path.join(folder, "".join(c if c.isalnum() else "-" for c in name)))
            except expect.Skip as reason:
                skipped.append(name)
                print(f"SKIP {name}: {reason}", flush=True)
            except Exception:
                failed.append(name)
                print(f"FAIL {name}\n{traceback.format_exc()}", flush=True)
            else:
                passed += 1
                print(f"ok   {name} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    if failed or (skipped and os.environ.get("CI") == "true") or not passed:
        sys.exit(1)


if __name__ == "__main__":
    main()
