package peer;

import java.io.IOException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/**
 * Copies results into the table itself, and goes on at the offsets of its last transaction: a row
 * is stored once, whatever happens, and COPY needs no look at what is there.
 */
final class CopyingSink extends Sink {
    CopyingSink(String name) {
        super(name);
    }

    @Override
    Map<String, Object> settings() {
        return Map.of(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 8000);
    }

    @Override
    int begin(Connection connection, KafkaConsumer<?, ?> consumer) throws SQLException {
        List<TopicPartition> partitions =
                consumer.partitionsFor(topic).stream()
                        .map(found -> new TopicPartition(topic, found.partition()))
                        .toList();
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        int stored = 0;
        String question = "SELECT partition, next_offset, rows FROM " + progress;
        try (ResultSet found = connection.createStatement().executeQuery(question)) {
            while (found.next()) {
                consumer.seek(new TopicPartition(topic, found.getInt(1)), found.getLong(2));
                stored += found.getInt(3);
            }
        }
        return stored;
    }

    @Override
    void store(Connection connection, ConsumerRecords<byte[], byte[]> records)
            throws SQLException, IOException {
        for (ConsumerRecord<byte[], byte[]> record : records) {
            rows.append(Rows.texts(record.value()));
        }
        rows.copy(connection, table);
    }
}
