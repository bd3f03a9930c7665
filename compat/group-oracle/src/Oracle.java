package org.apache.kafka.coordinator.group;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.*;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.coordinator.common.runtime.*;
import org.apache.kafka.coordinator.group.generated.GroupMetadataKey;
import org.apache.kafka.coordinator.group.generated.GroupMetadataValue;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;

/** Runs a script of crates/coordinator/testdata against Kafka's own group manager and prints what that answers and writes. */
public final class Oracle {
    /** An answer that may come later, and whom it is for. */
    private record Awaited(String to, CompletableFuture<?> answer) {}

    private final World world = new World();
    private final Shown shown = new Shown(world);
    private final StringBuilder out = new StringBuilder();
    private final List<Awaited> awaited = new ArrayList<>();
    /** Member ids that the manager has made, under the names that the script gives them. */
    private final LinkedHashMap<String, String> names = new LinkedHashMap<>();
    /** Ends when the script says that the leader's assignments are stored. */
    private CompletableFuture<Void> held;

    private Oracle() throws Exception {}

    public static void main(String[] arguments) throws Exception {
        Oracle oracle = new Oracle();
        for (String block : Files.readString(Path.of(arguments[0])).split("\n\n")) {
            String input = block.split("\n----")[0].strip();
            if (!input.isEmpty()) {
                System.out.println(input + "\n----\n" + oracle.answer(input));
            }
        }
    }

    private String answer(String input) {
        List<String> lines = Arrays.stream(input.split("\n")).filter(line -> !line.startsWith("#")).toList();
        out.setLength(0);
        try {
            execute(new Line(lines.get(0)), lines.subList(1, lines.size()).stream().map(Line::new).toList());
        } catch (Exception thrown) {
            out.append("! ").append(thrown).append("\n");
        }
        String text = out.toString();
        for (Map.Entry<String, String> name : names.entrySet()) {
            text = text.replace(name.getKey(), name.getValue());
        }
        return text;
    }

    /** A line of words and of options. */
    private final class Line {
        final List<String> words = new ArrayList<>();
        final Map<String, String> options = new HashMap<>();

        Line(String line) {
            for (String part : line.trim().split("\\s+")) {
                int at = part.indexOf('=');
                if (at < 0) {
                    words.add(part);
                } else {
                    options.put(part.substring(0, at), part.substring(at + 1));
                }
            }
        }

        String text(String option, String otherwise) {
            return options.getOrDefault(option, otherwise);
        }

        String text(String option) {
            return options.get(option);
        }

        int number(String option, int otherwise) {
            return Integer.parseInt(text(option, "" + otherwise));
        }

        /** The id that stands behind a member's name. */
        String member() {
            return idOf(text("member", ""));
        }

        String to() {
            return text("as", "?");
        }
    }

    private String idOf(String name) {
        return names.entrySet().stream().filter(entry -> entry.getValue().equals(name)).map(Map.Entry::getKey)
            .findFirst().orElse(name);
    }

    private void execute(Line line, List<Line> rest) throws Exception {
        String subject = line.words.size() > 1 ? line.words.get(1) : "";
        switch (line.words.get(0)) {
            case "time" -> world.now += Long.parseLong(subject);
            case "topic" -> world.topic(subject, line.options, line.words.contains("gone"));
            case "set" -> world.set(line.options);
            case "group-config" -> world.setOfGroup(subject, line.options);
            case "reload" -> {
                held = null;
                awaited.clear();
                world.reload();
            }
            case "beat" -> beat(subject.replace("-", ""), line);
            case "resolve" -> resolve(!subject.isEmpty());
            case "join" -> join(subject, line);
            case "sync" -> sync(subject, line);
            case "stored" -> {
                if (held != null) {
                    held.complete(null);
                }
                held = null;
                deliver();
            }
            case "heartbeat" -> heartbeat(subject, line);
            case "leave" -> leave(subject, line, rest);
            case "expired" -> expired(line.words);
            case "describe-consumer" -> describeConsumer(subject);
            case "describe" -> describe(subject);
            case "list" -> list(line);
            default -> out.append("(not here)\n");
        }
    }

