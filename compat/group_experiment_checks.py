"""The experiments that people do with groups first, by Kafka's console consumer and its group tool."""

from expect import contains, equal
from kafka_peer import KafkaPeer
from server import Server
from tool_runner import ToolRunner
from tool_session import GROUPS, Session

SETTINGS = (
    "offsets.topic.replication.factor=1",
    "offsets.topic.num.partitions=5",
    "group.initial.rebalance.delay.ms=0",
    "offsets.retention.check.interval.ms=500",
    "group.consumer.min.heartbeat.interval.ms=100",
    "group.consumer.heartbeat.interval.ms=200",
    "group.consumer.assignment.interval.ms=0",
)
CLASSIC = ()
CONSUMER = ("group.protocol=consumer",)
# Of three partitions, keys that lead to the first, the second and the third.
KEYS = ("f", "a", "b")


def listed(full):
    """Pairs of name and function; the full form shows the same of Kafka."""
    yield "groups: the experiments of every introduction", lambda folder: on_naru(folder, experiments())
    if full:
        yield "groups: the experiments of every introduction, by Kafka itself", lambda folder: on_kafka(folder, experiments())


def experiments():
    return (partition_moves_and_comes_back, partitions_are_split_by_the_consumer_protocol, surplus_members_are_idle,
            groups_read_independently, offsets_count_up, group_comes_with_use_and_goes_with_its_topic)


def on_naru(folder, shown):
    with ToolRunner() as runner, Server(folder, SETTINGS) as server:
        show(runner, server, folder, shown)


def on_kafka(folder, shown):
    with ToolRunner() as runner, KafkaPeer(folder, runner, SETTINGS) as server:
        show(runner, server, folder, shown)


def show(runner, server, folder, shown):
    session = Session(runner, server, folder)
    for experiment in shown:
        experiment(session)


def partition_moves_and_comes_back(session):
    """The second consumer comes first in the order of ids, so it gets partitions 0 and 1, as Kafka's range assignor has it."""
    session.create("moving", 3)
    session.produce("moving", *((key, "at first") for key in KEYS))
    session.join("b-first", "moving", "movers", *CLASSIC)
    session.settle("movers", 1, 3)
    equal(session.clients_of("movers"), ["b-first"] * 3, "partitions of one consumer")
    session.join("a-second", "moving", "movers", *CLASSIC)
    session.settle("movers", 2, 3)
    equal(session.clients_of("movers"), ["a-second", "a-second", "b-first"], "partitions of two consumers")
    session.produce("moving", *((key, f"to two, by {key}") for key in KEYS))
    session.settle("movers", 2, 6)
    equal(sorted(session.leave("a-second")), ["to two, by a", "to two, by f"], "records of the second consumer")
    session.settle("movers", 1, 6)
    equal(session.clients_of("movers"), ["b-first"] * 3, "partitions once the second consumer is gone")
    session.produce("moving", *((key, f"to one, by {key}") for key in KEYS))
    session.settle("movers", 1, 9)
    expected = ["at first"] * 3 + ["to one, by a", "to one, by b", "to one, by f", "to two, by b"]
    equal(sorted(session.leave("b-first")), expected, "records of the first consumer")
    contains(session.run(f"{GROUPS} --describe --group movers").err, "Consumer group 'movers' has no active members.")


def partitions_are_split_by_the_consumer_protocol(session):
    session.create("split", 3)
    session.produce("split", *((key, "at first") for key in KEYS))
    session.join("one", "split", "splitters", *CONSUMER)
    session.settle("splitters", 1, 3)
    session.join("two", "split", "splitters", *CONSUMER)
    session.settle("splitters", 2, 3)
    equal(sorted(map(session.clients_of("splitters").count, ("one", "two"))), [1, 2], "partitions of two consumers")
    session.produce("split", *((key, f"by {key}") for key in KEYS))
    session.settle("splitters", 2, 6)
    second = session.leave("two")
    session.settle("splitters", 1, 6)
    equal(session.clients_of("splitters"), ["one"] * 3, "partitions once the second consumer is gone")
    expected = ["at first"] * 3 + ["by a", "by b", "by f"]
    equal(sorted(second + session.leave("one")), expected, "records of both")


