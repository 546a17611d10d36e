import java.util.Arrays;
import javax.xml.crypto.Data;
import javax.xml.crypto.OctetStreamData;
import javax.xml.crypto.dom.DOMCryptoContext;
import javax.xml.crypto.dom.DOMStructure;
import javax.xml.crypto.dom.DOMURIReference;
import javax.xml.crypto.dsig.TransformService;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.spec.ExcC14NParameterSpec;
import javax.xml.crypto.dsig.spec.TransformParameterSpec;
import org.w3c.dom.Attr;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/**
 * Canonicalizes by the public XML Signature API. Job: document, algorithm URI, PrefixList, and what to canonicalize:
 * "document", or the positions of an element among the element children of its ancestors, from the root element down
 * ("/" is the root element, "/0/2" the third child of its first child). Answer: the canonical form.
 */
public final class JdkCanonicalize {
    private JdkCanonicalize() {}

    public static void main(String[] args) throws Exception {
        Jobs.run(fields -> new byte[][] {
            canonicalize(fields[0], Jobs.text(fields[1]), Jobs.text(fields[2]), Jobs.text(fields[3]))
        });
    }

    private static byte[] canonicalize(byte[] octets, String algorithm, String prefixes, String path)
            throws Exception {
        Document document = Dom.parse(octets);
        Context context = new Context("document".equals(path) ? null : select(document, path));
        TransformService service = TransformService.getInstance(algorithm, "DOM");
        TransformParameterSpec parameters =
                prefixes.isEmpty() ? null : new ExcC14NParameterSpec(Arrays.asList(prefixes.split(" ")));
        service.init(parameters);
        if (parameters != null) {
            // The PrefixList takes effect only when it is marshalled into a Transform element.
            Element transform = document.createElementNS(XMLSignature.XMLNS, "Transform");
            service.marshalParams(new DOMStructure(transform), context);
        }
        Data data = dereference(document, context.element == null ? "#xpointer(/)" : "#xpointer(id('it'))", context);
        return ((OctetStreamData) service.transform(data, context)).getOctetStream().readAllBytes();
    }

    private static Element select(Document document, String path) {
        Element element = document.getDocumentElement();
        for (String step : path.substring(1).split("/")) {
            if (!step.isEmpty()) {
                element = elementChild(element, Integer.parseInt(step));
            }
        }
        return element;
    }

    private static Element elementChild(Element parent, int position) {
        for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node.getNodeType() == Node.ELEMENT_NODE && position-- == 0) {
                return (Element) node;
            }
        }
        throw new IllegalArgumentException("no such child");
    }

    /** As a same-document Reference does it; an empty URI or a bare name would drop comments, XPointers do not. */
    private static Data dereference(Document document, String uri, Context context) throws Exception {
        Element holder = document.createElementNS(XMLSignature.XMLNS, "Reference"); // never becomes a part of the tree
        holder.setAttribute("URI", uri);
        Attr attribute = holder.getAttributeNode("URI");
        DOMURIReference reference = new DOMURIReference() {
            @Override
            public Node getHere() {
                return attribute;
            }

            @Override
            public String getURI() {
                return uri;
            }

            @Override
            public String getType() {
                return null;
            }
        };
        return XMLSignatureFactory.getInstance("DOM").getURIDereferencer().dereference(reference, context);
    }

    /** Answers every look-up of an identifier with the selected element, so that no attribute need be added. */
    private static final class Context extends DOMCryptoContext {
        private final Element element;

        Context(Element element) {
            this.element = element;
        }

        @Override
        public Element getElementById(String identifier) {
            return element;
        }
    }
}