    /** The records of a result are appended and, where nobody holds them, committed. */
    @SuppressWarnings("unchecked")
    private void take(Object returned, boolean mayHold) throws Exception {
        var result = (CoordinatorResult<?, CoordinatorRecord>) returned;
        for (CoordinatorRecord record : result.records()) {
            world.append(record, result.replayRecords());
        }
        if (result.appendFuture() != null) {
            if (mayHold && isGeneration(result.records())) {
                held = result.appendFuture();
            } else {
                result.appendFuture().complete(null);
            }
        }
        deliver();
        result.records().forEach(record -> out.append("+ ").append(shown.record(record)).append("\n"));
    }

    private static boolean isGeneration(List<CoordinatorRecord> records) {
        return records.size() == 1 && records.get(0).key() instanceof GroupMetadataKey
            && !((GroupMetadataValue) records.get(0).value().message()).members().isEmpty();
    }

    private void deliver() {
        for (Iterator<Awaited> each = awaited.iterator(); each.hasNext();) {
            Awaited one = each.next();
            if (!one.answer().isDone()) {
                continue;
            }
            each.remove();
            Object answer = one.answer().getNow(null);
            out.append(one.to());
            if (answer instanceof JoinGroupResponseData join) {
                name(join.memberId());
                out.append(": join ").append(Errors.forCode(join.errorCode())).append(" member=").append(join.memberId())
                    .append(" gen=").append(join.generationId()).append(" protocol=").append(join.protocolName())
                    .append(" leader=").append(join.leader())
                    .append(join.members().stream().map(member -> member.memberId())
                        .collect(Collectors.joining(" ", " members=[", "]")))
                    .append(join.skipAssignment() ? " skip\n" : "\n");
            } else if (answer instanceof SyncGroupResponseData sync) {
                out.append(": sync ").append(Errors.forCode(sync.errorCode())).append(" ")
                    .append(shown.embedded(sync.assignment())).append("\n");
            }
        }
    }

    /** Ids that the manager has made are longer than those of scripts. */
    private void name(String id) {
        if (id != null && (id.length() > 36 || id.length() == 22)) {
            names.putIfAbsent(id, "m" + (names.size() + 1));
        }
    }

    private void beat(String group, Line line) throws Exception {
        boolean joins = line.number("epoch", 0) == 0;
        String instance = line.text("instance");
        var request = new ConsumerGroupHeartbeatRequestData()
            .setGroupId(group).setMemberId(line.member()).setMemberEpoch(line.number("epoch", 0))
            .setInstanceId(instance == null ? null : instance.replace('~', ' ')).setRackId(line.text("rack"))
            .setRebalanceTimeoutMs(line.number("rebalance", joins ? 60_000 : -1))
            .setServerAssignor(line.text("assignor"));
        if (line.text("names") != null) {
            request.setSubscribedTopicNames(list(line.text("names")));
        }
        if (line.text("regex") != null) {
            request.setSubscribedTopicRegex(line.text("regex").equals("-") ? "" : line.text("regex"));
        }
        String owned = line.text("owned", joins ? "-" : "null");
        if (!owned.equals("null")) {
            request.setTopicPartitions(list(owned).stream().map(this::ownedTopic).toList());
        }
        int version = line.number("v", 1);
        try {
            check(request, version);
            Object returned = world.call("consumerGroupHeartbeat", context(version), request);
            var answer = (ConsumerGroupHeartbeatResponseData) ((CoordinatorResult<?, ?>) returned).response();
            name(answer.memberId());
            String assigned = answer.assignment() == null ? "-" : shown.partitions(
                answer.assignment().topicPartitions(), topic -> topic.topicId(), topic -> topic.partitions(), null);
            out.append(line.to()).append(": beat ").append(Errors.forCode(answer.errorCode())).append(" ")
                .append(answer.memberId()).append(" epoch=").append(answer.memberEpoch()).append(" every=")
                .append(answer.heartbeatIntervalMs()).append(" ").append(assigned).append("\n");
            take(returned, false);
        } catch (ApiException refused) {
            out.append(line.to()).append(": beat ").append(Errors.forException(refused)).append(" ")
                .append(refused.getMessage()).append("\n");
        }
    }