def surplus_members_are_idle(session):
    session.create("narrow", 2)
    session.produce("narrow", ("a", "zero"), ("d", "one"))
    names = ("x", "y", "z")
    for count, name in enumerate(names, start=1):
        session.join(name, "narrow", "crowd", *CLASSIC)
        session.settle("crowd", count, 2)
    members = session.describe("crowd", "--members")
    held = {row["CLIENT-ID"]: row["#PARTITIONS"] for row in members}
    equal(held, {"x": "1", "y": "1", "z": "0"}, "partitions of three consumers")
    equal(session.clients_of("crowd"), ["x", "y"], "holders of the two partitions")
    session.leave("x")
    session.settle("crowd", 2, 2)
    equal(session.clients_of("crowd"), ["y", "z"], "holders once one has left")
    session.produce("narrow", ("d", "to the one that was idle"))
    session.settle("crowd", 2, 3)
    equal(session.leave("z"), ["to the one that was idle"], "records of the one that was idle")
    equal(session.leave("y"), [], "records of the other one")


def groups_read_independently(session):
    session.create("shared", 2)
    session.produce("shared", ("a", "1"), ("d", "2"), ("a", "3"))
    equal(session.consume("shared", "logs", 3), ["1", "2", "3"], "records of a group")
    equal(session.consume("shared", "counts", 3, *CONSUMER), ["1", "2", "3"], "records of another")
    session.produce("shared", ("a", "4"), ("d", "5"))
    equal(session.consume("shared", "logs", 2), ["4", "5"], "records that are new to the first")
    equal(lag(session, "logs"), 0, "lag of the first")
    equal(lag(session, "counts"), 2, "lag of the second")
    session.must(f"{GROUPS} --group logs --topic shared --reset-offsets --to-earliest --execute")
    equal(lag(session, "logs"), 5, "lag of the first, sent back")
    equal(lag(session, "counts"), 2, "lag of the second, which nobody has touched")
    equal(session.consume("shared", "counts", 2, *CONSUMER), ["4", "5"], "records that are new to the second")
    equal(session.consume("shared", "logs", 5), ["1", "2", "3", "4", "5"], "records of the first once more")


def lag(session, group):
    return sum(int(row["LAG"]) for row in session.describe(group))


def offsets_count_up(session):
    session.create("counted", 1)
    session.produce("counted", ("a", "Hello, offset!"), ("a", "Hello, offset!"))
    equal(session.consume("counted", "counters", 2), ["Hello, offset!"] * 2, "records")
    equal(offsets(session, "counters"), [("2", "2", "0", "-")], "offsets")
    session.produce("counted", ("a", "New Message!"))
    equal(offsets(session, "counters"), [("2", "3", "1", "-")], "offsets before the new message is read")
    equal(session.consume("counted", "counters", 1), ["New Message!"], "records behind the offset")
    equal(offsets(session, "counters"), [("3", "3", "0", "-")], "offsets behind the new message")


def offsets(session, group):
    columns = ("CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID")
    return [tuple(row[column] for column in columns) for row in session.describe(group)]


def group_comes_with_use_and_goes_with_its_topic(session):
    """The other groups stay, also one that has read the topic and another beside it."""
    session.create("passing", 1)
    session.create("lasting", 1)
    session.produce("passing", ("a", "Hello, consumer?"))
    session.produce("lasting", ("a", "Still here."))
    before = groups(session)
    equal(before & {"passers", "wanderers"}, set(), "groups before their first use")
    equal(session.consume("passing", "passers", 1), ["Hello, consumer?"], "records of the first group")
    equal(session.consume("passing", "wanderers", 1), ["Hello, consumer?"], "records of the second group")
    equal(session.consume("lasting", "wanderers", 1), ["Still here."], "records of the second group, of another topic")
    equal(groups(session), before | {"passers", "wanderers"}, "groups after their first use")
    session.must("kafka-topics.sh --bootstrap-server $B --delete --topic passing")
    session.wait(lambda: "passers" not in groups(session), lambda: f"the group to go: {groups(session)}")
    equal(groups(session), before | {"wanderers"}, "groups once the topic is gone")
    equal([row["TOPIC"] for row in session.describe("wanderers")], ["lasting"], "topics of the second group")
    contains(session.run(f"{GROUPS} --describe --group passers").out, "Group passers not found.")


def groups(session):
    return set(session.must(f"{GROUPS} --list").split())
