#!/bin/sh
# Runs scripts of crates/coordinator/testdata against Kafka's own group manager and prints what differs.
#
#     sh compat/group-oracle/run.sh consumer migration
#
# $PEER_LIBS is the folder of Kafka's libraries, target/compat/kafka/libs unless told otherwise.
set -eu
cd "$(dirname "$0")/../.."
libs="${PEER_LIBS:-target/compat/kafka/libs}"
classes=$(mktemp -d)
trap 'rm -rf "$classes"' EXIT
javac -nowarn -Xlint:none -d "$classes" -cp "$libs/*" compat/group-oracle/src/*.java 2> "$classes/javac.log" || {
    cat "$classes/javac.log" >&2
    exit 1
}
for name in "$@"; do
    script="crates/coordinator/testdata/$name.txt"
    java -Dlog4j2.level=OFF -cp "$classes:$libs/*" org.apache.kafka.coordinator.group.Oracle "$script" > "$classes/$name.txt"
    python3 compat/group-oracle/compare.py "$script" "$classes/$name.txt"
done