    private ConsumerGroupHeartbeatRequestData.TopicPartitions ownedTopic(String text) {
        String[] parts = text.split(":");
        World.Topic topic = world.topics.get(parts[0]);
        return new ConsumerGroupHeartbeatRequestData.TopicPartitions()
            .setTopicId(topic == null ? Uuid.ZERO_UUID : topic.id()).setPartitions(numbers(parts[1]));
    }

    /** What Kafka's service checks before its manager sees a request. */
    private void check(ConsumerGroupHeartbeatRequestData request, int version) throws Exception {
        for (Method method : GroupCoordinatorService.class.getDeclaredMethods()) {
            if (method.getName().equals("throwIfConsumerGroupHeartbeatRequestIsInvalid")) {
                Object service = Modifier.isStatic(method.getModifiers()) ? null : service();
                boolean isBoxed = method.getParameterCount() > 1 && method.getParameterTypes()[1] == short.class;
                Object versionTold = isBoxed ? (Object) (short) version : (Object) version;
                World.invoke(method, service, method.getParameterCount() == 1
                    ? new Object[] {request} : new Object[] {request, versionTold});
            }
        }
    }

    /** A service without anything but what the checks look at. */
    private Object service() throws Exception {
        Field unsafe = Class.forName("sun.misc.Unsafe").getDeclaredField("theUnsafe");
        unsafe.setAccessible(true);
        Object service = ((sun.misc.Unsafe) unsafe.get(null)).allocateInstance(GroupCoordinatorService.class);
        for (Field field : GroupCoordinatorService.class.getDeclaredFields()) {
            field.setAccessible(true);
            switch (field.getName()) {
                case "config" -> field.set(service, world.config());
                case "consumerGroupAssignors" -> field.set(service, Set.of("uniform", "range"));
                default -> { }
            }
        }
        return service;
    }

    private void resolve(boolean fails) throws Exception {
        Object[] search = world.search;
        world.search = null;
        Method run = CoordinatorExecutor.TaskRunnable.class.getMethods()[0];
        Method done = CoordinatorExecutor.TaskOperation.class.getMethods()[0];
        Object found = fails ? null : World.invoke(run, search[1]);
        take(World.invoke(done, search[2], found, fails ? new RuntimeException("not found") : null), false);
    }

    private void join(String group, Line line) throws Exception {
        var request = new JoinGroupRequestData().setGroupId(group).setMemberId(line.member())
            .setGroupInstanceId(line.text("instance")).setProtocolType(line.text("type", "consumer"))
            .setSessionTimeoutMs(line.number("session", 10_000))
            .setRebalanceTimeoutMs(line.number("rebalance", 60_000))
            .setProtocols(protocols(line.text("protocols", "range:t"), line.text("owned")));
        var answer = new CompletableFuture<JoinGroupResponseData>();
        awaited.add(new Awaited(line.to(), answer));
        try {
            take(world.call("classicGroupJoin", context(line.number("v", 9)), request, answer), true);
        } catch (ApiException refused) {
            answer.complete(new JoinGroupResponseData().setMemberId(request.memberId())
                .setErrorCode(Errors.forException(refused).code()));
            deliver();
        }
    }

    private JoinGroupRequestData.JoinGroupRequestProtocolCollection protocols(String text, String owned) {
        var protocols = new JoinGroupRequestData.JoinGroupRequestProtocolCollection();
        for (String each : text.split(",")) {
            String[] parts = each.split(":");
            var said = new ConsumerProtocolSubscription()
                .setTopics(parts.length < 2 ? List.of() : List.of(parts[1].split("\\+")));
            for (String topic : list(owned == null ? "" : owned)) {
                String[] named = topic.split(":");
                said.ownedPartitions().add(new ConsumerProtocolSubscription.TopicPartition().setTopic(named[0])
                    .setPartitions(numbers(named[1])));
            }
            short version = (short) (owned == null ? 0 : 1);
            protocols.add(new JoinGroupRequestData.JoinGroupRequestProtocol().setName(parts[0])
                .setMetadata(Utils.toArray(MessageUtil.toVersionPrefixedByteBuffer(version, said))));
        }
        return protocols;
    }

