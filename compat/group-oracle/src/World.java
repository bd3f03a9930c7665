package org.apache.kafka.coordinator.group;

import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.coordinator.common.runtime.CoordinatorExecutor;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataDelta;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataImage;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.common.runtime.CoordinatorTimer;
import org.apache.kafka.coordinator.group.metrics.GroupCoordinatorMetricsShard;
import org.apache.kafka.coordinator.group.modern.share.ShareGroupConfig;
import org.apache.kafka.timeline.SnapshotRegistry;

/** Kafka's own GroupMetadataManager with a clock, timers, topics and settings that a script moves. */
final class World {
    /** A topic of the script. */
    record Topic(Uuid id, int partitions) {}

    private static final String CONSUMER = "group.consumer.";

    long now = 1_000_000;
    GroupMetadataManager manager;
    final TreeMap<String, Topic> topics = new TreeMap<>();
    /** What is to be called when a timer ends, by its name. */
    final Map<String, Object> timers = new HashMap<>();
    /** The search for topics of regular expressions that waits: its key, its work, and what follows. */
    Object[] search;
    private final Map<String, Object> settings = new HashMap<>();
    private final List<CoordinatorRecord> log = new ArrayList<>();
    private GroupConfigManager groupSettings;
    private CoordinatorMetadataImage image;
    private List<String> racks = List.of();
    private long version;
    private int topicsMade;

    World() throws Exception {
        build();
    }

    /** Begins anew from the records so far, as after a start. */
    void reload() throws Exception {
        timers.clear();
        search = null;
        build();
        for (CoordinatorRecord record : log) {
            replay(record);
        }
        call("onLoaded");
    }

    /** A record is in the log from now on. */
    void append(CoordinatorRecord record, boolean replays) throws Exception {
        log.add(record);
        if (replays) {
            replay(record);
        }
    }

    /** Calls a method of the manager that takes such arguments. */
    Object call(String name, Object... arguments) throws Exception {
        for (Method method : GroupMetadataManager.class.getDeclaredMethods()) {
            if (method.getName().equals(name) && !method.isSynthetic() && takes(method, arguments)) {
                return invoke(method, manager, arguments);
            }
        }
        throw Proxies.unknown(name + "/" + arguments.length);
    }

    static Object invoke(Method method, Object self, Object... arguments) throws Exception {
        method.setAccessible(true);
        try {
            return method.invoke(self, arguments);
        } catch (InvocationTargetException thrown) {
            throw (Exception) thrown.getCause();
        }
    }

    private static boolean takes(Method method, Object[] arguments) {
        Class<?>[] types = method.getParameterTypes();
        if (types.length != arguments.length) {
            return false;
        }
        for (int at = 0; at < types.length; at++) {
            boolean fits = types[at].isPrimitive() ? arguments[at] != null
                : arguments[at] == null || types[at].isInstance(arguments[at]);
            if (!fits) {
                return false;
            }
        }
        return true;
    }

    private void replay(CoordinatorRecord record) throws Exception {
        Object value = record.value() == null ? null : record.value().message();
        for (Method method : GroupMetadataManager.class.getDeclaredMethods()) {
            if (method.getName().equals("replay") && method.getParameterTypes()[0].isInstance(record.key())) {
                invoke(method, manager, record.key(), value);
                return;
            }
        }
        throw Proxies.unknown("replay of " + record.key());
    }

    /** A topic is made, has other partitions, or is gone. */
    void topic(String name, Map<String, String> options, boolean isGone) throws Exception {
        version++;
        racks = options.containsKey("racks") ? List.of(options.get("racks").split(",")) : List.of();
        Set<Uuid> created = new HashSet<>();
        Set<Uuid> changed = new HashSet<>();
        Set<Uuid> deleted = new HashSet<>();
        CoordinatorMetadataImage before = image;
        if (isGone) {
            deleted.add(topics.remove(name).id());
        } else {
            int partitions = Integer.parseInt(options.getOrDefault("partitions", "1"));
            Topic known = topics.get(name);
            Uuid id = known == null ? new Uuid(0, ++topicsMade) : known.id();
            if (known == null) {
                created.add(id);
            }
            topics.put(name, new Topic(id, partitions));
            changed.add(id);
        }
        image = image();
        CoordinatorMetadataDelta delta = Proxies.of(CoordinatorMetadataDelta.class, (method, arguments) ->
            switch (method) {
                case "createdTopicIds" -> created;
                case "changedTopicIds" -> changed;
                case "deletedTopicIds" -> deleted;
                case "image" -> before;
                default -> throw Proxies.unknown(method);
            });
        call("onMetadataUpdate", delta, image);
    }

    /** Settings of the broker, by the names that scripts give them. */
    void set(Map<String, String> options) throws Exception {
        Map<String, String> names = Map.of(
            "assignment", CONSUMER + "assignment.interval.ms",
            "consumer-size", CONSUMER + "max.size",
            "migration", CONSUMER + "migration.policy",
            "regex-refresh", CONSUMER + "regex.refresh.interval.ms",
            "delay", "group.initial.rebalance.delay.ms",
            "size", "group.max.size");
        names.forEach((name, key) -> Optional.ofNullable(options.get(name)).ifPresent(value -> settings.put(key, value)));
        Field config = GroupMetadataManager.class.getDeclaredField("config");
        config.setAccessible(true);
        config.set(manager, config());
    }

