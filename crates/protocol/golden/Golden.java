// Makes the golden bytes beside this file with Apache Kafka's own message classes, so that the tests need no Java:
//   java -cp "$KAFKA_LIBS/*" crates/protocol/golden/Golden.java crates/protocol/schema crates/protocol/golden
// Each output line is: message, version, shape, bytes in hexadecimal. Shapes:
//   empty  every field at its default, arrays empty
//   filled every field a value that follows from its path (see valueOf), arrays of two elements, tags sent
//   nulls  null wherever the version allows it, the rest filled, arrays of one element
//   long   the newest version with texts of 200 bytes and arrays of 130 scalars, so that lengths take two bytes
// header-versions.txt holds per API and version the header versions of request and response.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.*;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.*;

public class Golden {
    static final String[] PACKAGES = {
        "org.apache.kafka.common.message.", "org.apache.kafka.common.metadata.",
        "org.apache.kafka.coordinator.group.generated.", "org.apache.kafka.coordinator.share.generated.",
        "org.apache.kafka.coordinator.transaction.generated.", "org.apache.kafka.raft.generated.",
        "org.apache.kafka.server.log.remote.metadata.storage.generated.", "org.apache.kafka.streams.internals.generated.",
    };
    static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    enum Shape { EMPTY, FILLED, NULLS, LONG }

    record Range(int min, int max) {
        static Range of(String text) {
            if (text.equals("none")) return new Range(0, -1);
            if (text.endsWith("+")) return new Range(Integer.parseInt(text.substring(0, text.length() - 1)), 32767);
            int dash = text.indexOf('-');
            if (dash < 0) return new Range(Integer.parseInt(text), Integer.parseInt(text));
            return new Range(Integer.parseInt(text.substring(0, dash)), Integer.parseInt(text.substring(dash + 1)));
        }

        boolean has(int version) {
            return min <= version && version <= max;
        }
    }

    record Field(String name, String type, boolean array, Range versions, Range nullable, Range tagged, String fallback) {
        String key() {
            return Character.toLowerCase(name.charAt(0)) + name.substring(1);
        }
    }

    record Message(String kind, String name, Range versions, Map<String, List<Field>> structs) {}

    public static void main(String[] arguments) throws Exception {
        Path output = Path.of(arguments[1]);
        try (DirectoryStream<Path> files = Files.newDirectoryStream(Path.of(arguments[0]), "*.txt")) {
            for (Path file : files) {
                StringBuilder lines = new StringBuilder();
                for (Message message : parse(Files.readAllLines(file))) {
                    if (message.versions.max >= message.versions.min) golden(message, lines);
                }
                Files.writeString(output.resolve(file.getFileName()), lines);
            }
        }
        StringBuilder lines = new StringBuilder();
        for (ApiMessageType api : ApiMessageType.values()) {
            for (int version = api.lowestSupportedVersion(); version <= api.highestSupportedVersion(true); version++) {
                lines.append(api.apiKey()).append(' ').append(version).append(' ')
                    .append(api.requestHeaderVersion((short) version)).append(' ')
                    .append(api.responseHeaderVersion((short) version)).append('\n');
            }
        }
        Files.writeString(output.resolve("header-versions.txt"), lines);
    }

