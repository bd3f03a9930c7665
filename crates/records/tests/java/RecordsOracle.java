// Makes and reads record batches with Apache Kafka's own classes; started with java -cp "<libs of Kafka 4.3.1>/*" RecordsOracle.java.
//   golden <folder>              writes <name>.bin and <name>.txt for every shape of batch
//   list <file>                  prints the batches and records of a file
//   validate <folder> <now>      judges each <name>.batch as a broker does; a name begins with
//                               "compacted-" or "append-time-topic-" where the topic is so

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.KRaftVersionRecord;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.message.SnapshotFooterRecord;
import org.apache.kafka.common.message.SnapshotHeaderRecord;
import org.apache.kafka.common.message.VotersRecord;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.PrimitiveRef;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.storage.internals.log.RecordValidationException;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogValidator;

class RecordsOracle {
    private static final long TIME = 1_700_000_000_000L;
    private static Path folder;

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "golden" -> {
                folder = Path.of(args[1]);
                golden();
            }
            case "list" -> System.out.print(list(MemoryRecords.readableRecords(
                ByteBuffer.wrap(Files.readAllBytes(Path.of(args[1]))))));
            case "validate" -> validate(Path.of(args[1]), Long.parseLong(args[2]));
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static void validate(Path cases, long now) throws Exception {
        try (var files = Files.list(cases)) {
            for (Path file : files.filter(f -> f.toString().endsWith(".batch")).sorted().toList()) {
                String name = file.getFileName().toString();
                String verdict;
                try {
                    verdict = judge(MemoryRecords.readableRecords(ByteBuffer.wrap(Files.readAllBytes(file))), name, now);
                } catch (Throwable e) {
                    verdict = Errors.forException(e).code() + " " + e.getMessage();
                    if (e instanceof RecordValidationException r) {
                        verdict = Errors.forException(r.invalidException()).code() + " " + r.invalidException().getMessage();
                        for (var error : r.recordErrors()) {
                            verdict += " / " + error.batchIndex + ": " + error.message;
                        }
                    }
                }
                System.out.println(name.replace(".batch", "") + " " + verdict);
            }
        }
    }

    private static String judge(MemoryRecords records, String name, long now) {
        MutableRecordBatch first = records.batches().iterator().next();
        CompressionType source = first.compressionType();
        Time time = (Time) java.lang.reflect.Proxy.newProxyInstance(RecordsOracle.class.getClassLoader(),
            new Class<?>[] {Time.class}, (proxy, method, arguments) -> now);
        LogValidator validator = new LogValidator(records, new TopicPartition("orders", 0), time, source,
            Compression.of(source).build(), name.startsWith("compacted-"), (byte) 2,
            name.startsWith("append-time-topic-") ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME,
            1000L, 1000L, 7, AppendOrigin.CLIENT);
        LogValidator.ValidationResult result = validator.validateMessagesAndAssignOffsets(
            PrimitiveRef.ofLong(0), new NoMetrics(), BufferSupplier.NO_CACHING);
        return "0 max=" + result.maxTimestampMs() + " rebuilt=" + result.messageSizeMaybeChanged()
            + " type=" + result.validatedRecords().batches().iterator().next().timestampType().name
            + " header-max=" + result.validatedRecords().batches().iterator().next().maxTimestamp();
    }

    private static class NoMetrics implements LogValidator.MetricsRecorder {
        public void recordInvalidMagic() {}
        public void recordInvalidOffset() {}
        public void recordInvalidSequence() {}
        public void recordInvalidChecksums() {}
        public void recordNoKeyCompactedTopic() {}
    }

    private static void golden() throws Exception {
        for (CompressionType type : CompressionType.values()) {
            Compression codec = Compression.of(type).build();
            for (TimestampType time : new TimestampType[] {TimestampType.CREATE_TIME, TimestampType.LOG_APPEND_TIME}) {
                String suffix = time == TimestampType.CREATE_TIME ? "" : "-append-time";
                write("v2-" + type.name + suffix, shapes(builder((byte) 2, codec, time)));
                if (type != CompressionType.ZSTD) {
                    write("v1-" + type.name + suffix, plain(builder((byte) 1, codec, time)));
                }
            }
            if (type != CompressionType.ZSTD) {
                write("v0-" + type.name, plain(builder((byte) 0, codec, TimestampType.NO_TIMESTAMP_TYPE)));
            }
            MemoryRecordsBuilder big = MemoryRecords.builder(ByteBuffer.allocate(64), (byte) 2, codec,
                TimestampType.CREATE_TIME, 1000, TIME, 77, (short) 3, Integer.MAX_VALUE - 10, true, 9);
            for (int i = 0; i < 150; i++) {
                big.append(TIME + i, bytes("key" + i % 7),
                    bytes(("value " + i + " and some words that repeat, ").repeat(type == CompressionType.NONE ? 1 : 25)));
            }
            write("transactional-" + type.name, big.build());
        }
        write("commit", MemoryRecords.withEndTransactionMarker(55, TIME, 4, 77, (short) 3,
            new EndTransactionMarker(ControlRecordType.COMMIT, 12)));
        write("abort", MemoryRecords.withEndTransactionMarker(56, TIME, 4, 77, (short) 3,
            new EndTransactionMarker(ControlRecordType.ABORT, 13)));
        write("leader-change", MemoryRecords.withLeaderChangeMessage(1, TIME, 2, ByteBuffer.allocate(512),
            new LeaderChangeMessage().setLeaderId(1)));
        write("snapshot-header", MemoryRecords.withSnapshotHeaderRecord(0, TIME, 2, ByteBuffer.allocate(512),
            new SnapshotHeaderRecord().setLastContainedLogTimestamp(TIME)));
        write("snapshot-footer", MemoryRecords.withSnapshotFooterRecord(9, TIME, 2, ByteBuffer.allocate(512),
            new SnapshotFooterRecord()));
        write("kraft-version", MemoryRecords.withKRaftVersionRecord(2, TIME, 2, ByteBuffer.allocate(512),
            new KRaftVersionRecord().setKRaftVersion((short) 1)));
        write("voters", MemoryRecords.withVotersRecord(3, TIME, 2, ByteBuffer.allocate(512), new VotersRecord()));
    }

