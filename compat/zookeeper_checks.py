"""What clients of ZooKeeper see of Naru (zookeeper.shim.listener), and what its tools of that era print."""

import difflib
import json
import re
import subprocess
import time

import clients
import install
import zookeeper_peer
from expect import contains, equal
from own_tools import OwnTools
from server import Server, executable, free_port

# What both clusters are made to hold.
SET_UP = [
    "kafka-topics --create --topic orders --partitions 3 --config retention.ms=1000",
    "kafka-topics --create --topic plain --partitions 1",
    "kafka-configs --alter --entity-type users --entity-name 'al ice' --add-config producer_byte_rate=1024",
    "kafka-configs --alter --entity-type clients --entity-name c1 --add-config request_percentage=12.5",
    "kafka-configs --alter --entity-type users --entity-name bob --entity-type clients --entity-default --add-config consumer_byte_rate=99",
    "kafka-configs --alter --entity-type brokers --entity-default --add-config log.cleaner.threads=2",
]
# What the shell is typed, one line after the other.
TYPED = """ls /brokers/ids
ls -R /brokers
ls -R /config
get /brokers/ids/0
get -s /brokers/topics/orders/partitions/0/state
stat /brokers/ids
get /controller
get /cluster/id
get /brokers/seqid
get /zookeeper/config
get /consumers
config
ls -s /config
getAllChildrenNumber /brokers/ids
getEphemerals /
sync /
whoami
ls /nope
get /nope
stat /nope
get
ls
ls -x /
frob
help
create /a b
delete /controller
set /controller_epoch 7
deleteall /brokers
setAcl /brokers world:anyone:r
get relative
ls /a//b
getAcl /brokers
history
printwatches
printwatches off
printwatches
redo 0
get -w /controller
removewatches /controller
removewatches /nowhere
close
ls /
"""


def listed():
    """Pairs of name and function."""
    yield "zookeeper: kazoo lists, reads, watches and is refused to write", kazoo_reads
    yield "zookeeper: four-letter words and zkServer", words
    yield "zookeeper: the shell of ZooKeeper and ours print the same", shells_print_the_same
    yield "zookeeper: a client's session and watches outlive a restart", sessions_outlive_a_restart
    yield "zookeeper: the same cluster in Kafka 3.9's ZooKeeper and in Naru", trees_are_the_same


class Readable(Server):
    """A server that ZooKeeper clients may read."""

    def __init__(self, folder):
        self.zookeeper = f"127.0.0.1:{free_port()}"
        super().__init__(folder, settings=["node.id=0", "broker.rack=r1", f"zookeeper.shim.listener={self.zookeeper}"])

    def start(self):
        super().start()
        # Kafka's port takes connections from the beginning, this one once the broker is registered.
        deadline = time.monotonic() + 30
        while zookeeper_peer.four_letters(self.zookeeper, "ruok") != "imok":
            if time.monotonic() > deadline:
                raise RuntimeError(f"ZooKeeper clients are not served:\n{self.log_tail()}")
            time.sleep(0.05)
        return self


def set_up(address):
    for line in SET_UP:
        ended = OwnTools().run(f"{line} --bootstrap-server {address}")
        equal(ended.exit, 0, f"exit code of {line}: {ended}")


