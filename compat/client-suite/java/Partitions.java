import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/** Reads keys, a line each, and prints the partition that Java's producer gives each of them out of so many. */
public class Partitions {
    public static void main(String[] arguments) throws Exception {
        int partitions = Integer.parseInt(arguments[0]);
        InputStreamReader input = new InputStreamReader(System.in, StandardCharsets.UTF_8);
        StringBuilder printed = new StringBuilder();
        try (BufferedReader lines = new BufferedReader(input)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                byte[] key = line.getBytes(StandardCharsets.UTF_8);
                printed.append(BuiltInPartitioner.partitionForKey(key, partitions)).append('\n');
            }
        }
        System.out.print(printed);
    }
}
