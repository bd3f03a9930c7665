import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;

/** Speaks as scripts/group_member.py does; what the words mean is told there. */
final class TellingMember implements ConsumerRebalanceListener {
    private static final Map<String, String> ASSIGNORS = Map.of(
            "range", "org.apache.kafka.clients.consumer.RangeAssignor",
            "roundrobin", "org.apache.kafka.clients.consumer.RoundRobinAssignor",
            "cooperative-sticky", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
    /** As in scripts/group_member.py. */
    private static final int GROUP_GONE = 3;
    private static final Duration CALL = Duration.ofSeconds(5);

    private final FileOutputStream out = new FileOutputStream(FileDescriptor.out);
    private final ConcurrentLinkedQueue<String[]> orders = new ConcurrentLinkedQueue<>();
    private final String topic;
    private final KafkaConsumer<String, String> consumer;
    /** Next offset to process, and the one committed, by partition. */
    private final Map<Integer, Long> next = new HashMap<>();
    private final Map<Integer, Long> committed = new HashMap<>();
    private int commits = 0;
    private boolean each;
    private double workMs;
    private boolean stopped = false;

    TellingMember(Map<String, String> given) {
        topic = given.get("topic");
        each = given.get("commit").equals("record");
        workMs = Double.parseDouble(given.get("work_ms"));
        Properties settings = Member.settings(given.get("address"), given.get("group"), given.get("protocol"));
        settings.put(ConsumerConfig.MAX_POLL_INTERVAL_MS_CONFIG, given.get("poll_ms"));
        settings.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "50");
        settings.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, "100");
        settings.put(ConsumerConfig.RECONNECT_BACKOFF_MAX_MS_CONFIG, "300");
        if (given.get("protocol").equals("classic")) {
            settings.put(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, given.get("session_ms"));
            settings.put(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, "200");
            settings.put(ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG, ASSIGNORS.get(given.get("assignor")));
        }
        consumer = new KafkaConsumer<>(settings);
    }

    void run() throws InterruptedException {
        Thread reader = new Thread(this::readOrders);
        reader.setDaemon(true);
        reader.start();
        consumer.subscribe(List.of(topic), this);
        try {
            consume();
        } catch (GroupIdNotFoundException gone) {
            System.err.println(gone);
            System.exit(GROUP_GONE);
        }
        commit();
        consumer.close();
        say("left");
    }

    private void consume() throws InterruptedException {
        while (obey()) {
            // After a commit that failed the batch goes on without: each further one might take as long to fail.
            boolean goesWell = true;
            for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                Thread.sleep((long) workMs);
                say("record " + record.partition() + " " + record.offset() + " " + record.value());
                next.put(record.partition(), record.offset() + 1);
                goesWell = goesWell && (!each || commit());
            }
            if (goesWell) {
                commit();
            }
        }
    }

    private void readOrders() {
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                orders.add(line.split(" "));
            }
        } catch (IOException closed) {
            // The same as its end.
        }
        orders.add(new String[] {"stop"});
    }

    /** Whether to go on. */
    private boolean obey() throws InterruptedException {
        String[] order = orders.poll();
        if (order == null) {
            return true;
        }
        switch (order[0]) {
            case "pause" -> Thread.sleep((long) (Double.parseDouble(order[1]) * 1000));
            case "work" -> workMs = Double.parseDouble(order[1]);
            case "commit" -> each = order[1].equals("record");
            default -> stopped = true;
        }
        return !stopped;
    }

    private boolean commit() {
        Map<Integer, Long> due = new HashMap<>(next);
        due.entrySet().removeIf(entry -> entry.getValue().equals(committed.get(entry.getKey())));
        if (due.isEmpty()) {
            return true;
        }
        int number = ++commits;
        say("committing " + number + due.entrySet().stream().map(entry -> " " + entry.getKey() + ":" + entry.getValue())
                .collect(Collectors.joining()));
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        due.forEach((partition, offset) -> offsets.put(new TopicPartition(topic, partition), new OffsetAndMetadata(offset)));
        try {
            consumer.commitSync(offsets, CALL);
        } catch (KafkaException failed) {
            say("failed " + number + " " + failed.toString().replace('\n', ' '));
            return false;
        }
        say("committed " + number);
        committed.putAll(due);
        return true;
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        say("assigned" + forgotten(partitions));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        say("revoked" + forgotten(partitions));
    }

    /** Their numbers, as a line has them. */
    private String forgotten(Collection<TopicPartition> partitions) {
        StringBuilder numbers = new StringBuilder();
        for (TopicPartition partition : partitions) {
            next.remove(partition.partition());
            committed.remove(partition.partition());
            numbers.append(' ').append(partition.partition());
        }
        return numbers.toString();
    }

    /** Unbuffered: whoever is killed after this has said it. */
    private void say(String words) {
        try {
            out.write((System.nanoTime() + " " + words + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException closed) {
            throw new IllegalStateException(closed);
        }
    }
}
