"""Reads, watches and tries to write with kazoo; prints what came of it as JSON. The topic to come is created by whoever
reads the line 'watching'."""

import json
import sys
import threading

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException

WAIT_S = 20
address, topic = sys.argv[1:]


def outcome(call, *arguments):
    try:
        return call(*arguments)
    except KazooException as error:
        return type(error).__name__


client = KazooClient(hosts=address)
client.start(timeout=10)
seen = {
    "state": client.client_state,
    "version": client.server_version(),
    "brokers": client.get_children("/brokers/ids"),
    "broker": json.loads(client.get("/brokers/ids/0")[0])["endpoints"],
    "children of the root, by stat": client.exists("/").numChildren == len(client.get_children("/")),
    "missing": client.exists("/nowhere"),
    "synced": client.sync("/brokers"),
    "acl": [list(acl.acl_list) for acl in client.get_acls("/brokers")[0]],
    "get of what is missing": outcome(client.get, "/nowhere"),
    "create": outcome(client.create, "/x", b"y"),
    "create ephemeral": outcome(lambda: client.create("/x", ephemeral=True, sequence=True)),
    "set": outcome(client.set, "/controller_epoch", b"77"),
    "delete": outcome(client.delete, "/controller"),
    "set acls": outcome(client.set_acls, "/brokers", []),
}
changed, made = threading.Event(), threading.Event()
client.get_children("/brokers/topics", watch=lambda event: changed.set())
client.exists(f"/brokers/topics/{topic}", watch=lambda event: made.set())
print("watching", flush=True)
seen["told of the children"] = changed.wait(WAIT_S)
seen["told of the node"] = made.wait(WAIT_S)
seen["topic"] = sorted(json.loads(client.get(f"/brokers/topics/{topic}")[0])["partitions"])
first = client.client_id
client.restart()
seen["after a restart"] = [client.get_children("/brokers/ids"), client.client_id != first]
client.stop()
reader = KazooClient(hosts=address, read_only=True)
reader.start(timeout=10)
seen["as one that only reads"] = [reader.client_state, reader.get_children("/brokers/ids")]
reader.stop()
print(json.dumps(seen))