    private void sync(String group, Line line) throws Exception {
        var request = new SyncGroupRequestData().setGroupId(group).setMemberId(line.member())
            .setGroupInstanceId(line.text("instance")).setGenerationId(line.number("gen", 1))
            .setProtocolName(line.text("protocol")).setProtocolType(line.text("type"));
        for (String each : list(line.text("assign", ""))) {
            int at = each.indexOf(':');
            request.assignments().add(new SyncGroupRequestData.SyncGroupRequestAssignment()
                .setMemberId(idOf(each.substring(0, at))).setAssignment(assignment(each.substring(at + 1))));
        }
        var answer = new CompletableFuture<SyncGroupResponseData>();
        awaited.add(new Awaited(line.to(), answer));
        try {
            take(world.call("classicGroupSync", context(line.number("v", 9)), request, answer), true);
        } catch (ApiException refused) {
            answer.complete(new SyncGroupResponseData().setErrorCode(Errors.forException(refused).code()));
            deliver();
        }
    }

    private static byte[] assignment(String text) {
        if (!text.startsWith("@")) {
            return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
        }
        String[] named = text.substring(1).split("/");
        var assignment = new ConsumerProtocolAssignment();
        assignment.assignedPartitions().add(new ConsumerProtocolAssignment.TopicPartition().setTopic(named[0])
            .setPartitions(numbers(named[1])));
        return Utils.toArray(MessageUtil.toVersionPrefixedByteBuffer((short) 0, assignment));
    }

    private void heartbeat(String group, Line line) throws Exception {
        var request = new HeartbeatRequestData().setGroupId(group).setMemberId(line.member())
            .setGroupInstanceId(line.text("instance")).setGenerationId(line.number("gen", 1));
        try {
            Object returned = world.call("classicGroupHeartbeat", context(line.number("v", 9)), request);
            var answer = (HeartbeatResponseData) ((CoordinatorResult<?, ?>) returned).response();
            out.append(line.to()).append(": heartbeat ").append(Errors.forCode(answer.errorCode())).append("\n");
            take(returned, false);
        } catch (ApiException refused) {
            out.append(line.to()).append(": heartbeat ").append(Errors.forException(refused)).append("\n");
        }
    }

    private void leave(String group, Line line, List<Line> members) throws Exception {
        var request = new LeaveGroupRequestData().setGroupId(group);
        for (Line member : members) {
            request.members().add(new LeaveGroupRequestData.MemberIdentity().setMemberId(member.member())
                .setGroupInstanceId(member.text("instance")).setReason(member.text("reason")));
        }
        try {
            Object returned = world.call("classicGroupLeave", context(line.number("v", 9)), request);
            var answer = (LeaveGroupResponseData) ((CoordinatorResult<?, ?>) returned).response();
            out.append(line.to()).append(": leave ").append(Errors.forCode(answer.errorCode()));
            answer.members().forEach(member -> out.append(" ").append(member.memberId()).append("/")
                .append(member.groupInstanceId()).append("=").append(Errors.forCode(member.errorCode())));
            out.append("\n");
            take(returned, false);
        } catch (ApiException refused) {
            out.append(line.to()).append(": leave ").append(Errors.forException(refused)).append("\n");
        }
    }

