package peer;

import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;

/**
 * Upserts results by way of a temporary table, and commits offsets to Kafka after PostgreSQL: a
 * result may come again and then changes nothing.
 */
final class UpsertingSink extends Sink {
    private static final String ARRIVED = "arrived";

    private final Map<String, String[]> last = new LinkedHashMap<>();
    private final String group;
    private PreparedStatement upsert;

    UpsertingSink(String name) {
        super(name);
        group = name + "-sink";
    }

    @Override
    Map<String, Object> settings() {
        return Map.of(
                ConsumerConfig.GROUP_ID_CONFIG, group,
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest",
                ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 2000);
    }

    @Override
    int begin(Connection connection, KafkaConsumer<?, ?> consumer) throws SQLException {
        String columns = String.join(",", Rows.COLUMNS);
        try (Statement statement = connection.createStatement()) {
            statement.execute(
                    "CREATE TEMPORARY TABLE " + ARRIVED + " ON COMMIT DELETE ROWS"
                            + " AS SELECT " + columns + " FROM " + table + " WITH NO DATA");
        }
        connection.commit();
        String changes =
                Rows.COLUMNS.stream()
                        .skip(1) // the key
                        .map(column -> column + " = EXCLUDED." + column)
                        .collect(Collectors.joining(","));
        upsert =
                connection.prepareStatement(
                        "INSERT INTO " + table + " (" + columns + ")"
                                + " SELECT " + columns + " FROM " + ARRIVED
                                + " ON CONFLICT (transaction_id)"
                                + " DO UPDATE SET " + changes + ", updated_at = now()");
        consumer.subscribe(List.of(topic));
        return 0; // it is the first of its name
    }

    @Override
    void store(Connection connection, ConsumerRecords<byte[], byte[]> records)
            throws SQLException, IOException {
        // The last of an id wins: a statement may not meet a row twice.
        last.clear();
        for (ConsumerRecord<byte[], byte[]> record : records) {
            String[] texts = Rows.texts(record.value());
            last.put(texts[0], texts);
        }
        last.values().forEach(rows::append);
        rows.copy(connection, ARRIVED);
        upsert.executeUpdate();
    }

    @Override
    void committed(KafkaConsumer<?, ?> consumer) {
        consumer.commitAsync();
    }
}
