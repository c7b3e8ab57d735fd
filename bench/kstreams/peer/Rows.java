package peer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.postgresql.PGConnection;

/** Results as rows that wait for their COPY. */
final class Rows {
    static final List<String> COLUMNS =
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
    private static final JsonFactory JSON = new JsonFactory();
    private static final Map<String, Integer> PLACES = new HashMap<>();

    static {
        COLUMNS.forEach(name -> PLACES.put(name, PLACES.size()));
    }

    private final StringBuilder lines = new StringBuilder(1 << 20);

    /** The fields of a result in the order of COLUMNS. */
    static String[] texts(byte[] result) throws IOException {
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

    void append(String[] texts) {
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

    /** Copies what was appended into a table. */
    void copy(Connection connection, String table) throws SQLException, IOException {
        byte[] copied = lines.toString().getBytes(StandardCharsets.UTF_8);
        lines.setLength(0);
        String copy = "COPY " + table + " (" + String.join(",", COLUMNS) + ") FROM STDIN";
        connection
                .unwrap(PGConnection.class)
                .getCopyAPI()
                .copyIn(copy, new ByteArrayInputStream(copied), 1 << 16);
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
