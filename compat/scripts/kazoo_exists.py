"""Prints for each path whether its node exists; False for all where no server answers."""

import sys

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.handlers.threading import KazooTimeoutError

address, *paths = sys.argv[1:]
client = KazooClient(hosts=address, timeout=4.0)
try:
    client.start(timeout=4)
    print(*(client.exists(path) is not None for path in paths))
    client.stop()
except (KazooException, KazooTimeoutError):
    print(*(False for _ in paths))
