import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Members of a group by Kafka's own consumer.
 *
 * <pre>
 * Member share ADDRESS TOPIC GROUP IDLE_SECONDS PROTOCOL COUNT   as scripts/group_consume.py, COUNT members in one process
 * Member tell NAME=VALUE...                                      as scripts/group_member.py
 * </pre>
 */
public final class Member {
    private Member() {}

    public static void main(String[] arguments) throws Exception {
        List<String> rest = List.of(arguments).subList(1, arguments.length);
        if (arguments[0].equals("tell")) {
            Map<String, String> given = new HashMap<>();
            rest.forEach(each -> given.put(each.split("=", 2)[0], each.split("=", 2)[1]));
            new TellingMember(given).run();
        } else {
            share(rest.get(0), rest.get(1), rest.get(2), Duration.ofSeconds(Long.parseLong(rest.get(3))), rest.get(4),
                    Integer.parseInt(rest.get(5)));
        }
    }

    static Properties settings(String address, String group, String protocol) {
        Properties settings = new Properties();
        settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, address);
        settings.put(ConsumerConfig.GROUP_ID_CONFIG, group);
        settings.put(ConsumerConfig.GROUP_PROTOCOL_CONFIG, protocol);
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        settings.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
        settings.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
        return settings;
    }

    private static void share(String address, String topic, String group, Duration idle, String protocol, int count)
            throws Exception {
        Properties settings = settings(address, group, protocol);
        if (protocol.equals("classic")) {
            settings.put(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, "6000");
            settings.put(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, "500");
        }
        ExecutorService threads = Executors.newFixedThreadPool(count);
        List<Future<Void>> members = new ArrayList<>();
        for (int member = 0; member < count; member++) {
            Callable<Void> consume = () -> consumeUntilIdle(settings, topic, idle);
            members.add(threads.submit(consume));
        }
        threads.shutdown();
        for (Future<Void> member : members) {
            member.get();
        }
    }

    private static Void consumeUntilIdle(Properties settings, String topic, Duration idle) {
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings)) {
            consumer.subscribe(List.of(topic));
            long last = System.nanoTime();
            // A member without partitions is told of none by some protocols, but has a generation as all have.
            boolean joined = false;
            while (!joined || System.nanoTime() - last < idle.toNanos()) {
                var records = consumer.poll(Duration.ofMillis(200));
                if (!joined && consumer.groupMetadata().generationId() > 0) {
                    joined = true;
                    last = System.nanoTime();
                }
                if (!records.isEmpty()) {
                    StringBuilder lines = new StringBuilder();
                    records.forEach(record -> lines.append(record.key()).append('\t').append(record.value()).append('\n'));
                    synchronized (System.out) {
                        System.out.print(lines);
                        System.out.flush();
                    }
                    consumer.commitSync();
                    last = System.nanoTime();
                }
            }
        }
        return null;
    }
}
