package peer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.postgresql.PGConnection;

/**
 * Copies results into a table, and in the same transaction says up to which offsets: a row is
 * stored once, whatever happens, and COPY needs no look at what is there.
 */
final class Sink implements Runnable {
    private static final JsonFactory JSON = new JsonFactory();
    private static final List<String> COLUMNS =
            List.of(
                    "transaction_id",
                    "portfolio_id",
                    "instrument_id",
                    "security_id",
                    "transaction_date",
                    "settlement_date",
                    "transaction_type",
                    "quantity",
                    "price",
                    "gross_transaction_amount",
                    "trade_fee",
                    "trade_currency",
                    "currency",
                    "version",
                    "gross_cost",
                    "net_cost",
                    "realized_gain_loss",
                    "open_quantity",
                    "open_cost");
    private static final Map<String, Integer> PLACES = new HashMap<>();

    static {
        COLUMNS.forEach(name -> PLACES.put(name, PLACES.size()));
    }

    private final String bootstrap;
    private final String topic;
    private final String url;
    private final String name;
    private final int events;
    private final StringBuilder lines = new StringBuilder(1 << 20);

    Sink(String bootstrap, String topic, String url, String name, int events) {
        this.bootstrap = bootstrap;
        this.topic = topic;
        this.url = url;
        this.name = name;
        this.events = events;
    }

    @Override
    public void run() {
        try (Connection connection = DriverManager.getConnection(url);
                KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings())) {
            connection.setAutoCommit(false);
            int stored = goOn(connection, consumer);
            while (stored < events) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
                if (!records.isEmpty()) {
                    store(connection, records);
                    stored += records.count();
                }
            }
        } catch (Exception error) {
            error.printStackTrace();
            Runtime.getRuntime().halt(App.UNEXPECTED);
        }
    }

    private Properties settings() {
        Properties settings = new Properties();
        settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        settings.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 8000);
        settings.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
        settings.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
        return settings;
    }

    /** Moves the consumer to where the table ends; returns how many rows there are. */
    private int goOn(Connection connection, KafkaConsumer<?, ?> consumer) throws SQLException {
        List<TopicPartition> partitions =
                consumer.partitionsFor(topic).stream()
                        .map(found -> new TopicPartition(topic, found.partition()))
                        .toList();
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        int stored = 0;
        String question = "SELECT partition, next_offset, rows FROM " + name + "_progress";
        try (ResultSet found = connection.createStatement().executeQuery(question)) {
            while (found.next()) {
                consumer.seek(new TopicPartition(topic, found.getInt(1)), found.getLong(2));
                stored += found.getInt(3);
            }
        }
        return stored;
    }

    private void store(Connection connection, ConsumerRecords<byte[], byte[]> records)
            throws SQLException, IOException {
        lines.setLength(0);
        for (ConsumerRecord<byte[], byte[]> record : records) {
            append(texts(record.value()));
        }
        byte[] copied = lines.toString().getBytes(StandardCharsets.UTF_8);
        String copy = "COPY " + name + "_transactions (" + String.join(",", COLUMNS) + ") FROM STDIN";
        connection
                .unwrap(PGConnection.class)
                .getCopyAPI()
                .copyIn(copy, new ByteArrayInputStream(copied), 1 << 16);
        sayProgress(connection, records);
        connection.commit();
    }

    private void sayProgress(Connection connection, ConsumerRecords<byte[], byte[]> records)
            throws SQLException {
        String table = name + "_progress";
        try (PreparedStatement progress =
                connection.prepareStatement(
                        "INSERT INTO " + table + " VALUES (?, ?, ?) ON CONFLICT (partition) DO UPDATE"
                                + " SET next_offset = EXCLUDED.next_offset,"
                                + " rows = " + table + ".rows + EXCLUDED.rows")) {
            for (TopicPartition partition : records.partitions()) {
                List<? extends ConsumerRecord<?, ?>> some = records.records(partition);
                progress.setInt(1, partition.partition());
                progress.setLong(2, some.get(some.size() - 1).offset() + 1);
                progress.setInt(3, some.size());
                progress.addBatch();
            }
            progress.executeBatch();
        }
    }

    /** The fields of a result in the order of COLUMNS. */
    private static String[] texts(byte[] result) throws IOException {
        String[] texts = new String[COLUMNS.size()];
        try (JsonParser in = JSON.createParser(result)) {
            in.nextToken();
            for (String field; (field = in.nextFieldName()) != null; ) {
                JsonToken token = in.nextToken();
                Integer place = PLACES.get(field);
                if (place == null) {
                    in.skipChildren();
                } else if (token != JsonToken.VALUE_NULL) {
                    texts[place] = in.getText();
                }
            }
        }
        return texts;
    }

    private void append(String[] texts) {
        char between = '\0';
        for (String text : texts) {
            if (between != '\0') {
                lines.append(between);
            }
            between = '\t';
            lines.append(text == null ? "\\N" : escaped(text));
        }
        lines.append('\n');
    }

    private static String escaped(String text) {
        return isPlain(text)
                ? text
                : text.replace("\\", "\\\\")
                        .replace("\t", "\\t")
                        .replace("\n", "\\n")
                        .replace("\r", "\\r");
    }

    private static boolean isPlain(String text) {
        for (int at = 0; at < text.length(); at++) {
            if (text.charAt(at) < ' ' || text.charAt(at) == '\\') {
                return false;
            }
        }
        return true;
    }
}
