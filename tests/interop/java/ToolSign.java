import uk.co.smartdcc.boxed.xmldsig.Sign;

/**
 * The DCC's Sign over many documents; the originator counter stays. Job: document, path of the PKCS #8 key, path of
 * the certificate. Answer: exit code, what the tool wrote to standard error, the signed document.
 */
public final class ToolSign {
    private ToolSign() {}

    public static void main(String[] args) throws Exception {
        Jobs.run(fields -> Tool.call(
                fields[0], Sign::main_aux, "-", "--preserveCounter", Jobs.text(fields[2]), Jobs.text(fields[1])));
    }
}
