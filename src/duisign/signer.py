"""Signer: puts the Signature of the wire profile into DUIS documents."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from duisign._byte_lane import ByteLane
from duisign._signature_element import read_signature
from duisign.algorithms import KeyInfo, Profile
from duisign.batch import SignResult, results_of_documents
from duisign.certificate_index import CertificateIndex
from duisign.document import PLAIN_ALONE, DocumentReader, check_depth
from duisign.document_splice import DocumentSplice
from duisign.errors import ConfigurationError, DocumentError, DuisignError, doctype_error, element_error
from duisign.external_key import asynchronous_signature, check_key, is_asynchronous, signature_function
from duisign.key_info import key_info_octets
from duisign.limits import MAX_DEPTH, MAX_DOCUMENT_OCTETS, SIGNED_LEVELS
from duisign.organisation_certificate import OrganisationCertificate, load_certificate
from duisign.private_key import ecdsa, load_private_key
from duisign.schema import checked_schema
from duisign.signed_info import signature_frame
from duisign.trust import Signatory
from duisign.work import InChunks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from cryptography import x509
    from lxml.etree import _Element

    from duisign._document_tree import DocumentTree
    from duisign._signature_frame import SignatureFrame
    from duisign.external_key import AnyExternalKey
    from duisign.schema import Schema

__all__ = ["LaneCounts", "Signer", "uses_byte_lane"]

# Numbers that the lanes know the canonicalizations of the document by.
_LANE_ALGORITHM = {Profile.DUIS: 0, Profile.SIGNXML: 2}

# An ECDSA signature in DER of which nothing but its form is asked: r = s = 1.
_ANY_SIGNATURE = bytes.fromhex("3006020101020101")


def uses_byte_lane() -> bool:
    """Whether documents are read in one pass where they can be; raises ConfigurationError."""
    lanes = os.environ.get("DUISIGN_LANES") or "both"
    if lanes not in ("both", "tree"):
        raise ConfigurationError("lanes", 'The environment variable DUISIGN_LANES must be "both" or "tree".')
    return lanes == "both"


class LaneCounts(NamedTuple):
    """How a Signer's documents were read: `byte_lane` documents in one pass, without a tree; `declined` others by why.

    The reasons are doctype, encoding, instruction, malformed, name, namespace, signature, too-deep, too-large and
    xml-attribute. A declined document is signed all the same, or refused, by way of a tree, which takes longer.
    """

    byte_lane: int
    declined: dict[str, int]


class Signer:
    """Signs documents with one key; immutable, shared by threads.

    `private_key`: P-256, an object of cryptography or unencrypted PEM or DER; or one outside the process: an
    `ExternalKey`, an `AsyncExternalKey`, or an object with signxml's ``sign`` and ``key_size``. `certificate`: the
    Organisation Certificate that holds its public key, an object, PEM or DER. `profile`: DUIS, or SIGNXML for signxml's
    default form. `key_info`: a `KeyInfo`, or a ``ds:KeyInfo`` element, which is copied. `deterministic`: nonces by RFC
    6979. `whitespace`: "strip" removes literal white-space-only text between the tags of elements that have element
    children, which the DCC's tool would drop before it digests; "preserve" changes nothing. `existing_signature`:
    "replace" drops a Signature that the root already has. `schema`: what signed documents must be valid by, or
    SchemaError is raised in place of handing them out. `max_octets`, `max_depth`: limits of a document.

    An external key is asked for a signature at once, and each of its signatures is verified before it is handed out;
    `deterministic` is its own affair. Only an `AsyncExternalKey` is not asked at once, since a constructor cannot wait.

    Raises ConfigurationError when key, certificate or options do not fit together, and ExternalKeyError.
    Source: DUIS (Smart Energy Code Appendix AD); XMLDSig Core 1.1.
    """

    __slots__ = (
        "_asynchronous_key",
        "_byte_lane",
        "_certificate",
        "_check",
        "_frame",
        "_key_is_here",
        "_profile",
        "_reader",
        "_splice",
    )

    def __init__(
        self,
        private_key: ec.EllipticCurvePrivateKey | bytes | AnyExternalKey,
        certificate: x509.Certificate | bytes,
        *,
        profile: Profile = Profile.DUIS,
        key_info: KeyInfo | _Element = KeyInfo.ISSUER_SERIAL,
        deterministic: bool = False,
        whitespace: Literal["preserve", "strip"] = "preserve",
        existing_signature: Literal["refuse", "replace"] = "refuse",
        schema: Schema | None = None,
        max_octets: int = MAX_DOCUMENT_OCTETS,
        max_depth: int = MAX_DEPTH,
    ) -> None:
        if not isinstance(profile, Profile):
            raise ConfigurationError("profile", "profile must be a duisign.Profile.")
        if whitespace not in ("preserve", "strip"):
            raise ConfigurationError("whitespace", 'whitespace must be "preserve" or "strip".')
        if existing_signature not in ("refuse", "replace"):
            raise ConfigurationError("existing-signature", 'existing_signature must be "refuse" or "replace".')
        check_depth(max_depth, SIGNED_LEVELS)
        self._reader = DocumentReader(max_octets, max_depth)
        self._check = _check_of(self._reader, checked_schema(schema))
        key = load_private_key(private_key)
        self._certificate = OrganisationCertificate(load_certificate(certificate))
        if isinstance(key, ec.EllipticCurvePrivateKey) and self._certificate.public_key != key.public_key():
            raise ConfigurationError(
                "key-certificate-mismatch", "The certificate does not hold the public key of the private key."
            )
        if not self._certificate.signs:
            raise ConfigurationError(
                "certificate-key-usage",
                "The certificate's keyUsage has no digitalSignature: sign with another.",
            )
        self._profile = profile
        algorithm, strip, replace = _LANE_ALGORITHM[profile], whitespace == "strip", existing_signature == "replace"
        self._splice = DocumentSplice(self._reader, algorithm, strip=strip, replace=replace)
        key_info_element = key_info_octets(key_info, self._certificate)
        self._check_key_info(signature_frame(profile, key_info_element, lambda digest, algorithm: _ANY_SIGNATURE))
        self._asynchronous_key = key if is_asynchronous(key) else None
        self._key_is_here = False
        if isinstance(key, ec.EllipticCurvePrivateKey):
            self._key_is_here = True
            self._frame = signature_frame(profile, key_info_element, key.sign, ecdsa(bool(deterministic)))
        else:
            self._frame = signature_frame(profile, key_info_element, *self._external(key, deterministic))
        self._byte_lane = None
        if uses_byte_lane():
            most = self._reader.max_octets
            self._byte_lane = ByteLane(self._frame, algorithm, strip, replace, most, max_depth)

    def _external(
        self, key: AnyExternalKey, deterministic: bool
    ) -> tuple[Callable[[bytes, Any], bytes], ec.ECDSA | None, bool]:
        """What the frame needs of an external key that fits the certificate."""
        if deterministic:
            raise ConfigurationError(
                "deterministic", "An external key chooses its nonces by itself: sign with deterministic=False."
            )
        public_key = self._certificate.public_key
        if public_key is None:
            raise ConfigurationError("key-certificate-mismatch", "The certificate holds no public key on P-256.")
        check_key(key, public_key)
        function, wants_octets = signature_function(key, public_key)
        return function, None, wants_octets

    def _check_key_info(self, frame: SignatureFrame) -> None:
        """Read a Signature of this Signer as a Verifier does: what would be refused must not be made."""
        try:
            document = b"<a>" + frame.signature(bytes(32), False) + b"</a>"
            root, _ = DocumentReader().tree(document)
            hints = read_signature(root, True, True, False, False, MAX_DEPTH, len(document)).key_hints()
            readable = not hints or bool(CertificateIndex([Signatory(self._certificate)]).find(hints))
        except DuisignError:
            readable = False
        if not readable:
            raise ConfigurationError(
                "key-info", "The KeyInfo would be refused by verifiers, or names another certificate: choose another."
            )

    def __repr__(self) -> str:
        return f"<Signer {self._profile.value} with {self._certificate!r}>"

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate that the signatures name."""
        return self._certificate.certificate

    @property
    def profile(self) -> Profile:
        """The profile of the signatures."""
        return self._profile

    @property
    def lane_counts(self) -> LaneCounts:
        """How many documents `sign` has read in the byte lane, and how many it declined; zero where it is off."""
        lane = self._byte_lane
        return LaneCounts(0, {}) if lane is None else LaneCounts(lane.signed, lane.declined())

    def sign(self, document: bytes) -> bytes:
        """The document with a Signature before its root's end tag; everything outside it stays byte for byte.

        `document`: one XML document in UTF-8, UTF-16, UTF-32 or a stateless encoding, which the result keeps.
        Raises DocumentError, CanonicalizationError, SignatureExistsError, SignatureFormatError; with a schema
        SchemaError; with an external key ExternalKeyError and ConfigurationError.
        """
        if self._byte_lane is not None:
            signed = self._byte_lane.sign(document)
            if signed is not None:
                return signed if self._check is None else self._checked(signed, self._check)
        root, is_utf8 = self._reader.tree(document)
        return self._sign_tree(document, root, is_utf8)

    def _sign_declined(self, document: bytes) -> bytes:
        """`sign` for what the byte lane has declined already."""
        root, is_utf8 = self._reader.tree(document)
        return self._sign_tree(document, root, is_utf8)

    def _sign_tree(self, document: bytes, root: _Element | DocumentTree, is_utf8: bool) -> bytes:
        """`sign` by way of a tree, which is what `DocumentReader.tree` gave."""
        unsigned = self._splice.prepare(document, root, is_utf8)
        # The digest, and whether the root binds ds.
        signed = self._splice.finish(unsigned, self._frame.signature(unsigned[2], unsigned[3]))
        return signed if self._check is None else self._checked(signed, self._check)

    @staticmethod
    def _checked(signed: bytes, check: Callable[[bytes], None]) -> bytes:
        check(signed)
        return signed

    async def sign_async(self, document: bytes) -> bytes:
        """`sign` with an `AsyncExternalKey`: its answer is awaited, all else is done in between, by way of a tree.

        With any other key `sign` is run in a thread of the event loop's default executor. Raises what `sign` raises.
        """
        key, public_key = self._asynchronous_key, self._certificate.public_key
        if key is None or public_key is None:
            import asyncio

            return await asyncio.to_thread(self.sign, document)
        unsigned = self._splice.prepare(document, *self._reader.tree(document))
        _, _, digest, binds_ds, _ = unsigned
        der = await asynchronous_signature(key, self._frame.signed_info_digest(digest), public_key)
        signed = self._splice.finish(unsigned, self._frame.signature_of(digest, binds_ds, der))
        return signed if self._check is None else self._checked(signed, self._check)

    def sign_parsed(self, document: bytes, root: _Element | DocumentTree, is_utf8: bool) -> bytes:
        """`sign` for whoever has parsed the document already: `root` and `is_utf8` are what `DocumentReader.tree` gave.

        Any other tree gives a signature that does not hold. Where white space or a Signature goes, the tree would have
        to be made anew once or twice: the byte lane reads the document faster.
        """
        if self._byte_lane is not None:
            signed = self._byte_lane.sign(document)
            if signed is not None:
                return signed if self._check is None else self._checked(signed, self._check)
        return self._sign_tree(document, root, is_utf8)

    def sign_many(self, documents: Iterable[bytes], *, workers: int | None = None) -> Generator[SignResult, None, None]:
        """`sign` for each document on several threads: a `SignResult` each, in input order, the errors among them.

        `documents` may be endless: it is iterated in the caller's thread, at most 256 documents and about 16 MiB per
        worker ahead of the results. What it raises itself comes behind the results of the documents before.
        `workers`: threads, of which the caller's is one, so that 1 means no other, and nothing is read ahead; None
        means one per processor, at most 8. Closing or dropping the iterator ends the threads, as does its end and any
        exception. Raises ConfigurationError.
        """
        in_chunks = None
        # Not where more may have to be waited for than a key of this process.
        if self._byte_lane is not None and self._key_is_here and self._check is None:
            in_chunks = InChunks(self._byte_lane.sign_all, self._sign_declined)
        return results_of_documents(self.sign, SignResult, documents, workers, in_chunks=in_chunks)

    def sign_element(self, root: _Element) -> _Element:
        """A signed copy of an lxml element as the root of a document of its own; `root` stays as it is.

        Of a root element the comments and processing instructions around it are copied too, since the processing
        instructions are signed. Raises what `sign` raises.
        """
        document = None
        try:
            is_element = isinstance(root, etree._Element) and isinstance(root.tag, str)
        except AssertionError:
            # lxml's word for an element that was never made.
            is_element = False
        if not is_element:
            raise element_error()
        tree = root.getroottree()
        if tree.docinfo.internalDTD is not None or tree.docinfo.externalDTD is not None:
            raise doctype_error()
        source = tree if root.getparent() is None else root
        # Raised below: lxml's own words may quote the tree.
        with contextlib.suppress(etree.LxmlError, ValueError, LookupError):
            # Not in ASCII, lxml's default: names, comments and instructions have no character references.
            document = etree.tostring(source, encoding="UTF-8", xml_declaration=False, with_tail=False)
        if document is None:
            raise DocumentError("malformed-xml", "The element cannot be written as XML: parse it anew.")
        return self._reader.parse(self.sign(document))


def _check_of(reader: DocumentReader, schema: Schema | None) -> Callable[[bytes], None] | None:
    """What a signed document must pass before it is handed out; raises DocumentError. None for nothing."""
    if schema is not None:
        return lambda signed: schema.validate_element(reader.parse(signed))
    # What a Verifier would not read must not be made.
    return reader.check_plain if PLAIN_ALONE else None
