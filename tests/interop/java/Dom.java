import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.helpers.DefaultHandler;

/** Documents, keys and certificates as the JDK reads them: namespaces, no DTD, no schema, white space kept. */
final class Dom {
    private Dom() {}

    static Document parse(byte[] document) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        DocumentBuilder builder = factory.newDocumentBuilder();
        builder.setErrorHandler(new DefaultHandler()); // throws on fatal errors, prints nothing
        return builder.parse(new ByteArrayInputStream(document));
    }

    /** The only Signature among the children of the root element. */
    static Element signature(Document document) {
        Element found = null;
        for (Node node = document.getDocumentElement().getFirstChild(); node != null; node = node.getNextSibling()) {
            if (XMLSignature.XMLNS.equals(node.getNamespaceURI()) && "Signature".equals(node.getLocalName())) {
                if (found != null) {
                    throw new IllegalArgumentException("more than one Signature");
                }
                found = (Element) node;
            }
        }
        if (found == null) {
            throw new IllegalArgumentException("no Signature");
        }
        return found;
    }

    static X509Certificate certificate(String path) throws Exception {
        try (InputStream stream = new FileInputStream(path)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(stream);
        }
    }

    static PrivateKey privateKey(String path) throws Exception {
        String body = Files.readString(Path.of(path)).replaceAll("-----[A-Z ]+-----|\\s", "");
        return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(body)));
    }
}