    private static MemoryRecordsBuilder builder(byte magic, Compression codec, TimestampType time) {
        return MemoryRecords.builder(ByteBuffer.allocate(64), magic, codec, time, 42, TIME + 500);
    }

    private static MemoryRecords shapes(MemoryRecordsBuilder builder) {
        Header[] headers = {
            new RecordHeader("h", "x".getBytes(StandardCharsets.UTF_8)),
            new RecordHeader("", new byte[0]), new RecordHeader("null", (byte[]) null)};
        builder.append(TIME, bytes("key"), bytes("value"));
        builder.append(TIME + 5, bytes(""), bytes(""));
        builder.append(TIME - 70_000, (byte[]) null, bytes("no key"));
        builder.append(TIME + 9, bytes("tombstone"), (byte[]) null);
        builder.append(TIME + 7, (byte[]) null, (byte[]) null, headers);
        builder.append(TIME, bytes("long"), bytes("0123456789".repeat(builder.compression().type() == CompressionType.NONE ? 100 : 10_000)), headers);
        return builder.build();
    }

    private static MemoryRecords plain(MemoryRecordsBuilder builder) {
        long step = builder.magic() == 0 ? 0 : 1;
        long time = builder.magic() == 0 ? -1 : TIME;
        builder.append(time, bytes("key"), bytes("value"));
        builder.append(time + 5 * step, bytes(""), bytes(""));
        builder.append(time + 3 * step, (byte[]) null, bytes("words ".repeat(50)));
        builder.append(time, bytes("tombstone"), (byte[]) null);
        return builder.build();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void write(String name, MemoryRecords records) throws IOException {
        byte[] bytes = new byte[records.sizeInBytes()];
        records.buffer().duplicate().get(bytes);
        Files.write(folder.resolve(name + ".bin"), bytes);
        Files.writeString(folder.resolve(name + ".txt"), list(records));
    }

    private static String list(MemoryRecords records) {
        StringBuilder out = new StringBuilder();
        for (MutableRecordBatch batch : records.batches()) {
            batch.ensureValid();
            out.append(String.format("batch last=%d size=%d magic=%d codec=%s max=%d",
                batch.lastOffset(), batch.sizeInBytes(), batch.magic(), batch.compressionType().name,
                batch.maxTimestamp()));
            if (batch.magic() == 2) {
                out.append(String.format(" base=%d epoch=%d time=%s producer=%d/%d sequence=%d-%d txn=%b control=%b count=%d",
                    batch.baseOffset(), batch.partitionLeaderEpoch(), batch.timestampType().name, batch.producerId(),
                    batch.producerEpoch(), batch.baseSequence(), batch.lastSequence(), batch.isTransactional(),
                    batch.isControlBatch(), batch.countOrNull()));
            }
            out.append('\n');
            for (Record record : batch) {
                out.append(String.format("record %d %d %s %s", record.offset(), record.timestamp(),
                    hex(record.key()), hex(record.value())));
                for (Header header : record.headers()) {
                    byte[] value = header.value();
                    out.append(' ').append(hex(ByteBuffer.wrap(bytes(header.key())))).append('=')
                        .append(hex(value == null ? null : ByteBuffer.wrap(value)));
                }
                out.append('\n');
            }
        }
        return out.toString();
    }

    /** Hexadecimal; long runs as length and checksum, so that the listing stays small. */
    private static String hex(ByteBuffer buffer) {
        if (buffer == null) {
            return "null";
        }
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        if (bytes.length > 64) {
            java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
            crc.update(bytes);
            return bytes.length + ":" + crc.getValue();
        }
        return "'" + HexFormat.of().formatHex(bytes) + "'";
    }
}