    private void expired(List<String> words) throws Exception {
        String group = words.get(2);
        String member = words.size() > 3 ? idOf(words.get(3)) : "";
        String ofMember = "-" + group + "-" + member;
        Predicate<String> isMeant = switch (words.get(1)) {
            case "session" -> ((world.isConsumerGroup(group) ? "session-timeout" : "heartbeat") + ofMember)::equals;
            case "revocation" -> ("rebalance-timeout" + ofMember)::equals;
            case "member-join" -> name -> name.contains("join") && name.endsWith(ofMember.substring(1));
            case "member-sync" -> name -> name.contains("sync") && name.endsWith(ofMember.substring(1));
            default -> name -> name.contains(words.get(1)) && name.endsWith("-" + group);
        };
        Optional<String> timer = world.timers.keySet().stream().filter(isMeant).findFirst();
        if (timer.isEmpty()) {
            out.append("! no such timer among ").append(world.timers.keySet()).append("\n");
            return;
        }
        take(World.invoke(CoordinatorTimer.TimeoutOperation.class.getMethods()[0], world.timers.remove(timer.get())), false);
    }

    @SuppressWarnings("unchecked")
    private void describeConsumer(String id) throws Exception {
        var groups = (List<ConsumerGroupDescribeResponseData.DescribedGroup>)
            world.call("consumerGroupDescribe", List.of(id), Long.MAX_VALUE);
        for (var group : groups) {
            if (group.errorMessage() != null) {
                out.append(Errors.forCode(group.errorCode())).append(" ").append(group.errorMessage()).append("\n");
                continue;
            }
            out.append(group.groupState()).append(" epoch=").append(group.groupEpoch()).append(" target=")
                .append(group.assignmentEpoch()).append(" ").append(group.assignorName()).append("\n");
            group.members().stream().sorted(Comparator.comparing(member -> member.memberId())).forEach(member ->
                out.append(member.memberId()).append(" epoch=").append(member.memberEpoch())
                    .append(member.memberType() == 0 ? " classic " : " ").append(assigned(member.assignment()))
                    .append(" target=").append(assigned(member.targetAssignment()))
                    .append(member.subscribedTopicRegex() == null ? " regex=NULL\n" : "\n"));
        }
    }

    private String assigned(ConsumerGroupDescribeResponseData.Assignment assignment) {
        return shown.partitions(assignment.topicPartitions(), topic -> topic.topicId(), topic -> topic.partitions(), null);
    }

    @SuppressWarnings("unchecked")
    private void describe(String id) throws Exception {
        var groups = (List<DescribeGroupsResponseData.DescribedGroup>)
            world.call("describeGroups", context(6), List.of(id), Long.MAX_VALUE);
        for (var group : groups) {
            group.members().forEach(member -> name(member.memberId()));
            out.append(Errors.forCode(group.errorCode())).append(" ").append(group.groupState()).append(" type=")
                .append(group.protocolType()).append(" protocol=").append(group.protocolData()).append("\n");
            group.members().stream()
                .map(member -> member.memberId() + " " + shown.embedded(member.memberAssignment()) + "\n")
                .sorted().forEach(out::append);
        }
    }

    @SuppressWarnings("unchecked")
    private void list(Line line) throws Exception {
        Set<String> states = line.text("state") == null ? Set.of() : Set.of(line.text("state"));
        Set<String> types = line.text("type") == null ? Set.of() : Set.of(line.text("type"));
        var groups = (List<ListGroupsResponseData.ListedGroup>) world.call("listGroups", states, types, Long.MAX_VALUE);
        groups.stream().sorted(Comparator.comparing(group -> group.groupId())).forEach(group ->
            out.append(group.groupId()).append(" ").append(group.groupType()).append(" ").append(group.groupState())
                .append(" ").append(group.protocolType()).append("\n"));
    }

    private static AuthorizableRequestContext context(int version) {
        return Proxies.of(AuthorizableRequestContext.class, (method, arguments) -> switch (method) {
            case "clientId" -> "c";
            case "requestVersion" -> version;
            case "clientAddress" -> InetAddress.getByName("127.0.0.1");
            default -> null;
        });
    }

    private static List<String> list(String text) {
        return Arrays.stream(text.split(",")).filter(part -> !part.isEmpty() && !part.equals("-")).toList();
    }

    private static List<Integer> numbers(String text) {
        return Arrays.stream(text.split("\\+")).map(Integer::valueOf).collect(Collectors.toList());
    }
}
