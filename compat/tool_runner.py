"""Many of Kafka's command-line tools in one virtual machine: tool-runner/src/ToolRunner.java, from Python."""

import json
import shlex
import shutil
import subprocess

import clients
import foreground
import install
from expect import need

SOURCE = clients.HERE / "tool-runner" / "src" / "ToolRunner.java"
CLASSES = install.TARGET / "tool-runner"
MAIN_CLASSES = {
    "kafka-acls.sh": "org.apache.kafka.tools.AclCommand",
    "kafka-broker-api-versions.sh": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-cluster.sh": "org.apache.kafka.tools.ClusterTool",
    "kafka-configs.sh": "kafka.admin.ConfigCommand",
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer.sh": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-consumer-perf-test.sh": "org.apache.kafka.tools.ConsumerPerformance",
    "kafka-consumer-groups.sh": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-delete-records.sh": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-dump-log.sh": "org.apache.kafka.tools.DumpLogSegments",
    "kafka-e2e-latency.sh": "org.apache.kafka.tools.EndToEndLatency",
    "kafka-features.sh": "org.apache.kafka.tools.FeatureCommand",
    "kafka-get-offsets.sh": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-groups.sh": "org.apache.kafka.tools.GroupsCommand",
    "kafka-leader-election.sh": "org.apache.kafka.tools.LeaderElectionCommand",
    "kafka-log-dirs.sh": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-metadata-quorum.sh": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-producer-perf-test.sh": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-reassign-partitions.sh": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "kafka-replica-verification.sh": "org.apache.kafka.tools.ReplicaVerificationTool",
    "kafka-share-groups.sh": "org.apache.kafka.tools.consumer.group.ShareGroupCommand",
    "kafka-producer-perf-test.sh": "org.apache.kafka.tools.ProducerPerformance",
    "kafka-storage.sh": "kafka.tools.StorageTool",
    "kafka-streams-application-reset.sh": "org.apache.kafka.tools.StreamsResetter",
    "kafka-streams-groups.sh": "org.apache.kafka.tools.streams.StreamsGroupCommand",
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-transactions.sh": "org.apache.kafka.tools.TransactionsCommand",
    "kafka-verifiable-consumer.sh": "org.apache.kafka.tools.VerifiableConsumer",
    "kafka-verifiable-producer.sh": "org.apache.kafka.tools.VerifiableProducer",
}

# They, or their parser where it cannot read a line, end the virtual machine by themselves.
ALONE = ("kafka-cluster.sh", "kafka-replica-verification.sh", "kafka-verifiable-consumer.sh", "kafka-verifiable-producer.sh")

Outcome = foreground.Outcome


class ToolRunner:
    """The virtual machine; it ends with the block it is opened for, and with it whatever runs in the background."""

    def __enter__(self):
        libraries = need(shutil.which("javac") and install.kafka_tools(), "a Java compiler and Maven (Apache Kafka's own tools)")
        compiled(libraries)
        settings = clients.HERE / "kafka-peer" / "log4j2-tools.yaml"
        self.java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                     f"-Dlog4j2.configurationFile={settings}", "-cp", f"{CLASSES}:{libraries}/*"]
        self.process = subprocess.Popen([*self.java, "ToolRunner"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()

    def run(self, line, stdin="", stop=None):
        """The outcome of a command, told as a shell would have it."""
        if stop or shlex.split(line)[0] in ALONE:
            return foreground.run(self.command(line), stdin, stop)
        return outcome(line, self._ask(do="run", input=stdin, **command(line)))

    def command(self, line):
        """The words of a process that is nothing but the command."""
        program, *arguments = shlex.split(line)
        return [*self.java, MAIN_CLASSES[program], *arguments]

    def start(self, name, line):
        """The command goes on in the background, under the name."""
        self._ask(do="start", name=name, **command(line))

    def peek(self, name):
        """What a command in the background has printed so far."""
        return self._ask(do="peek", name=name)["out"]

    def stop(self, name):
        """Ends a command in the background as the terminal would; its outcome."""
        return outcome(name, self._ask(do="stop", name=name))

    def _ask(self, **request):
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the tool runner ended at {request}")
        return json.loads(answer)


def command(line):
    program, *arguments = shlex.split(line)
    return {"class": MAIN_CLASSES[program], "arguments": arguments}


def outcome(what, answer):
    if "exit" not in answer:
        raise RuntimeError(f"'{what}' does not end; it printed:\n{answer['out']}{answer['err']}")
    return Outcome(answer["exit"], answer["out"], answer["err"])


def compiled(libraries):
    program = CLASSES / "ToolRunner.class"
    if not program.exists() or SOURCE.stat().st_mtime > program.stat().st_mtime:
        CLASSES.mkdir(parents=True, exist_ok=True)
        install.run("javac", "-nowarn", "-d", CLASSES, "-cp", f"{libraries}/*", SOURCE)
