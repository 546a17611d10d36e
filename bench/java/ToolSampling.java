import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.function.Function;
import uk.co.smartdcc.boxed.xmldsig.ResultCode;
import uk.co.smartdcc.boxed.xmldsig.Sign;
import uk.co.smartdcc.boxed.xmldsig.Validate;

/**
 * The DCC's tool by its entry points, as its HTTP server and its command line call them: it reads schema, key and
 * certificate on every call. It leaves an unsigned Response unchecked with exit code 0, hence the look at what it says.
 */
public final class ToolSampling implements Sampling.Adapter {
    private static final byte[] PASSED = "[I] passed signature check".getBytes(StandardCharsets.UTF_8);

    private ToolSampling() {}

    public static void main(String[] args) throws Exception {
        Sampling.serve(new ToolSampling());
    }

    @Override
    public Sampling.Call signing(byte[] document, String key, String certificate) {
        return () -> call(document, new ByteArrayOutputStream(), Sign::main_aux, "-", "--preserveCounter", certificate, key);
    }

    @Override
    public Sampling.Call verifying(byte[] document, String certificate) {
        return () -> {
            ByteArrayOutputStream messages = new ByteArrayOutputStream();
            call(document, messages, Validate::main_aux, "-", certificate);
            if (!messages.toString(StandardCharsets.UTF_8).contains(new String(PASSED, StandardCharsets.UTF_8))) {
                throw new IllegalArgumentException("not checked");
            }
            return new byte[0];
        };
    }

    @Override
    public Sampling.Call canonicalizing(byte[] document) {
        throw new UnsupportedOperationException("it does not canonicalize for its caller");
    }

    private static byte[] call(
            byte[] document, ByteArrayOutputStream messages, Function<String[], ResultCode> entryPoint, String... arguments)
            throws Exception {
        PrintStream driverOutput = System.out;
        PrintStream driverError = System.err;
        ByteArrayOutputStream output = new ByteArrayOutputStream();
        System.setIn(new ByteArrayInputStream(document));
        System.setOut(new PrintStream(output, true, "UTF-8"));
        System.setErr(new PrintStream(messages, true, "UTF-8"));
        try {
            int code = entryPoint.apply(arguments).value();
            if (code != 0) {
                String[] lines = messages.toString(StandardCharsets.UTF_8).strip().split("\n");
                throw new IllegalArgumentException("exit code " + code + ", " + lines[lines.length - 1]);
            }
            return output.toByteArray();
        } finally {
            System.setOut(driverOutput);
            System.setErr(driverError);
        }
    }
}
