#!/bin/sh
# Shows folders that we wrote to Apache Kafka's kafka-dump-log: it must read every record and accept every index.
# Needs Java and KP, the folder of an installed Kafka 4.3.1 (default ~/.cache/kafka-peer). Exit 77: skipped.
set -eu
KP=${KP:-$HOME/.cache/kafka-peer}
if ! command -v java >/dev/null || [ ! -x "$KP/bin/kafka-dump-log.sh" ]; then
    echo "SKIPPED kafka-dump: needs Java and Kafka's tools in KP=$KP" >&2
    exit 77
fi
cd "$(dirname "$0")/../../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo run --quiet -p partition-log --example write_folder "$work/logs" >"$work/written"
fail() {
    echo "FAILED kafka-dump: $*" >&2
    exit 1
}
list() {
    find "$1" -name "*.$2" | sort | paste -sd, -
}
while read -r folder end segments; do
    [ "$segments" -gt 3 ] || fail "$folder has only $segments segments"
    "$KP/bin/kafka-dump-log.sh" --print-data-log --deep-iteration --files "$(list "$folder" log)" >"$work/log" 2>"$work/err"
    records=$(grep -c '^| offset:' "$work/log")
    [ "$records" -eq "$end" ] || fail "$folder: $records records read of $end"
    grep -q 'isvalid: false' "$work/log" && fail "$folder: a batch has a wrong checksum"
    for codec in none gzip snappy lz4 zstd; do
        grep -q "compresscodec: $codec" "$work/log" || fail "$folder: no batch in $codec"
    done
    "$KP/bin/kafka-dump-log.sh" --index-sanity-check --files "$(list "$folder" index),$(list "$folder" timeindex)" >"$work/log" 2>"$work/err"
    passed=$(grep -c 'passed sanity check' "$work/log")
    [ "$passed" -ge "$segments" ] || fail "$folder: $passed of $segments indexes passed"
    for kind in index timeindex txnindex snapshot; do
        "$KP/bin/kafka-dump-log.sh" --verify-index-only --files "$(list "$folder" $kind)" >"$work/log" 2>"$work/err"
        grep -iE 'mismatch|invalid|corrupt|out of order|exception|error' "$work/log" && fail "$folder: a .$kind file is not accepted"
        grep -iE 'exception' "$work/err" && fail "$folder: a .$kind file is not read"
        [ -s "$work/log" ] || fail "$folder: nothing said of .$kind files"
    done
    echo "ok $folder: $records records, $segments segments"
done <"$work/written"
