#!/bin/sh
# fuzz/run.sh TARGET SECONDS [libFuzzer options]: builds the targets with coverage on the stable toolchain and runs one.
# Inputs that were found are kept in fuzz/corpus/TARGET, findings in fuzz/findings/TARGET.
set -eu
target=$1 seconds=$2
shift 2
cd "$(dirname "$0")"
out=${CARGO_TARGET_DIR:-target}
host=$(rustc -vV | sed -n 's/^host: //p')
if [ ! -d "corpus/$target" ]; then
    CARGO_TARGET_DIR=$out/plain cargo run --quiet --bin seeds -- corpus
fi
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags="$flags -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
flags="$flags -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing"
RUSTC_BOOTSTRAP=1 RUSTFLAGS=$flags CARGO_TARGET_DIR=$out/fuzz \
    cargo build --quiet --release --target "$host" --bin "$target"
mkdir -p "corpus/$target" "findings/$target"
exec "$out/fuzz/$host/release/$target" "corpus/$target" -artifact_prefix="findings/$target/" \
    -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=20 -print_final_stats=1 "$@"
