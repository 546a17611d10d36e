import uk.co.smartdcc.boxed.xmldsig.Validate;

/**
 * The DCC's Validate over many documents. Job: document, path of the certificate. Answer: exit code, what the tool
 * wrote to standard error, what it wrote to standard output (the octets it digested). The exit code alone proves
 * nothing: the tool skips the check of an unsigned Response and still answers 0.
 */
public final class ToolValidate {
    private ToolValidate() {}

    public static void main(String[] args) throws Exception {
        Jobs.run(fields -> Tool.call(fields[0], Validate::main_aux, "-", Jobs.text(fields[1])));
    }
}
