import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import javax.xml.crypto.dsig.Reference;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMValidateContext;

/**
 * Verifies with javax.xml.crypto.dsig alone: no schema, no white space dropped, secure validation on, and the public
 * key of the given certificate, whatever KeyInfo says. Job: document, path of the certificate. Answer: "valid" or
 * "invalid", the outcome of the signature value and of each Reference, the octets that the References digested.
 */
public final class JdkVerify {
    private JdkVerify() {}

    public static void main(String[] args) throws Exception {
        XMLSignatureFactory factory = XMLSignatureFactory.getInstance("DOM");
        Jobs.run(fields -> verify(factory, fields[0], Jobs.text(fields[1])));
    }

    private static byte[][] verify(XMLSignatureFactory factory, byte[] document, String certificate) throws Exception {
        DOMValidateContext context = new DOMValidateContext(
                Dom.certificate(certificate).getPublicKey(), Dom.signature(Dom.parse(document)));
        context.setProperty("org.jcp.xml.dsig.secureValidation", Boolean.TRUE);
        context.setProperty("javax.xml.crypto.dsig.cacheReference", Boolean.TRUE);
        XMLSignature signature = factory.unmarshalXMLSignature(context);
        boolean valid = signature.validate(context);
        StringBuilder details = new StringBuilder("signature value ");
        details.append(signature.getSignatureValue().validate(context) ? "valid" : "invalid");
        ByteArrayOutputStream digested = new ByteArrayOutputStream();
        for (Object item : signature.getSignedInfo().getReferences()) {
            Reference reference = (Reference) item;
            details.append("; reference '").append(reference.getURI()).append("' ");
            details.append(reference.validate(context) ? "valid" : "invalid");
            try (InputStream stream = reference.getDigestInputStream()) {
                stream.transferTo(digested);
            }
        }
        return new byte[][] {
            Jobs.bytes(valid ? "valid" : "invalid"), Jobs.bytes(details.toString()), digested.toByteArray()
        };
    }
}
