import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

/**
 * The line protocol of all drivers, so that one JVM serves thousands of documents: one job per line on standard
 * input, one answer per line on standard output, fields parted by TAB and each in base64. The first field of an
 * answer is "ok" or "error", in clear text.
 */
final class Jobs {
    interface Handler {
        byte[][] answer(byte[][] fields) throws Exception;
    }

    private Jobs() {}

    static void run(Handler handler) throws IOException {
        PrintStream answers = System.out;
        BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String job = jobs.readLine(); job != null; job = jobs.readLine()) {
            StringBuilder answer = new StringBuilder();
            try {
                byte[][] fields = handler.answer(decode(job.split("\t", -1)));
                answer.append("ok");
                for (byte[] field : fields) {
                    answer.append('\t').append(Base64.getEncoder().encodeToString(field));
                }
            } catch (Exception | StackOverflowError e) {
                answer.append("error\t").append(Base64.getEncoder().encodeToString(bytes(e.toString())));
            }
            answers.print(answer.append('\n'));
            answers.flush();
        }
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] field) {
        return new String(field, StandardCharsets.UTF_8);
    }

    private static byte[][] decode(String[] fields) {
        byte[][] decoded = new byte[fields.length][];
        for (int i = 0; i < fields.length; i++) {
            decoded[i] = Base64.getDecoder().decode(fields[i]);
        }
        return decoded;
    }
}
