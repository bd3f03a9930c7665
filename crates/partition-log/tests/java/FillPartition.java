// Fills partition 0 of a topic on a running Apache Kafka 4.3.1 with every shape of batch, and prints what
// consumers then see. Started with java -cp "<libs of Kafka>/*" FillPartition.java <bootstrap> <topic> <folder>.

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

class FillPartition {
    private static final long TIME = 1_700_000_000_000L;
    private static String bootstrap;
    private static String topic;
    private static long clock = TIME;
    private static int number = 0;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        topic = args[1];
        Path folder = Path.of(args[2]);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            NewTopic created = new NewTopic(topic, 1, (short) 1).configs(Map.of(
                "segment.ms", "5000", "index.interval.bytes", "400", "message.timestamp.before.max.ms", "9000000000000"));
            admin.createTopics(List.of(created)).all().get();
        }
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            fill(codec, null, 30, true);
            fill(codec, "tx-" + codec, 12, true);
            fill(codec, "tx-" + codec, 9, false);
            clock += 4000;
        }
        KafkaProducer<byte[], byte[]> plain = producer("none", Map.of("enable.idempotence", "false"));
        send(plain, 5);
        plain.close();
        KafkaProducer<byte[], byte[]> open = producer("lz4", Map.of("transactional.id", "left-open"));
        open.initTransactions();
        open.beginTransaction();
        send(open, 3);
        open.flush();
        fill("zstd", "behind", 4, true);
        fill("zstd", "behind", 4, false);
        Files.writeString(folder.resolve("uncommitted.txt"), consume("read_uncommitted"));
        Files.writeString(folder.resolve("committed.txt"), consume("read_committed"));
        Runtime.getRuntime().halt(0);
    }

    private static KafkaProducer<byte[], byte[]> producer(String codec, Map<String, Object> more) {
        Map<String, Object> config = new HashMap<>(more);
        config.put("bootstrap.servers", bootstrap);
        config.put("compression.type", codec);
        config.put("linger.ms", "20");
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static void fill(String codec, String transaction, int count, boolean commits) {
        Map<String, Object> more = transaction == null ? Map.of() : Map.of("transactional.id", transaction);
        try (KafkaProducer<byte[], byte[]> producer = producer(codec, more)) {
            if (transaction == null) {
                send(producer, count);
                return;
            }
            producer.initTransactions();
            producer.beginTransaction();
            send(producer, count);
            producer.flush();
            if (commits) {
                producer.commitTransaction();
            } else {
                producer.abortTransaction();
            }
        }
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, int count) {
        for (int i = 0; i < count; i++) {
            byte[] value = ("value " + number++ + " and words that repeat, and words that repeat").getBytes(StandardCharsets.UTF_8);
            byte[] key = i % 5 == 4 ? null : ("key " + i % 3).getBytes(StandardCharsets.UTF_8);
            producer.send(new ProducerRecord<>(topic, 0, clock++, key, i % 7 == 6 ? null : value));
            if (i % 4 == 3) {
                producer.flush();
            }
        }
        producer.flush();
    }

    private static String consume(String isolation) {
        StringBuilder out = new StringBuilder();
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "isolation.level", isolation);
        try (KafkaConsumer<byte[], byte[]> consumer =
                 new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            while (consumer.position(partition) < end) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    out.append(record.offset()).append(' ').append(record.timestamp()).append(' ')
                        .append(text(record.key())).append(" | ").append(text(record.value())).append('\n');
                }
            }
            out.append("end ").append(end).append('\n');
        }
        return out.toString();
    }

    private static String text(byte[] bytes) {
        return bytes == null ? "null" : new String(bytes, StandardCharsets.UTF_8);
    }
}
