#!/bin/sh
# Runs the tool of this name: with the naru beside this script, else on PATH, else as built in the source tree.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
tool=$(basename -- "$0" .sh)
if [ -x "$here/naru" ]; then naru=$here/naru
elif command -v naru >/dev/null 2>&1; then naru=naru
else naru=$here/../target/release/naru
fi
exec "$naru" "$tool" "$@"
