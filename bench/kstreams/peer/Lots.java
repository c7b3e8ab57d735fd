package peer;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayDeque;

/** The open lots of one holding, oldest first: one value of the store. */
final class Lots {
    private static final int COST_PLACES = 12;

    /** Cost is the total of what is left of the lot, fees included. */
    private record Lot(byte[] id, long acquiredAt, BigDecimal quantity, BigDecimal cost) {}

    private final ArrayDeque<Lot> lots = new ArrayDeque<>();
    private BigDecimal quantity = BigDecimal.ZERO;
    private BigDecimal cost = BigDecimal.ZERO;

    BigDecimal quantity() {
        return quantity;
    }

    BigDecimal cost() {
        return cost;
    }

    void buy(byte[] id, long acquiredAt, BigDecimal bought, BigDecimal paid) {
        lots.addLast(new Lot(id, acquiredAt, bought, paid));
        quantity = quantity.add(bought);
        cost = cost.add(paid);
    }

    /** Returns the cost of what is sold. */
    BigDecimal sell(BigDecimal sold) {
        if (sold.compareTo(quantity) > 0) {
            throw new IllegalArgumentException("sold " + sold + ", held " + quantity);
        }
        BigDecimal relieved = BigDecimal.ZERO;
        for (BigDecimal wanted = sold; wanted.signum() > 0; ) {
            Lot lot = lots.removeFirst();
            if (lot.quantity.compareTo(wanted) <= 0) {
                wanted = wanted.subtract(lot.quantity);
                relieved = relieved.add(lot.cost);
            } else {
                BigDecimal part = part(lot, wanted);
                BigDecimal left = lot.quantity.subtract(wanted);
                lots.addFirst(new Lot(lot.id, lot.acquiredAt, left, lot.cost.subtract(part)));
                wanted = BigDecimal.ZERO;
                relieved = relieved.add(part);
            }
        }
        quantity = quantity.subtract(sold);
        cost = cost.subtract(relieved);
        return relieved;
    }

    private static BigDecimal part(Lot lot, BigDecimal taken) {
        return lot.cost
                .multiply(taken)
                .divide(lot.quantity, COST_PLACES, RoundingMode.HALF_EVEN);
    }

    static Lots read(Packed in) {
        Lots read = new Lots();
        read.quantity = in.decimal();
        read.cost = in.decimal();
        for (long left = in.whole(); left > 0; left--) {
            read.lots.addLast(new Lot(in.bytes(), in.whole(), in.decimal(), in.decimal()));
        }
        return read;
    }

    void write(Packed out) {
        out.decimal(quantity);
        out.decimal(cost);
        out.whole(lots.size());
        for (Lot lot : lots) {
            out.bytes(lot.id);
            out.whole(lot.acquiredAt);
            out.decimal(lot.quantity);
            out.decimal(lot.cost);
        }
    }
}