    static List<Message> parse(List<String> lines) {
        List<Message> messages = new ArrayList<>();
        Deque<Map.Entry<Integer, String>> open = new ArrayDeque<>();
        for (String line : lines) {
            if (line.isBlank() || line.startsWith("#")) continue;
            int indent = line.length() - line.stripLeading().length();
            String[] words = line.strip().split(" ");
            if (indent == 0) {
                Range versions = Range.of(attribute(words, "versions", "none"));
                messages.add(new Message(words[0], words[1], versions, new HashMap<>()));
                messages.get(messages.size() - 1).structs.put(words[1], new ArrayList<>());
                open.clear();
                open.push(Map.entry(-1, words[1]));
                continue;
            }
            Map<String, List<Field>> structs = messages.get(messages.size() - 1).structs;
            while (open.peek().getKey() >= indent) open.pop();
            if (words[0].equals("struct")) {
                structs.putIfAbsent(words[1], new ArrayList<>());
                open.push(Map.entry(indent, words[1]));
                continue;
            }
            boolean array = words[1].startsWith("[]");
            String type = array ? words[1].substring(2) : words[1];
            String tag = attribute(words, "tag", "0@none");
            structs.get(open.peek().getValue()).add(new Field(words[0], type, array, Range.of(words[2]),
                Range.of(attribute(words, "null", "none")), Range.of(tag.substring(tag.indexOf('@') + 1)),
                attribute(words, "default", null)));
            if (Character.isUpperCase(type.charAt(0))) {
                structs.putIfAbsent(type, new ArrayList<>());
                open.push(Map.entry(indent, type));
            }
        }
        return messages;
    }

    static String attribute(String[] words, String name, String otherwise) {
        for (String word : words) {
            if (word.startsWith(name + "=")) return word.substring(name.length() + 1);
        }
        return otherwise;
    }

    static void golden(Message message, StringBuilder lines) throws Exception {
        Class<?> type = messageClass(message);
        org.apache.kafka.common.protocol.Message blank =
            (org.apache.kafka.common.protocol.Message) type.getDeclaredConstructor().newInstance();
        if (blank.lowestSupportedVersion() != message.versions.min || blank.highestSupportedVersion() != message.versions.max) {
            throw new IllegalStateException(message.name + " has other versions in Kafka");
        }
        for (int version = message.versions.min; version <= message.versions.max; version++) {
            for (Shape shape : Shape.values()) {
                if (shape == Shape.LONG && version != message.versions.max) continue;
                ObjectNode json = structOf(message, message.name, (short) version, shape, "");
                var filled = build(message, type, json, (short) version);
                ByteBufferAccessor bytes = MessageUtil.toByteBufferAccessor(filled, (short) version);
                byte[] raw = new byte[bytes.buffer().remaining()];
                bytes.buffer().get(raw);
                lines.append(message.name).append(' ').append(version).append(' ')
                    .append(shape.name().toLowerCase()).append(' ').append(HexFormat.of().formatHex(raw)).append('\n');
            }
        }
    }

    static Class<?> messageClass(Message message) {
        for (String prefix : PACKAGES) {
            for (String suffix : new String[] {"Data", ""}) {
                try {
                    return Class.forName(prefix + message.name + suffix);
                } catch (ClassNotFoundException next) {
                    continue;
                }
            }
        }
        throw new IllegalStateException("Kafka has no class for " + message.name);
    }

    static org.apache.kafka.common.protocol.Message build(Message message, Class<?> type, ObjectNode json, short version)
        throws Exception {
        Class<?> converter;
        try {
            converter = Class.forName(type.getName() + "JsonConverter");
        } catch (ClassNotFoundException none) {
            return (org.apache.kafka.common.protocol.Message) fill(message, type, message.name, type, json, version);
        }
        Method read = converter.getMethod("read", JsonNode.class, short.class);
        return (org.apache.kafka.common.protocol.Message) read.invoke(null, json, version);
    }

    /// For the one class that has no converter: the same through its setters.
    static Object fill(Message message, Class<?> outer, String struct, Class<?> type, JsonNode json, short version)
        throws Exception {
        Object target = type.getDeclaredConstructor().newInstance();
        for (Field field : message.structs.get(struct)) {
            JsonNode value = json.get(field.key());
            if (value == null) continue;
            String setter = "set" + Character.toUpperCase(field.name.charAt(0)) + field.name.substring(1);
            for (Method method : type.getMethods()) {
                if (!method.getName().equals(setter)) continue;
                List<Object> elements = new ArrayList<>();
                if (field.array) {
                    for (JsonNode element : value) elements.add(plain(message, outer, field, element, version));
                }
                method.invoke(target, field.array ? elements : plain(message, outer, field, value, version));
            }
        }
        return target;
    }

