package org.apache.kafka.coordinator.group;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ConsumerProtocolAssignment;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.group.generated.*;

/** Records and assignments as the scripts write them. */
final class Shown {
    private static final List<String> STATES = List.of("stable", "unrevoked", "unreleased");

    private final World world;

    Shown(World world) {
        this.world = world;
    }

    String record(CoordinatorRecord record) {
        String key = key(record.key());
        if (record.value() == null) {
            return key + " gone";
        }
        Object message = record.value().message();
        if (message instanceof GroupMetadataValue value) {
            return key + " v" + record.value().version() + classic(value);
        }
        if (message instanceof ConsumerGroupMetadataValue value) {
            return key + " epoch=" + value.epoch() + " hash=" + Long.toHexString(value.metadataHash());
        }
        if (message instanceof ConsumerGroupMemberMetadataValue value) {
            return key + member(value);
        }
        if (message instanceof ConsumerGroupTargetAssignmentMetadataValue value) {
            String time = value.assignmentTimestamp() == 0 ? " never" : " at=" + since(value.assignmentTimestamp());
            return key + " epoch=" + value.assignmentEpoch() + time;
        }
        if (message instanceof ConsumerGroupTargetAssignmentMemberValue value) {
            return key + " " + partitions(value.topicPartitions(), topic -> topic.topicId(), topic -> topic.partitions(), null);
        }
        if (message instanceof ConsumerGroupCurrentMemberAssignmentValue value) {
            return key + current(value);
        }
        if (message instanceof ConsumerGroupRegularExpressionValue value) {
            String topics = value.topics().stream().sorted().collect(Collectors.joining(" "));
            return key + " [" + topics + "] version=" + value.version() + " at=" + since(value.timestamp());
        }
        return key + " " + message;
    }

    /** What a member of the classic protocol was assigned, where it is Kafka's own format or text. */
    String embedded(byte[] bytes) {
        if (bytes.length == 0 || bytes[0] != 0) {
            return "\"" + new String(bytes, StandardCharsets.UTF_8) + "\"";
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        short version = buffer.getShort();
        var assignment = new ConsumerProtocolAssignment(new ByteBufferAccessor(buffer), version);
        return "v" + version + assignment.assignedPartitions().stream()
            .map(topic -> "@" + topic.topic() + "/" + topic.partitions().stream().sorted().map(String::valueOf)
                .collect(Collectors.joining("+")))
            .sorted().collect(Collectors.joining(" ", "[", "]"));
    }

    /** Partitions by topic, with the epochs in which they were assigned where there are any. */
    <T> String partitions(
        List<T> topics,
        Function<T, Uuid> id,
        Function<T, List<Integer>> partitions,
        Function<T, List<Integer>> epochs
    ) {
        TreeMap<Uuid, String> sorted = new TreeMap<>();
        for (T topic : topics) {
            List<Integer> indexes = partitions.apply(topic);
            List<Integer> since = epochs == null ? null : epochs.apply(topic);
            TreeMap<Integer, String> each = new TreeMap<>();
            for (int at = 0; at < indexes.size(); at++) {
                String epoch = epochs == null ? "" : "@" + (since == null ? "null" : since.get(at));
                each.put(indexes.get(at), indexes.get(at) + epoch);
            }
            sorted.put(id.apply(topic), world.nameOf(id.apply(topic)) + ":" + String.join(",", each.values()));
        }
        return "[" + String.join(" ", sorted.values()) + "]";
    }

    private static String key(Object key) {
        if (key instanceof GroupMetadataKey of) {
            return "group " + of.group();
        }
        if (key instanceof ConsumerGroupMetadataKey of) {
            return "consumer-group " + of.groupId();
        }
        if (key instanceof ConsumerGroupPartitionMetadataKey of) {
            return "partition-metadata " + of.groupId();
        }
        if (key instanceof ConsumerGroupMemberMetadataKey of) {
            return "member " + of.groupId() + " " + of.memberId();
        }
        if (key instanceof ConsumerGroupTargetAssignmentMetadataKey of) {
            return "target " + of.groupId();
        }
        if (key instanceof ConsumerGroupTargetAssignmentMemberKey of) {
            return "target " + of.groupId() + " " + of.memberId();
        }
        if (key instanceof ConsumerGroupCurrentMemberAssignmentKey of) {
            return "current " + of.groupId() + " " + of.memberId();
        }
        if (key instanceof ConsumerGroupRegularExpressionKey of) {
            return "regex " + of.groupId() + " " + of.regularExpression();
        }
        return key.toString();
    }

    private String classic(GroupMetadataValue value) {
        return " gen=" + value.generation() + " type=\"" + value.protocolType() + "\" protocol=" + value.protocol()
            + " leader=" + value.leader()
            + value.members().stream().map(member -> " " + member.memberId() + ":" + embedded(member.assignment()))
                .sorted().collect(Collectors.joining());
    }

    private static String member(ConsumerGroupMemberMetadataValue value) {
        StringBuilder text = new StringBuilder(" [" + String.join(" ", value.subscribedTopicNames()) + "] rebalance="
            + value.rebalanceTimeoutMs());
        add(text, " instance=", value.instanceId());
        add(text, " rack=", value.rackId());
        if (value.subscribedTopicRegex() == null) {
            text.append(" regex=NULL");
        } else if (!value.subscribedTopicRegex().isEmpty()) {
            text.append(" regex=").append(value.subscribedTopicRegex());
        }
        add(text, " assignor=", value.serverAssignor());
        var classic = value.classicMemberMetadata();
        if (classic != null) {
            text.append(" classic=").append(classic.supportedProtocols().stream().map(protocol -> protocol.name())
                .collect(Collectors.joining(","))).append(" session=").append(classic.sessionTimeoutMs());
        }
        return text.toString();
    }

    private static void add(StringBuilder text, String name, String value) {
        if (value != null) {
            text.append(name).append(value);
        }
    }

    private String current(ConsumerGroupCurrentMemberAssignmentValue value) {
        String state = value.state() < STATES.size() ? STATES.get(value.state()) : "unknown";
        String revoking = value.partitionsPendingRevocation().isEmpty() ? ""
            : " revoking=" + epochs(value.partitionsPendingRevocation());
        return " epoch=" + value.memberEpoch() + " before=" + value.previousMemberEpoch() + " " + state + " "
            + epochs(value.assignedPartitions()) + revoking;
    }

    private String epochs(List<ConsumerGroupCurrentMemberAssignmentValue.TopicPartitions> topics) {
        return partitions(topics, topic -> topic.topicId(), topic -> topic.partitions(), topic -> topic.assignmentEpochs());
    }

    private String since(long time) {
        long since = time - world.now;
        return since < 0 ? "" + since : "+" + since;
    }
}
