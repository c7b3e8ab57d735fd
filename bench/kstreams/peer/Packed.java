package peer;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Arrays;

/** Whole numbers, decimals and bytes, one after another, in as few bytes as will do. */
final class Packed {
    private static final int IS_WIDE = 0x80; // in the byte of the scale: more than a long holds

    private byte[] content;
    private int at;

    Packed(int size) {
        content = new byte[size];
    }

    Packed(byte[] content) {
        this.content = content;
    }

    void clear() {
        at = 0;
    }

    byte[] toBytes() {
        return Arrays.copyOf(content, at);
    }

    /** Seven bits a byte, the sign in the lowest of all. */
    void whole(long number) {
        demand(10);
        long left = (number << 1) ^ (number >> 63);
        while ((left & ~0x7FL) != 0) {
            content[at++] = (byte) (left | 0x80);
            left >>>= 7;
        }
        content[at++] = (byte) left;
    }

    long whole() {
        long read = 0;
        for (int shift = 0; ; shift += 7) {
            byte next = content[at++];
            read |= (long) (next & 0x7F) << shift;
            if (next >= 0) {
                return (read >>> 1) ^ -(read & 1);
            }
        }
    }

    void decimal(BigDecimal number) {
        BigInteger steps = number.unscaledValue();
        demand(1);
        if (steps.bitLength() < Long.SIZE) {
            content[at++] = (byte) number.scale();
            whole(steps.longValue());
        } else {
            content[at++] = (byte) (number.scale() | IS_WIDE);
            bytes(steps.toByteArray());
        }
    }

    BigDecimal decimal() {
        byte scale = content[at++];
        return scale >= 0
                ? BigDecimal.valueOf(whole(), scale)
                : new BigDecimal(new BigInteger(bytes()), scale & ~IS_WIDE);
    }

    void bytes(byte[] some) {
        whole(some.length);
        demand(some.length);
        System.arraycopy(some, 0, content, at, some.length);
        at += some.length;
    }

    byte[] bytes() {
        int size = (int) whole();
        at += size;
        return Arrays.copyOfRange(content, at - size, at);
    }

    private void demand(int more) {
        if (at + more > content.length) {
            content = Arrays.copyOf(content, Math.max(content.length * 2, at + more));
        }
    }
}
