import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The jobs of a measurement, over the line protocol of Jobs. "sign" (document, path of the key, path of the
 * certificate), "verify" (document, path of the certificate) and "canonicalize" (document) prepare a call and answer
 * its number; "result" (number) makes the call once and answers its result; "sample" (loops, numbers...) makes all of
 * the calls so often and answers the nanoseconds that this took; "forget" drops all calls.
 */
final class Sampling {
    /** What is timed. A verification throws unless the document is valid. */
    interface Call {
        byte[] run() throws Exception;
    }

    /** An implementation: what can be prepared outside of the timed call, it prepares in these. */
    interface Adapter {
        Call signing(byte[] document, String key, String certificate) throws Exception;

        Call verifying(byte[] document, String certificate) throws Exception;

        Call canonicalizing(byte[] document) throws Exception;
    }

    /** Where results go, so that no call is found to be without effect. */
    static volatile int octets;

    private Sampling() {}

    static void serve(Adapter adapter) throws Exception {
        List<Call> calls = new ArrayList<>();
        Jobs.run(fields -> {
            switch (Jobs.text(fields[0])) {
                case "sign":
                    calls.add(adapter.signing(fields[1], Jobs.text(fields[2]), Jobs.text(fields[3])));
                    return answer(calls.size() - 1);
                case "verify":
                    calls.add(adapter.verifying(fields[1], Jobs.text(fields[2])));
                    return answer(calls.size() - 1);
                case "canonicalize":
                    calls.add(adapter.canonicalizing(fields[1]));
                    return answer(calls.size() - 1);
                case "result":
                    return new byte[][] {calls.get(number(fields[1])).run()};
                case "sample":
                    return answer(sample(chosen(calls, fields), number(fields[1])));
                case "forget":
                    calls.clear();
                    System.gc(); // not in the middle of somebody's sample
                    return new byte[][] {};
                default:
                    throw new IllegalArgumentException("no such job");
            }
        });
    }

    private static Call[] chosen(List<Call> calls, byte[][] fields) {
        Call[] chosen = new Call[fields.length - 2];
        for (int i = 0; i < chosen.length; i++) {
            chosen[i] = calls.get(number(fields[i + 2]));
        }
        return chosen;
    }

    private static long sample(Call[] calls, int loops) throws Exception {
        int total = 0;
        long start = System.nanoTime();
        for (int loop = 0; loop < loops; loop++) {
            for (Call call : calls) {
                total += call.run().length;
            }
        }
        long nanoseconds = System.nanoTime() - start;
        octets = total;
        return nanoseconds;
    }

    private static int number(byte[] field) {
        return Integer.parseInt(Jobs.text(field));
    }

    private static byte[][] answer(long number) {
        return new byte[][] {Long.toString(number).getBytes(StandardCharsets.US_ASCII)};
    }
}