def kazoo_reads(folder):
    with Readable(folder) as server:
        command = [str(install.python_clients()), str(clients.SCRIPTS / "kazoo_read.py"), server.zookeeper, "to-come"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
            equal(reader.stdout.readline(), "watching\n", "first line")
            created = OwnTools().run(f"kafka-topics --bootstrap-server {server.address} --create --topic to-come --partitions 2")
            equal(created.exit, 0, "exit code of kafka-topics")
            seen = json.loads(reader.stdout.readline())
        equal(reader.returncode, 0, "exit code of kazoo's script")
        refused = "NotReadOnlyCallError"
        equal(seen, {
            "state": "CONNECTED",
            "version": [3, 8, 4],
            "brokers": ["0"],
            "broker": [f"PLAINTEXT://{server.address}"],
            "children of the root, by stat": True,
            "missing": None,
            "synced": "/brokers",
            "acl": [["READ"]],
            "get of what is missing": "NoNodeError",
            "create": refused,
            "create ephemeral": refused,
            "set": refused,
            "delete": refused,
            "set acls": refused,
            "told of the children": True,
            "told of the node": True,
            "topic": ["0", "1"],
            "after a restart": [["0"], True],
            "as one that only reads": ["CONNECTED_RO", ["0"]],
        }, "what kazoo saw")


def words(folder):
    with Readable(folder) as server:
        ask = lambda word: zookeeper_peer.four_letters(server.zookeeper, word)
        equal([ask("ruok"), ask("isro")], ["imok", "ro"], "ruok and isro")
        contains(ask("srvr"), "Zookeeper version: 3.8.4-naru-", "\nMode: standalone\n", "\nNode count: ")
        contains(ask("stat"), "\nClients:\n /127.0.0.1:")
        contains(ask("mntr"), "zk_server_state\tstandalone\n", "zk_ephemerals_count\t2\n")
        contains(ask("conf"), f"clientPort={server.zookeeper.split(':')[1]}\n")
        contains(ask("envi"), "Environment:\nzookeeper.version=3.8.4-naru-")
        contains(ask("dump"), "dump is not executed because it is not in the whitelist.")
        config = server.folder / "zoo.cfg"
        host, port = server.zookeeper.split(":")
        config.write_text(f"clientPort={port}\nclientPortAddress={host}\n")
        status = OwnTools().run(f"zkServer.sh status {config}")
        equal((status.exit, status.out), (0, f"Client port found: {port}. Client address: {host}. Client SSL: false.\nMode: standalone\n"), "zkServer.sh status")
        equal(status.err, f"ZooKeeper JMX enabled by default\nUsing config: {config}\n", "what zkServer.sh says beside")
        equal(OwnTools().run(f"zookeeper-server-start.sh -daemon {config}").exit, 0, "exit code of zookeeper-server-start")
    equal(OwnTools().run(f"zookeeper-server-start.sh {config}").exit, 1, "exit code where nothing answers")


def shells_print_the_same(folder):
    zookeeper_peer.libraries()
    with Readable(folder) as server:
        set_up(server.address)
        for line in ("ls /brokers/ids", "get /controller_epoch", "stat /controller", "ls /nothing", "create /x y", "frob"):
            ours, theirs = ours_and_theirs(server, *line.split())
            equal(ours, theirs, line)
        equal(ours_and_theirs(server, "ls", "/brokers/ids")[0][1].splitlines()[-1], "[0]", "the brokers")
        ours, theirs = ours_and_theirs(server, stdin=TYPED)
        for what, own, other in zip(("exit code", "standard output", "standard error"), ours, theirs):
            difference = [*difflib.unified_diff(str(other).splitlines(), str(own).splitlines(), "theirs", "ours", lineterm="")]
            equal(difference, [], f"{what} of the lines typed")


def sessions_outlive_a_restart(folder):
    zookeeper_peer.libraries()
    with Readable(folder) as server:
        command = zookeeper_peer.shell_command(server.zookeeper)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as shell:
            wait_for(shell, "WatchedEvent state:SyncConnected type:None path:null")
            type_line(shell, "ls -w /brokers/topics")
            wait_for(shell, "[]")
            server.kill()
            wait_for(shell, "WatchedEvent state:Disconnected type:None path:null")
            server.start()
            wait_for(shell, "WatchedEvent state:SyncConnected type:None path:null")
            # Nobody knows whether the topics have changed meanwhile, so they may have.
            wait_for(shell, "WatchedEvent state:SyncConnected type:NodeChildrenChanged path:/brokers/topics")
            type_line(shell, "ls -w /brokers/topics")
            wait_for(shell, "[]")
            set_up(server.address)
            wait_for(shell, "WatchedEvent state:SyncConnected type:NodeChildrenChanged path:/brokers/topics")
            type_line(shell, "quit")
            shell.wait(timeout=20)


def type_line(shell, line):
    shell.stdin.write(line + "\n")
    shell.stdin.flush()


def wait_for(shell, wanted):
    """Reads up to a line; a session that has ended would never be connected again."""
    for line in shell.stdout:
        if line.rstrip("\n") == wanted:
            return
        if "state:Expired" in line:
            break
    raise AssertionError(f"the shell never said '{wanted}'")


def ours_and_theirs(server, *line, stdin=""):
    ended = subprocess.run([str(executable()), "zookeeper-shell", server.zookeeper, *line], input=stdin, capture_output=True, text=True, timeout=60)
    theirs = zookeeper_peer.shell(server.zookeeper, *line, stdin=stdin)
    return [(code, told_in_order(out), err) for code, out, err in [(ended.returncode, ended.stdout, ended.stderr), theirs]]


def told_in_order(out):
    """The lines of a connection come when it is there, which in Java is sooner or later; our shell waits for it."""
    event = "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n"
    return event * out.count(event) + out.replace(event, "")


def trees_are_the_same(folder):
    zookeeper_peer.libraries()
    with zookeeper_peer.ZooKeeperPeer(f"{folder}-peer") as peer, Readable(folder) as server:
        trees = []
        for cluster in (peer, server):
            set_up(cluster.address)
            nodes = json.loads(clients.python_script("kazoo_tree.py", cluster.zookeeper))
            trees.append({path: compared(path, node, cluster) for path, node in nodes.items() if not is_passing(path)})
    kafkas, narus = trees
    equal(sorted(narus), sorted(kafkas), "paths")
    for path, node in kafkas.items():
        equal(narus[path], node, path)


def is_passing(path):
    """Notices of changes, which Kafka's brokers told each other by nodes that go again."""
    return path.startswith("/config/changes/")


def compared(path, node, cluster):
    """A node without what differs between any two clusters."""
    data = node["data"]
    if path == "/config/changes":
        return "notices"
    if path == "/feature":
        # Which features there are is another matter in every release.
        data = re.sub(r'"features":\{.*?\}', '"features":{}', data)
    if path == "/config/brokers/<default>":
        # Set for all brokers in every new cluster of 4.x, with the feature that keeps replicas eligible for leadership.
        data = data.replace(',"min.insync.replicas":"1"', "")
    if data:
        data = data.replace(cluster.address.split(":")[1], "PORT")
        data = re.sub(r'"timestamp":"\d{13}"', '"timestamp":"T"', data)
        data = re.sub(r'"(topic_id|id)":"[\w-]{22}"', r'"\1":"ID"', data)
    sizes = node["counts"]
    equal(sizes, [len((node["data"] or "").encode()), len(node["children"])], f"counts of {path}")
    return {"data": data, "children": node["children"], "is_ephemeral": node["is_ephemeral"]}
