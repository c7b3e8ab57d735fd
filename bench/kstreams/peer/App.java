package peer;

import static org.apache.kafka.streams.CloseOptions.GroupMembershipOperation.LEAVE_GROUP;

import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.Stores;

/**
 * Books all transactions and stores the results, once for each name on the command line.
 *
 * <p>A name is an application id, and the beginning of the names of a topic and of two tables. The
 * second name finds the JVM warm. The process stays until it is stopped.
 */
public final class App {
    static final int UNEXPECTED = 3; // its exit status
    static final String BOOTSTRAP = System.getenv("KAFKA_BOOTSTRAP");
    static final int EVENTS = Integer.parseInt(System.getenv("EVENTS"));
    private static final String INPUT = "raw_transactions";

    private App() {}

    public static void main(String[] names) throws InterruptedException {
        for (String name : names) {
            bookAll(name);
        }
        Thread.currentThread().join();
    }

    /** The topic of the results. */
    static String output(String name) {
        return name + "-completed";
    }

    private static void bookAll(String name) throws InterruptedException {
        Thread storing = new Thread(sink(name), "sink");
        storing.start();
        KafkaStreams streams = new KafkaStreams(topology(output(name)), settings(name));
        streams.setUncaughtExceptionHandler(
                error -> {
                    error.printStackTrace();
                    Runtime.getRuntime().halt(UNEXPECTED);
                    return null;
                });
        // It leaves its group, however it ends: the next of its name need not wait for its session.
        var leaving = CloseOptions.groupMembershipOperation(LEAVE_GROUP);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(leaving)));
        streams.start();
        storing.join();
        streams.close(leaving);
    }

    private static Sink sink(String name) {
        String kind = System.getenv("SINK");
        return switch (kind) {
            case "copy" -> new CopyingSink(name);
            case "upsert" -> new UpsertingSink(name);
            default -> throw new IllegalArgumentException("SINK " + kind);
        };
    }

    private static Topology topology(String output) {
        var lots =
                Stores.keyValueStoreBuilder(
                                Stores.persistentKeyValueStore(Books.STORE),
                                Serdes.ByteArray(),
                                Serdes.ByteArray())
                        .withCachingEnabled();
        return new Topology()
                .addSource("in", new ByteArrayDeserializer(), new ByteArrayDeserializer(), INPUT)
                .addProcessor("books", Books::new, "in")
                .addStateStore(lots, "books")
                .addSink(
                        "out",
                        output,
                        new ByteArraySerializer(),
                        new ByteArraySerializer(),
                        "books");
    }

    private static Properties settings(String name) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, name);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, BOOTSTRAP);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("STATE_DIR"));
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, System.getenv("THREADS"));
        settings.put(
                StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 128 << 20);
        consumer(settings, ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        consumer(settings, ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 2000);
        producer(settings, ProducerConfig.BATCH_SIZE_CONFIG, 256 << 10);
        producer(settings, ProducerConfig.LINGER_MS_CONFIG, 20);
        producer(settings, ProducerConfig.BUFFER_MEMORY_CONFIG, 128 << 20);
        producer(settings, ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
        return settings;
    }

    private static void consumer(Properties settings, String setting, Object value) {
        settings.put(StreamsConfig.consumerPrefix(setting), value);
    }

    private static void producer(Properties settings, String setting, Object value) {
        settings.put(StreamsConfig.producerPrefix(setting), value);
    }
}
