import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.xml.crypto.OctetStreamData;
import javax.xml.crypto.dom.DOMURIReference;
import javax.xml.crypto.dsig.CanonicalizationMethod;
import javax.xml.crypto.dsig.DigestMethod;
import javax.xml.crypto.dsig.Reference;
import javax.xml.crypto.dsig.SignedInfo;
import javax.xml.crypto.dsig.Transform;
import javax.xml.crypto.dsig.TransformService;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMSignContext;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.crypto.dsig.keyinfo.KeyInfo;
import javax.xml.crypto.dsig.keyinfo.KeyInfoFactory;
import javax.xml.crypto.dsig.spec.C14NMethodParameterSpec;
import javax.xml.crypto.dsig.spec.TransformParameterSpec;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Attr;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.helpers.DefaultHandler;

/**
 * The JDK alone, profile DUIS. Parser, writer, factories, key and KeyInfo are made once; Transform, Reference and
 * SignedInfo on every call, since they keep something of the document that they were used with.
 */
public final class JdkSampling implements Sampling.Adapter {
    private final DocumentBuilder builder;
    private final Transformer writer = TransformerFactory.newInstance().newTransformer();
    private final XMLSignatureFactory factory = XMLSignatureFactory.getInstance("DOM");
    private final DigestMethod sha256 = factory.newDigestMethod(DigestMethod.SHA256, null);
    private final CanonicalizationMethod exclusive =
            factory.newCanonicalizationMethod(CanonicalizationMethod.EXCLUSIVE, (C14NMethodParameterSpec) null);

    private JdkSampling() throws Exception {
        DocumentBuilderFactory builders = DocumentBuilderFactory.newInstance();
        builders.setNamespaceAware(true);
        builders.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        builder = builders.newDocumentBuilder();
        builder.setErrorHandler(new DefaultHandler()); // throws on fatal errors, prints nothing
    }

    public static void main(String[] args) throws Exception {
        Sampling.serve(new JdkSampling());
    }

    @Override
    public Sampling.Call signing(byte[] octets, String keyPath, String certificatePath) throws Exception {
        PrivateKey key = Dom.privateKey(keyPath);
        KeyInfo keyInfo = keyInfo(Dom.certificate(certificatePath));
        return () -> {
            Document document = parse(octets);
            Transform enveloped = factory.newTransform(Transform.ENVELOPED, (TransformParameterSpec) null);
            Reference reference = factory.newReference("", sha256, List.of(enveloped), null, null);
            SignedInfo signedInfo = factory.newSignedInfo(
                    exclusive,
                    factory.newSignatureMethod("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", null),
                    List.of(reference));
            DOMSignContext context = new DOMSignContext(key, document.getDocumentElement());
            context.setDefaultNamespacePrefix("ds");
            factory.newXMLSignature(signedInfo, keyInfo).sign(context);
            ByteArrayOutputStream signed = new ByteArrayOutputStream(octets.length + 2048);
            writer.transform(new DOMSource(document), new StreamResult(signed));
            return signed.toByteArray();
        };
    }

    @Override
    public Sampling.Call verifying(byte[] octets, String certificatePath) throws Exception {
        PublicKey key = Dom.certificate(certificatePath).getPublicKey();
        return () -> {
            DOMValidateContext context = new DOMValidateContext(key, Dom.signature(parse(octets)));
            context.setProperty("org.jcp.xml.dsig.secureValidation", Boolean.TRUE);
            if (!factory.unmarshalXMLSignature(context).validate(context)) {
                throw new IllegalArgumentException("not valid");
            }
            return new byte[0];
        };
    }

    @Override
    public Sampling.Call canonicalizing(byte[] octets) throws Exception {
        return () -> {
            Document document = parse(octets);
            DOMSignContext context = new DOMSignContext(new NoKey(), document);
            TransformService service = TransformService.getInstance(CanonicalizationMethod.INCLUSIVE, "DOM");
            service.init(null);
            // An empty URI is the document without its comments.
            Element holder = document.createElementNS(XMLSignature.XMLNS, "Reference");
            holder.setAttribute("URI", "");
            Attr here = holder.getAttributeNode("URI");
            OctetStreamData data = (OctetStreamData) service.transform(
                    factory.getURIDereferencer().dereference(new WholeDocument(here), context), context);
            return data.getOctetStream().readAllBytes();
        };
    }

    private Document parse(byte[] octets) throws Exception {
        return builder.parse(new ByteArrayInputStream(octets));
    }

    private KeyInfo keyInfo(X509Certificate certificate) {
        KeyInfoFactory keyInfoFactory = factory.getKeyInfoFactory();
        String issuer = certificate.getIssuerX500Principal().getName(); // RFC 2253
        return keyInfoFactory.newKeyInfo(List.of(keyInfoFactory.newX509Data(
                List.of(keyInfoFactory.newX509IssuerSerial(issuer, certificate.getSerialNumber())))));
    }

    /** The Reference whose URI is empty. */
    private static final class WholeDocument implements DOMURIReference {
        private final Attr here;

        WholeDocument(Attr here) {
            this.here = here;
        }

        @Override
        public Node getHere() {
            return here;
        }

        @Override
        public String getURI() {
            return "";
        }

        @Override
        public String getType() {
            return null;
        }
    }

    /** A context for signing is the only public one; canonicalizing needs no key. */
    private static final class NoKey implements java.security.Key {
        private static final long serialVersionUID = 1;

        @Override
        public String getAlgorithm() {
            return "none";
        }

        @Override
        public String getFormat() {
            return null;
        }

        @Override
        public byte[] getEncoded() {
            return null;
        }
    }
}