    /** Settings of one group. */
    void setOfGroup(String group, Map<String, String> options) {
        Properties own = new Properties();
        Map<String, String> names = Map.of(
            "session", "consumer.session.timeout.ms",
            "heartbeat", "consumer.heartbeat.interval.ms",
            "assignment", "consumer.assignment.interval.ms");
        names.forEach((name, key) -> Optional.ofNullable(options.get(name)).ifPresent(value -> own.put(key, value)));
        groupSettings.updateGroupConfig(group, own);
    }

    boolean isConsumerGroup(String id) {
        try {
            return manager.group(id).type() == Group.GroupType.CONSUMER;
        } catch (RuntimeException missing) {
            return false;
        }
    }

    String nameOf(Uuid id) {
        return topics.entrySet().stream().filter(entry -> entry.getValue().id().equals(id)).map(Map.Entry::getKey)
            .findFirst().orElse(id.toString());
    }

    Object config() throws Exception {
        return GroupCoordinatorConfig.class.getMethod("fromProps", Map.class).invoke(null, settings);
    }

    private void build() throws Exception {
        SnapshotRegistry registry = new SnapshotRegistry(new LogContext());
        Object config = config();
        for (Constructor<?> constructor : GroupConfigManager.class.getDeclaredConstructors()) {
            constructor.setAccessible(true);
            groupSettings = (GroupConfigManager) constructor.newInstance(new HashMap<>(), config, shareSettings());
        }
        image = image();
        GroupMetadataManager.Builder builder = new GroupMetadataManager.Builder();
        for (Method method : GroupMetadataManager.Builder.class.getDeclaredMethods()) {
            Object part = switch (method.getName()) {
                case "withLogContext" -> new LogContext();
                case "withSnapshotRegistry" -> registry;
                case "withTime" -> time();
                case "withTimer" -> timer();
                case "withExecutor" -> executor();
                case "withConfig" -> config;
                case "withGroupConfigManager" -> groupSettings;
                case "withMetadataImage" -> image;
                case "withGroupCoordinatorMetricsShard" ->
                    new GroupCoordinatorMetricsShard(registry, Map.of(), new TopicPartition("o", 0));
                default -> null;
            };
            if (part != null) {
                invoke(method, builder, part);
            }
        }
        manager = (GroupMetadataManager) invoke(GroupMetadataManager.Builder.class.getDeclaredMethod("build"), builder);
    }

    private static ShareGroupConfig shareSettings() {
        ConfigDef known = new ConfigDef(GroupCoordinatorConfig.CONFIG_DEF);
        for (ConfigDef.ConfigKey key : ShareGroupConfig.CONFIG_DEF.configKeys().values()) {
            if (!known.names().contains(key.name)) {
                known.define(key);
            }
        }
        return new ShareGroupConfig(new AbstractConfig(known, new HashMap<>(), false));
    }

    private Time time() {
        return Proxies.of(Time.class, (method, arguments) -> switch (method) {
            case "milliseconds", "hiResClockMs" -> now;
            case "nanoseconds" -> now * 1_000_000;
            default -> throw Proxies.unknown(method);
        });
    }

    private Object timer() {
        return Proxies.of(CoordinatorTimer.class, (method, arguments) -> switch (method) {
            case "schedule" -> {
                timers.put((String) arguments[0], arguments[arguments.length - 1]);
                yield null;
            }
            case "scheduleIfAbsent" -> {
                timers.putIfAbsent((String) arguments[0], arguments[arguments.length - 1]);
                yield null;
            }
            case "cancel" -> {
                timers.remove((String) arguments[0]);
                yield null;
            }
            case "isScheduled" -> timers.containsKey((String) arguments[0]);
            default -> null;
        });
    }

    private Object executor() {
        return Proxies.of(CoordinatorExecutor.class, (method, arguments) -> switch (method) {
            case "schedule" -> {
                boolean isFree = search == null;
                search = isFree ? arguments : search;
                yield isFree;
            }
            case "isScheduled" -> search != null;
            default -> null;
        });
    }

    private CoordinatorMetadataImage image() {
        TreeMap<String, Topic> topics = new TreeMap<>(this.topics);
        long version = this.version;
        return Proxies.of(CoordinatorMetadataImage.class, (method, arguments) -> switch (method) {
            case "topicNames" -> topics.keySet();
            case "topicIds" -> topics.values().stream().map(Topic::id).collect(Collectors.toSet());
            case "topicMetadata" -> topics.entrySet().stream()
                .filter(entry -> arguments[0].equals(entry.getKey()) || arguments[0].equals(entry.getValue().id()))
                .findFirst().map(entry -> shown(entry.getKey(), entry.getValue()));
            case "version" -> version;
            case "isEmpty" -> topics.isEmpty();
            default -> throw Proxies.unknown(method);
        });
    }

    private CoordinatorMetadataImage.TopicMetadata shown(String name, Topic topic) {
        return Proxies.of(CoordinatorMetadataImage.TopicMetadata.class, (method, arguments) -> switch (method) {
            case "name" -> name;
            case "id" -> topic.id();
            case "partitionCount" -> topic.partitions();
            case "partitionRacks" -> new ArrayList<>(racks);
            default -> throw Proxies.unknown(method);
        });
    }
}
