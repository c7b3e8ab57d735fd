package peer;

import java.io.IOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Stores results in a table, one transaction a poll, until all are there.
 *
 * <p>Each transaction says how far it goes: whoever watches need not count rows.
 */
abstract class Sink implements Runnable {
    final String topic;
    final String table;
    final String progress;
    final Rows rows = new Rows();

    Sink(String name) {
        topic = App.output(name);
        table = name + "_transactions";
        progress = name + "_progress";
    }

    /** Settings of the consumer, beside those of every sink. */
    abstract Map<String, Object> settings();

    /** Gets ready to store and to consume; returns how many rows there are. */
    abstract int begin(Connection connection, KafkaConsumer<?, ?> consumer) throws SQLException;

    abstract void store(Connection connection, ConsumerRecords<byte[], byte[]> records)
            throws SQLException, IOException;

    /** Follows each transaction. */
    void committed(KafkaConsumer<?, ?> consumer) {}

    @Override
    public void run() {
        try (Connection connection = DriverManager.getConnection(System.getenv("JDBC_URL"));
                KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(allSettings())) {
            connection.setAutoCommit(false);
            int stored = begin(connection, consumer);
            while (stored < App.EVENTS) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
                if (!records.isEmpty()) {
                    store(connection, records);
                    sayProgress(connection, records);
                    connection.commit();
                    committed(consumer);
                    stored += records.count();
                }
            }
        } catch (Exception error) {
            error.printStackTrace();
            Runtime.getRuntime().halt(App.UNEXPECTED);
        }
    }

    private Properties allSettings() {
        Properties settings = new Properties();
        settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, App.BOOTSTRAP);
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        settings.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
        settings.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
        settings.putAll(settings());
        return settings;
    }

    private void sayProgress(Connection connection, ConsumerRecords<byte[], byte[]> records)
            throws SQLException {
        try (PreparedStatement said =
                connection.prepareStatement(
                        "INSERT INTO " + progress + " VALUES (?, ?, ?) ON CONFLICT (partition)"
                                + " DO UPDATE SET next_offset = EXCLUDED.next_offset,"
                                + " rows = " + progress + ".rows + EXCLUDED.rows")) {
            for (TopicPartition partition : records.partitions()) {
                List<? extends ConsumerRecord<?, ?>> some = records.records(partition);
                said.setInt(1, partition.partition());
                said.setLong(2, some.get(some.size() - 1).offset() + 1);
                said.setInt(3, some.size());
                said.addBatch();
            }
            said.executeBatch();
        }
    }
}
