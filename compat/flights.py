"""The flights that left New York in 2013: 336,776 JSON lines, keyed by carrier."""

import csv
import io
import json
import zipfile

import install

COUNT = 336_776


def read(limit=None):
    """Lists (key, value) pairs in the order of the file."""
    with zipfile.ZipFile(install.flights()) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".csv"))
        with archive.open(name) as raw:
            rows = csv.DictReader(io.TextIOWrapper(raw, "utf-8"))
            pairs = []
            for row in rows:
                if limit is not None and len(pairs) >= limit:
                    break
                pairs.append((row["carrier"], json.dumps(row, separators=(",", ":"))))
    if limit is None and len(pairs) != COUNT:
        raise AssertionError(f"{len(pairs)} flights read, {COUNT} expected")
    return pairs


def by_key(pairs):
    """Values per key, in order: what a consumer must see, whatever partition a key fell into."""
    values = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    return values


def first_difference(expected, seen):
    """Says in one line how two by_key() results differ, or None."""
    if expected == seen:
        return None
    if expected.keys() != seen.keys():
        return f"keys differ: missing {sorted(expected.keys() - seen.keys())}, extra {sorted(seen.keys() - expected.keys())}"
    for key, values in expected.items():
        got = seen[key]
        if values != got:
            place = next((i for i, (a, b) in enumerate(zip(values, got)) if a != b), min(len(values), len(got)))
            return f"key {key}: {len(got)} of {len(values)} values, first difference at {place}"
    return "unknown difference"