    static Object plain(Message message, Class<?> outer, Field field, JsonNode value, short version) throws Exception {
        if (value.isNull()) return null;
        return switch (field.type) {
            case "int8" -> (byte) value.asInt();
            case "int32" -> value.asInt();
            case "int64" -> value.asLong();
            case "uuid" -> Uuid.fromString(value.asText());
            case "string" -> value.asText();
            case "bytes" -> value.binaryValue();
            default -> fill(message, outer, field.type, Class.forName(outer.getName() + "$" + field.type), value, version);
        };
    }

    static ObjectNode structOf(Message message, String struct, short version, Shape shape, String path) {
        ObjectNode json = JSON.objectNode();
        for (Field field : message.structs.get(struct)) {
            if (!field.versions.has(version)) continue;
            String at = path.isEmpty() ? field.name : path + "." + field.name;
            if (shape == Shape.EMPTY) {
                if (!field.tagged.has(version)) json.set(field.key(), emptyOf(message, field, version, at));
            } else if (shape == Shape.NULLS && field.nullable.has(version)) {
                json.set(field.key(), JSON.nullNode());
            } else if (field.array) {
                ArrayNode elements = JSON.arrayNode();
                boolean scalars = !Character.isUpperCase(field.type.charAt(0));
                int count = shape == Shape.FILLED ? 2 : shape == Shape.LONG && scalars ? 130 : 1;
                for (int place = 0; place < count; place++) {
                    elements.add(valueOf(message, field, version, shape, at + "[" + place + "]"));
                }
                json.set(field.key(), elements);
            } else {
                json.set(field.key(), valueOf(message, field, version, shape, at));
            }
        }
        return json;
    }

    static JsonNode emptyOf(Message message, Field field, short version, String path) {
        if ("null".equals(field.fallback) && field.nullable.has(version)) return JSON.nullNode();
        if (field.array) return JSON.arrayNode();
        String value = field.fallback;
        return switch (field.type) {
            case "bool" -> JSON.booleanNode("true".equals(value));
            case "int8", "int16", "int32", "int64", "uint16", "uint32" -> JSON.numberNode(value == null ? 0 : Long.parseLong(value));
            case "float64" -> JSON.numberNode(0.0);
            case "uuid" -> JSON.textNode(Uuid.ZERO_UUID.toString());
            case "string" -> JSON.textNode("");
            case "bytes", "records" -> JSON.binaryNode(new byte[0]);
            default -> structOf(message, field.type, version, Shape.EMPTY, path);
        };
    }

    /// FNV-1a of 64 bits over the path gives the value: its low bits as a number, text and bytes from its digits.
    static JsonNode valueOf(Message message, Field field, short version, Shape shape, String path) {
        long hash = 0xcbf29ce484222325L;
        for (byte octet : path.getBytes(StandardCharsets.UTF_8)) hash = (hash ^ (octet & 0xff)) * 0x100000001b3L;
        String digits = String.format("%016x", hash).substring(10);
        return switch (field.type) {
            case "bool" -> JSON.booleanNode(!"true".equals(field.fallback));
            case "int8" -> JSON.numberNode((byte) hash);
            case "int16" -> JSON.numberNode((short) hash);
            case "int32" -> JSON.numberNode((int) hash);
            case "int64" -> JSON.numberNode(hash);
            case "uint16" -> JSON.numberNode((int) (hash & 0xffff));
            case "uint32" -> JSON.numberNode(hash & 0xffffffffL);
            case "float64" -> JSON.numberNode((double) (int) hash / 4);
            case "uuid" -> JSON.textNode(new Uuid(hash, ~hash).toString());
            case "string" -> JSON.textNode(shape == Shape.LONG ? digits.repeat(33) + "é" : digits + "é");
            case "bytes", "records" -> JSON.binaryNode((shape == Shape.LONG ? digits.repeat(33) : digits).getBytes(StandardCharsets.UTF_8));
            default -> structOf(message, field.type, version, shape, path);
        };
    }
}
