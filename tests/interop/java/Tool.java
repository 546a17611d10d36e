import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.function.Function;
import uk.co.smartdcc.boxed.xmldsig.ResultCode;

/** Calls an entry point of the DCC's tool with a document on standard input and captures what it prints. */
final class Tool {
    private Tool() {}

    /** Returns exit code, standard error, standard output. */
    static byte[][] call(byte[] document, Function<String[], ResultCode> entryPoint, String... arguments)
            throws Exception {
        Dom.parse(document); // throws here; the tool would end the JVM
        PrintStream driverOutput = System.out;
        PrintStream driverError = System.err;
        ByteArrayOutputStream output = new ByteArrayOutputStream();
        ByteArrayOutputStream error = new ByteArrayOutputStream();
        System.setIn(new ByteArrayInputStream(document));
        System.setOut(new PrintStream(output, true, "UTF-8"));
        System.setErr(new PrintStream(error, true, "UTF-8"));
        try {
            int code = entryPoint.apply(arguments).value();
            return new byte[][] {Jobs.bytes(Integer.toString(code)), error.toByteArray(), output.toByteArray()};
        } finally {
            System.setOut(driverOutput);
            System.setErr(driverError);
        }
    }
}
