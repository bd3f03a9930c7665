#!/bin/sh
# Kafka's own kafka-dump-log reads the metadata log and the snapshots this crate writes.
# Needs Apache Kafka 4.3.1 under $KP (default ~/.cache/kafka-peer); says so and exits 77 without it.
set -eu
kp=${KP:-$HOME/.cache/kafka-peer}
if [ ! -x "$kp/bin/kafka-dump-log.sh" ]; then echo "SKIPPED: no Apache Kafka in $kp" >&2; exit 77; fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cargo run -q -p quorum --example fresh_node -- "$dir" 3
# Three topics stay below the size at which a snapshot is taken; thirty do not.
for file in "$dir"/__cluster_metadata-0/*.log; do
    "$kp/bin/kafka-dump-log.sh" --cluster-metadata-decoder --files "$file" > "$dir/log.txt" 2>&1
    cat "$dir/log.txt" >> "$dir/all.txt"
done
cargo run -q -p quorum --example fresh_node -- "$dir/many" 30
for file in "$dir"/many/__cluster_metadata-0/*.log "$dir"/many/__cluster_metadata-0/*.checkpoint; do
    "$kp/bin/kafka-dump-log.sh" --cluster-metadata-decoder --files "$file" >> "$dir/all.txt" 2>&1
done
expect() { grep -q -- "$1" "$dir/all.txt" || { echo "kafka-dump-log shows no $1" >&2; cat "$dir/all.txt" >&2; exit 1; }; }
refuse() { if grep -q -- "$1" "$dir/all.txt"; then echo "kafka-dump-log shows $1" >&2; grep -- "$1" "$dir/all.txt" >&2; exit 1; fi; }
expect 'LeaderChange: {"version":0,"leaderId":1'
expect 'KRaftVersion {"version":0,"kRaftVersion":1}'
expect 'KRaftVoters {"version":0,"voters":\[{"voterId":1'
expect '"type":"BEGIN_TRANSACTION_RECORD","version":0,"data":{"name":"Bootstrap records"}'
expect '"name":"metadata.version","featureLevel":30'
expect '"type":"REGISTER_BROKER_RECORD","version":4'
expect '"type":"PARTITION_RECORD","version":2'
expect 'SnapshotHeader {"version":0'
expect 'SnapshotFooter {"version":0}'
refuse 'isvalid: false'
refuse 'Exception'
refuse 'Could not'
echo "kafka-dump-log reads $(grep -c payload "$dir/all.txt") metadata records of ours"
