"""XMLSigner: signxml's signer for enveloped ECDSA signatures on P-256, on duisign's engine."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from duisign._byte_lane import ByteLane
from duisign._signature_place import digest_for_signing
from duisign._tree_lane import canonicalize_element
from duisign.algorithms import Profile
from duisign.errors import DuisignError
from duisign.limits import MAX_DEPTH, MAX_DOCUMENT_OCTETS
from duisign.private_key import ecdsa
from duisign.signed_info import signature_frame
from duisign.signer import uses_byte_lane
from duisign.signxml.algorithms import (
    LANE_ALGORITHM,
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
    option_error,
)
from duisign.signxml.certificate_chain import shown_certificates
from duisign.signxml.document import DSIG, ID_ATTRIBUTES, document_octets, own_tree, referenced_by
from duisign.signxml.exceptions import InvalidInput, invalid_input
from duisign.signxml.hook import Hookless
from duisign.signxml.key_info import DSIG11, SigningSettings, add_key_info, checked_key_info, written_key_info
from duisign.signxml.private_key import check_certificate, load_private_key, public_key_of, sign_octets

if TYPE_CHECKING:
    from cryptography import x509
    from lxml.etree import _Element

    from duisign.external_key import PrivateKey

__all__ = ["SignatureReference", "XMLSigner"]

Annotator = Callable[..., object]

_SIGNATURE = f"{{{DSIG}}}Signature"
_NAMESPACES = {"ds": DSIG}
_ECDSA = ecdsa(False)
_KEY_OF_CRYPTOGRAPHY = type(ec.derive_private_key(1, ec.SECP256R1()))
_DSIG, _DSIG11 = DSIG.encode(), DSIG11.encode()
_BINDING = b'xmlns:ds="%b"' % _DSIG


@dataclass(frozen=True)
class SignatureReference:
    """What is signed: the document, by the `Id` of its root, and the canonicalization of it.

    `URI`: ``#`` and the Id, or the Id. `c14n_method`: that of the signer if None. `inclusive_ns_prefixes`: none.
    """

    URI: str
    c14n_method: CanonicalizationMethod | None = None
    inclusive_ns_prefixes: list[str] | None = None


class XMLSigner(Hookless):
    """Signs XML elements; one instance may be shared by threads that do not change its two attributes.

    `method`, `signature_algorithm`, `digest_algorithm`, `c14n_algorithm`: signxml's defaults, of which two are outside
    the subset, so pass ``ecdsa-sha256``, and Exclusive C14N or C14N 1.0. `signature_annotators`: functions called with
    the Signature element and ``signing_settings=`` a `SigningSettings` before it is signed. `namespaces`: the prefixes
    that a Signature declares.

    Raises InvalidInput for what is outside the subset. Source: XML Signature 1.1; signxml 5.2's interface.
    """

    __slots__ = ("_canonicalization", "_uses_byte_lane", "namespaces", "signature_annotators")

    signature_annotators: list[Annotator]
    namespaces: dict[str, str]

    def __init__(
        self,
        method: SignatureConstructionMethod = SignatureConstructionMethod.enveloped,
        signature_algorithm: SignatureMethod | str = SignatureMethod.RSA_SHA256,
        digest_algorithm: DigestAlgorithm | str = DigestAlgorithm.SHA256,
        c14n_algorithm: CanonicalizationMethod | str = CanonicalizationMethod.CANONICAL_XML_1_1,
    ) -> None:
        if not isinstance(method, SignatureConstructionMethod):
            raise InvalidInput("option", "Unknown signature construction method: use methods.enveloped.")
        if method is not SignatureConstructionMethod.enveloped:
            raise option_error(f"method {method.name}", "use methods.enveloped")
        signature = SignatureMethod.of(signature_algorithm)
        digest = DigestAlgorithm.of(digest_algorithm)
        if "SHA1" in signature.name or "SHA1" in digest.name:
            raise InvalidInput(
                "option",
                "SHA1-based algorithms are not supported: use SignatureMethod.ECDSA_SHA256 and DigestAlgorithm.SHA256.",
            )
        if signature is not SignatureMethod.ECDSA_SHA256:
            raise option_error(f"signature_algorithm {signature.name}", "use SignatureMethod.ECDSA_SHA256")
        if digest is not DigestAlgorithm.SHA256:
            raise option_error(f"digest_algorithm {digest.name}", "use DigestAlgorithm.SHA256")
        self._canonicalization = _canonicalization("c14n_algorithm", c14n_algorithm)
        try:
            self._uses_byte_lane = uses_byte_lane()
        except DuisignError as error:
            raise invalid_input(error) from None
        self.namespaces = dict(_NAMESPACES)
        self.signature_annotators = [add_key_info]

    def __repr__(self) -> str:
        return f"<XMLSigner {self._canonicalization.name}>"

    def sign(
        self,
        data: object,
        *,
        key: str | bytes | PrivateKey | None = None,
        passphrase: bytes | None = None,
        cert: str | bytes | list[str] | list[bytes] | list[x509.Certificate] | None = None,
        reference_uri: str | list[str] | list[SignatureReference] | None = None,
        key_name: str | None = None,
        key_info: _Element | None = None,
        id_attribute: str | None = None,
        always_add_key_value: bool = False,
        inclusive_ns_prefixes: list[str] | None = None,
        signature_properties: _Element | list[_Element] | None = None,
        exclude_c14n_transform_element: bool = False,
    ) -> _Element:
        """The root of a signed copy of the element; the caller's elements stay as they are.

        `data`: an lxml element or tree, or an element of the standard library. `key`: PEM or an object, with
        `passphrase` if it is encrypted. `cert`: PEM, or a list, the signer's own first. `reference_uri`: the Id of the
        root, which is referred to anyway when it has one, looked for in `id_attribute`. `key_name`, `key_info`,
        `always_add_key_value`: what KeyInfo says. `exclude_c14n_transform_element`: with C14N 1.0, which is what the
        standard means when no Transform says otherwise.

        The Signature becomes the last child of the root, or takes the place of a child
        ``<ds:Signature Id="placeholder"/>``. Raises InvalidInput, and what a key or annotator of the caller's raises.
        """
        if isinstance(data, (str, bytes)):
            raise InvalidInput(
                "wrong-type",
                "For an enveloped signature data must be an XML element: parse it first.",
                check="document",
            )
        if inclusive_ns_prefixes:
            raise option_error("inclusive_ns_prefixes", "leave it out, or sign with CANONICAL_XML_1_0")
        if signature_properties is not None:
            raise option_error("signature_properties", "leave it out, only detached signatures have them")
        if not isinstance(key_name, str | None):
            raise InvalidInput("option", "key_name must be text: pass a string, or none.")
        settings = _settings(key, passphrase, cert, key_name, checked_key_info(key_info), always_add_key_value)
        namespaces = _declarations(self.namespaces)
        annotators = tuple(self.signature_annotators)
        document = document_octets(data)
        if reference_uri is None and namespaces == _NAMESPACES and not exclude_c14n_transform_element:
            signed = self._signed_in_one_pass(data, document, annotators, settings)
            if signed is not None:
                return signed
        root, size = _document(document)
        names = ID_ATTRIBUTES if id_attribute is None else (id_attribute,)
        uri, method = self._reference(root, reference_uri, names)
        if exclude_c14n_transform_element and method is not CanonicalizationMethod.CANONICAL_XML_1_0:
            raise option_error(
                f"exclude_c14n_transform_element with {method.name}",
                "without a Transform that says otherwise a digest is over C14N 1.0, so use CANONICAL_XML_1_0",
            )
        try:
            digest, _, index, _ = digest_for_signing(root, LANE_ALGORITHM[method], True, MAX_DEPTH, size, "")
            signature = _placed(root, index, namespaces)
            transforms = [SignatureConstructionMethod.enveloped.value]
            if not exclude_c14n_transform_element:
                transforms.append(method.value)
            signed_info = self._signed_info(signature, uri, transforms, digest, namespaces)
            value = etree.SubElement(signature, f"{{{DSIG}}}SignatureValue")
            octets = self._signed_octets(signed_info)
            for annotator in annotators:
                annotator(signature, signing_settings=settings)
            if annotators != (add_key_info,):
                self._check_annotated(root, signature, signed_info, value, octets)
                again = digest_for_signing(root, LANE_ALGORITHM[method], True, MAX_DEPTH, size, "")[0]
                if again != digest or (uri and referenced_by(root, uri[1:], names) is not root):
                    raise _annotator_error()
        except DuisignError as error:
            if isinstance(error, InvalidInput):
                raise
            raise invalid_input(error) from None
        certificate = None if settings.shown is None else settings.shown[0].certificate
        value.text = sign_octets(settings.key, octets, certificate)
        return root

    def _signed_in_one_pass(
        self, data: object, document: bytes, annotators: tuple[Annotator, ...], settings: SigningSettings
    ) -> _Element | None:
        """The root of the signed document, made as `duisign.Signer` makes it; None: it is to be made as a tree.

        `document`: what `data` is written as. Both ways give the same where nothing but the default is asked for, and
        the document says nothing of the namespaces of a Signature but ``xmlns:ds``.
        """
        if (
            not self._uses_byte_lane
            or self._canonicalization is not CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
            # Then it is the root of the document, and nothing stands around it.
            or not isinstance(data, etree._Element)
            or _own_id(data) is not None
            # Whoever writes a key expects to be asked for octets, once, by signxml's names of the arguments.
            or type(settings.key) is not _KEY_OF_CRYPTOGRAPHY
            or document.count(_DSIG) != document.count(_BINDING)
            or _DSIG11 in document
        ):
            return None
        try:
            key_info = written_key_info(annotators, settings)
        except ValueError:
            # It may not be the first thing that is wrong.
            return None
        if key_info is None:
            return None
        frame = signature_frame(Profile.SIGNXML, key_info, settings.key.sign, _ECDSA)
        algorithm = LANE_ALGORITHM[self._canonicalization]
        try:
            signed = ByteLane(frame, algorithm, False, False, MAX_DOCUMENT_OCTETS, MAX_DEPTH).sign(document)
            root = None if signed is None else own_tree(signed)[0]
        except DuisignError:
            return None
        # Not only by the word of the caller's object, which may say anything.
        return None if root is None or _own_id(root) is not None else root

    def _reference(
        self, root: _Element, reference_uri: object, names: tuple[str, ...]
    ) -> tuple[str, CanonicalizationMethod]:
        """URI and canonicalization of the one Reference, which must mean the root; raises InvalidInput."""
        if reference_uri is None:
            own = _own_id(root)
            if own is None:
                return "", self._canonicalization
            reference, names = SignatureReference(own), ID_ATTRIBUTES
        else:
            given = [reference_uri] if isinstance(reference_uri, (str, SignatureReference)) else reference_uri
            if not isinstance(given, (list, tuple)) or len(given) != 1:
                raise option_error("reference_uri with other than one reference", "sign the document with one")
            (one,) = given
            reference = SignatureReference(one) if isinstance(one, str) else one
            if not isinstance(reference, SignatureReference) or not isinstance(reference.URI, str):
                raise InvalidInput("option", "reference_uri must be an Id or a SignatureReference: pass one, or none.")
        if reference.inclusive_ns_prefixes:
            raise option_error("inclusive_ns_prefixes", "leave it out, or sign with CANONICAL_XML_1_0")
        value = reference.URI.removeprefix("#")
        if referenced_by(root, value, names) is not root:
            raise option_error(
                "reference_uri to an element below the root",
                "sign the root: leave reference_uri out, or make its Id unique",
            )
        method = reference.c14n_method
        return f"#{value}", self._canonicalization if method is None else _canonicalization("c14n_method", method)

    def _signed_info(
        self, signature: _Element, uri: str, transforms: list[str], digest: bytes, namespaces: dict[str, str]
    ) -> _Element:
        signed_info = etree.SubElement(signature, f"{{{DSIG}}}SignedInfo", nsmap=namespaces)
        etree.SubElement(signed_info, f"{{{DSIG}}}CanonicalizationMethod", Algorithm=self._canonicalization.value)
        etree.SubElement(signed_info, f"{{{DSIG}}}SignatureMethod", Algorithm=SignatureMethod.ECDSA_SHA256.value)
        reference = etree.SubElement(signed_info, f"{{{DSIG}}}Reference", URI=uri)
        transforms_element = etree.SubElement(reference, f"{{{DSIG}}}Transforms")
        for transform in transforms:
            etree.SubElement(transforms_element, f"{{{DSIG}}}Transform", Algorithm=transform)
        etree.SubElement(reference, f"{{{DSIG}}}DigestMethod", Algorithm=DigestAlgorithm.SHA256.value)
        etree.SubElement(reference, f"{{{DSIG}}}DigestValue").text = b64encode(digest).decode()
        return signed_info

    def _signed_octets(self, signed_info: _Element) -> bytes:
        return canonicalize_element(signed_info, LANE_ALGORITHM[self._canonicalization], (), MAX_DEPTH)

    def _check_annotated(
        self, root: _Element, signature: _Element, signed_info: _Element, value: _Element, octets: bytes
    ) -> None:
        """Raise InvalidInput if an annotator has touched what is signed, or the frame around it."""
        in_place = (
            signature.getparent() is root
            and signature.tag == _SIGNATURE
            and list(signature[:2]) == [signed_info, value]
            and value.tag == f"{{{DSIG}}}SignatureValue"
            and not len(value)
            and not value.attrib
        )
        if not in_place or self._signed_octets(signed_info) != octets:
            raise _annotator_error()


def _annotator_error() -> InvalidInput:
    return InvalidInput(
        "annotator",
        "An annotator changed the document, SignedInfo or SignatureValue, so that no signature could hold: let it add "
        "to the Signature alone.",
    )


def _own_id(root: _Element) -> str | None:
    """The Id that a Reference to the root has without being told one."""
    return root.get("Id", root.get("ID"))


def _canonicalization(option: str, algorithm: object) -> CanonicalizationMethod:
    method = CanonicalizationMethod(algorithm)
    if method not in LANE_ALGORITHM:
        raise option_error(f"{option} {method.name}", "use EXCLUSIVE_XML_CANONICALIZATION_1_0 or CANONICAL_XML_1_0")
    return method


def _settings(
    key: object,
    passphrase: bytes | None,
    cert: object,
    key_name: str | None,
    key_info: _Element | None,
    always_add_key_value: bool,
) -> SigningSettings:
    shown = shown_certificates(cert)
    private_key = load_private_key(key, passphrase)
    if shown is not None:
        check_certificate(public_key_of(private_key), shown[0].certificate)
    if key_info is not None and (key_name is not None or always_add_key_value):
        raise option_error("key_name or always_add_key_value with key_info", "write it into the element of key_info")
    sources = None if shown is None else [one.source for one in shown]
    return SigningSettings(private_key, key_name, key_info, bool(always_add_key_value), sources, shown)


def _declarations(namespaces: object) -> dict[str, str]:
    """A copy of the attribute `namespaces`; raises InvalidInput."""
    if not isinstance(namespaces, dict) or DSIG not in namespaces.values():
        raise InvalidInput(
            "option", "namespaces must map a prefix to the namespace of XML Signature, as it does by default."
        )
    if not all(isinstance(text, str) for item in namespaces.items() for text in item):
        raise option_error("namespaces without prefix", 'use a prefix, such as "ds"')
    declarations = dict(namespaces)
    if declarations == _NAMESPACES:
        return declarations
    try:
        etree.Element(_SIGNATURE, nsmap=declarations)
    except ValueError:
        raise InvalidInput("option", "namespaces has a prefix or a URI that can be none: mend it.") from None
    return declarations


def _document(document: bytes) -> tuple[_Element, int]:
    """The tree to be signed, and its octets; raises InvalidInput."""
    root, size = own_tree(document)
    around = [*root.itersiblings(), *root.itersiblings(preceding=True)]
    if any(isinstance(node, etree._ProcessingInstruction) for node in around):
        raise InvalidInput(
            "instruction-outside-root",
            "The tree has processing instructions around its root, which would be lost with the element that is "
            "returned: pass the root element, or sign the bytes with duisign.Signer.",
            check="document",
        )
    return root, size


def _placed(root: _Element, index: int, namespaces: dict[str, str]) -> _Element:
    """The Signature element to fill, in its place; `index`: of the Signature among the root's elements, or -1."""
    if index < 0:
        signature = etree.Element(_SIGNATURE, nsmap=namespaces)
        root.append(signature)
        return signature
    signature = next(root.iterchildren(_SIGNATURE))
    if signature.get("Id") != "placeholder":
        raise InvalidInput(
            "signature-exists",
            'The document already has a Signature: remove it, or give it Id="placeholder" and no content.',
            check="signature",
        )
    if len(signature) or len(signature.attrib) > 1 or (signature.text or "").strip():
        raise InvalidInput("placeholder", "The placeholder Signature has content: empty it.", check="signature")
    del signature.attrib["Id"]
    return signature
