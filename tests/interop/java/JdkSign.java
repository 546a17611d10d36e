import java.io.ByteArrayOutputStream;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.xml.crypto.dsig.CanonicalizationMethod;
import javax.xml.crypto.dsig.DigestMethod;
import javax.xml.crypto.dsig.Reference;
import javax.xml.crypto.dsig.SignedInfo;
import javax.xml.crypto.dsig.Transform;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMSignContext;
import javax.xml.crypto.dsig.keyinfo.KeyInfo;
import javax.xml.crypto.dsig.keyinfo.KeyInfoFactory;
import javax.xml.crypto.dsig.spec.C14NMethodParameterSpec;
import javax.xml.crypto.dsig.spec.TransformParameterSpec;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;

/**
 * Signs in the DUIS wire profile (DUIS section 2.4: one enveloped-signature Transform, hence a Canonical XML 1.0
 * digest). The JDK breaks SignatureValue after 76 characters with a carriage return reference and a line feed.
 * Job: document, path of the PKCS #8 key, path of the certificate. Answer: the signed document.
 */
public final class JdkSign {
    private JdkSign() {}

    public static void main(String[] args) throws Exception {
        XMLSignatureFactory factory = XMLSignatureFactory.getInstance("DOM");
        Jobs.run(fields -> new byte[][] {
            sign(
                    factory,
                    Dom.parse(fields[0]),
                    Dom.privateKey(Jobs.text(fields[1])),
                    Dom.certificate(Jobs.text(fields[2])))
        });
    }

    private static byte[] sign(
            XMLSignatureFactory factory, Document document, PrivateKey key, X509Certificate certificate)
            throws Exception {
        Reference reference = factory.newReference(
                "",
                factory.newDigestMethod(DigestMethod.SHA256, null),
                List.of(factory.newTransform(Transform.ENVELOPED, (TransformParameterSpec) null)),
                null,
                null);
        SignedInfo signedInfo = factory.newSignedInfo(
                factory.newCanonicalizationMethod(CanonicalizationMethod.EXCLUSIVE, (C14NMethodParameterSpec) null),
                factory.newSignatureMethod("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", null),
                List.of(reference));
        DOMSignContext context = new DOMSignContext(key, document.getDocumentElement());
        context.setDefaultNamespacePrefix("ds");
        factory.newXMLSignature(signedInfo, keyInfo(factory, certificate)).sign(context);
        ByteArrayOutputStream signed = new ByteArrayOutputStream();
        TransformerFactory.newInstance().newTransformer().transform(new DOMSource(document), new StreamResult(signed));
        return signed.toByteArray();
    }

    private static KeyInfo keyInfo(XMLSignatureFactory factory, X509Certificate certificate) {
        KeyInfoFactory keyInfoFactory = factory.getKeyInfoFactory();
        String issuer = certificate.getIssuerX500Principal().getName(); // RFC 2253
        return keyInfoFactory.newKeyInfo(List.of(keyInfoFactory.newX509Data(
                List.of(keyInfoFactory.newX509IssuerSerial(issuer, certificate.getSerialNumber())))));
    }
}
