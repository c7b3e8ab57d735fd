package peer;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.util.ByteArrayBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Books each transaction into the lots of its holding and sends it on with what came of it. */
final class Books implements Processor<byte[], byte[], byte[], byte[]> {
    static final String STORE = "lots";
    private static final JsonFactory JSON = new JsonFactory();

    private final ByteArrayBuilder result = new ByteArrayBuilder(1024);
    private final Packed packed = new Packed(1 << 16);
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], byte[]> store;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        store = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
        result.reset();
        try (JsonParser in = JSON.createParser(record.value());
                JsonGenerator out = JSON.createGenerator(result, JsonEncoding.UTF8)) {
            out.writeStartObject();
            book(Transaction.copied(in, out), out);
            out.writeEndObject();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        context.forward(record.withValue(result.toByteArray()));
    }

    private void book(Transaction transaction, JsonGenerator out) throws IOException {
        byte[] key = transaction.holding();
        byte[] value = store.get(key);
        Lots lots = value == null ? new Lots() : Lots.read(new Packed(value));
        BigDecimal grossCost;
        BigDecimal netCost;
        BigDecimal gain;
        if (transaction.isSale()) {
            BigDecimal cost = lots.sell(transaction.quantity);
            grossCost = cost.negate();
            netCost = grossCost;
            gain = transaction.gross.subtract(transaction.fee).subtract(cost);
        } else {
            grossCost = transaction.gross;
            netCost = grossCost.add(transaction.fee);
            gain = BigDecimal.ZERO;
            lots.buy(transaction.id, transaction.date, transaction.quantity, netCost);
        }
        packed.clear();
        lots.write(packed);
        store.put(key, packed.toBytes());
        out.writeStringField("gross_cost", grossCost.toPlainString());
        out.writeStringField("net_cost", netCost.toPlainString());
        out.writeStringField("realized_gain_loss", gain.toPlainString());
        out.writeStringField("open_quantity", lots.quantity().toPlainString());
        out.writeStringField("open_cost", lots.cost().toPlainString());
    }

    /** What of a transaction is booked. */
    private static final class Transaction {
        byte[] id;
        long date; // seconds since 1970
        BigDecimal quantity;
        BigDecimal gross;
        BigDecimal fee;
        private String portfolio;
        private String security;
        private String type;

        /** Reads the fields and copies them all, the object left open. */
        static Transaction copied(JsonParser in, JsonGenerator out) throws IOException {
            Transaction read = new Transaction();
            in.nextToken();
            for (String name; (name = in.nextFieldName()) != null; ) {
                out.writeFieldName(name);
                if (in.nextToken() == JsonToken.VALUE_STRING) {
                    String text = in.getText();
                    out.writeString(text);
                    read.take(name, text);
                } else {
                    out.copyCurrentStructure(in);
                }
            }
            return read;
        }

        private void take(String name, String text) {
            switch (name) {
                case "transaction_id" -> id = text.getBytes(StandardCharsets.UTF_8);
                case "portfolio_id" -> portfolio = text;
                case "security_id" -> security = text;
                case "transaction_date" -> date = Instant.parse(text).getEpochSecond();
                case "transaction_type" -> type = text;
                case "quantity" -> quantity = new BigDecimal(text);
                case "gross_transaction_amount" -> gross = new BigDecimal(text);
                case "trade_fee" -> fee = new BigDecimal(text);
                default -> {}
            }
        }

        boolean isSale() {
            return switch (type) {
                case "BUY" -> false;
                case "SELL" -> true;
                default -> throw new IllegalArgumentException("transaction_type " + type);
            };
        }

        byte[] holding() {
            return (portfolio + "|" + security).getBytes(StandardCharsets.UTF_8);
        }
    }
}
