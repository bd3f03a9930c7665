"""Prints every node below the root with its data and what its stat says of it, as JSON, by path."""

import json
import sys

from kazoo.client import KazooClient

client = KazooClient(hosts=sys.argv[1])
client.start(timeout=10)
nodes, waiting = {}, ["/"]
while waiting:
    path = waiting.pop()
    data, stat = client.get(path)
    children = sorted(client.get_children(path))
    nodes[path] = {
        "data": None if data is None else data.decode(),
        "children": children,
        "is_ephemeral": stat.ephemeralOwner != 0,
        "counts": [stat.dataLength, stat.numChildren],
    }
    waiting += [path.rstrip("/") + "/" + child for child in children]
client.stop()
print(json.dumps(nodes))
