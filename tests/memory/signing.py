"""Growth by Signer: sign and sign_element with good and bad input, keys outside the process, and its constructor."""

from __future__ import annotations

import os
import sys

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from growth import CALLS, PATH_CALLS, Workload, fresh, main
from lxml import etree

from duisign import KeyInfo, Profile, Signer, work
from duisign.testing import Smki, make_samples

DSIG = "http://www.w3.org/2000/09/xmldsig#"
SMKI = Smki.create()
KEY, CERTIFICATE = SMKI.user.private_key, SMKI.user.certificate
DOCUMENT = make_samples(SMKI)["service-request"].document
SIGNER = Signer(KEY, CERTIFICATE)
SIGNED = SIGNER.sign(DOCUMENT)
REPLACING = Signer(KEY, CERTIFICATE, existing_signature="replace", profile=Profile.SIGNXML)
STRIPPING = Signer(KEY, CERTIFICATE, whitespace="strip", deterministic=True)
os.environ["DUISIGN_LANES"] = "tree"
TREE = Signer(KEY, CERTIFICATE)
TREE_STRIPPING = Signer(KEY, CERTIFICATE, whitespace="strip", existing_signature="replace")
del os.environ["DUISIGN_LANES"]
# A batch of few documents then starts no thread, whatever the processors do meanwhile.
work._LONG_SECONDS = 3600.0
SPACED = DOCUMENT.replace(b"><", b">\n  <")
TEXT = DOCUMENT.decode().replace('encoding="UTF-8"', 'encoding="{}"')
LONG = SPACED.replace(b"<sr:Body>", b"<sr:Body>" + b"<sr:X>\n</sr:X> \n" * 8000)
ENTITY = LONG.replace(b"</sr:Body>", b"&x;</sr:Body>")
_MANY = range(100)
CROWDED = (
    "<a"
    + "".join(f" b{number}='&lt;' xmlns:p{number}='urn:{number}'" for number in _MANY)
    + ">"
    + "".join(f"<p{number}:c/>" for number in _MANY)
    + "</a>"
).encode()
UTF_16 = TEXT.format("UTF-16").encode("utf-16")
LATIN_1 = TEXT.format("ISO-8859-1").replace("Fern", "F\u00e8rn").encode("latin-1")
DOCTYPE = DOCUMENT.replace(b"<sr:Request", b"<!DOCTYPE sr:Request><sr:Request", 1)
DEEP = b"<a>" * 300 + b"</a>" * 300
MISPLACED = f'<a><b><ds:Signature xmlns:ds="{DSIG}"/></b></a>'.encode()
ROOT = etree.fromstring(DOCUMENT)
OTHER = SMKI.issue(entity_id=str(SMKI.user.entity_id), role=0x87)
AGREEMENT = SMKI.issue(entity_id=str(SMKI.user.entity_id), role=0x87, key_usage="key_agreement", private_key=KEY)


class Outside:
    """An external key: one that signs, or gives or raises what is no signature from its second call on."""

    def __init__(self, answer=None):
        self.answer = answer
        self.calls = 0

    def sign_digest(self, digest):
        self.calls += 1
        if self.answer is not None and self.calls > 1:
            return self.answer(digest)
        r, s = utils.decode_dss_signature(KEY.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256()))))
        return r.to_bytes(32) + s.to_bytes(32)


def away(digest):
    """What a token that is away does."""
    raise OSError("no token")


def signing(name, document, code=None, signer=SIGNER, calls=PATH_CALLS):
    """A workload of sign."""
    return Workload(f"sign {name}", lambda: signer.sign(fresh(document)), code, calls)


def elements(name, make, code=None, signer=SIGNER, calls=PATH_CALLS):
    """A workload of sign_element on an element made anew each time."""
    return Workload(f"sign_element {name}", lambda: signer.sign_element(make()), code, calls)


def in_chunks(name, document, code=None, signer=SIGNER, calls=PATH_CALLS):
    """A workload of sign_many: what threads do with a chunk, whatever becomes of it, without the threads."""

    def call():
        # The second is signed, whatever becomes of the others.
        for result in signer.sign_many([fresh(document), b"<a/>", fresh(document)], workers=2):
            assert result.ok or result.error.code == code
        if code is not None:
            signer.sign(document)

    return Workload(f"sign_many {name}", call, code, calls)


def constructing(name, code=None, key=KEY, certificate=CERTIFICATE, **options):
    """A workload of the constructor: 5,000 calls, since each reads a certificate and may take 0.2 ms."""
    return Workload(f"Signer {name}", lambda: Signer(key, certificate, **options), code, PATH_CALLS)


def with_doctype():
    """An element whose document has a DOCTYPE."""
    return etree.fromstring(DOCTYPE, etree.XMLParser(load_dtd=False, resolve_entities=False))


def with_entity():
    """An element that holds an entity reference."""
    root = etree.fromstring(DOCUMENT)
    root.append(etree.Entity("unknown"))
    return root


def nested():
    """An element inside a document."""
    return etree.fromstring(DOCUMENT)[1]


def key_info_element():
    """A KeyInfo of the caller's."""
    return etree.fromstring(f'<ds:KeyInfo xmlns:ds="{DSIG}"><ds:KeyName>a</ds:KeyName></ds:KeyInfo>')


WORKLOADS = [
    signing("good", DOCUMENT, calls=CALLS),
    signing("replace, signxml profile", SIGNED, signer=REPLACING),
    signing("strip, deterministic", SPACED, signer=STRIPPING),
    signing("good, tree lane", DOCUMENT, signer=TREE),
    signing("strip and replace, tree lane", SIGNED.replace(b"><", b">\n  <"), signer=TREE_STRIPPING),
    signing("strip, long", LONG, signer=STRIPPING, calls=CALLS // 100),
    signing("many attributes and namespaces", CROWDED),
    signing("many attributes and namespaces, signxml profile", CROWDED, signer=REPLACING),
    signing("many attributes, one twice", CROWDED.replace(b"b99", b"b98"), "malformed-xml"),
    signing(
        "unknown entity behind much", LONG.replace(b"</sr:Body>", b"&x;</sr:Body>"), "malformed-xml", STRIPPING, 500
    ),
    signing("UTF-16", UTF_16),
    signing("UTF-16, strip", UTF_16, signer=STRIPPING),
    signing("Latin-1", LATIN_1),
    signing("root without content", b"<a/>"),
    signing("malformed", DOCUMENT[:-5], "malformed-xml", calls=CALLS),
    signing("already signed", SIGNED, "signature-exists", calls=CALLS),
    signing("DOCTYPE", DOCTYPE, "doctype", calls=CALLS),
    signing("DOCTYPE in UTF-16", DOCTYPE.decode().replace("UTF-8", "UTF-16").encode("utf-16"), "doctype"),
    Workload("sign wrong type", lambda: SIGNER.sign(bytearray(DOCUMENT)), "wrong-type"),
    signing("too large", DOCUMENT, "document-too-large", Signer(KEY, CERTIFICATE, max_octets=100)),
    signing("too large when signed", DOCUMENT, "document-too-large", Signer(KEY, CERTIFICATE, max_octets=1000)),
    signing("too deep", DEEP, "too-deep"),
    signing("unknown encoding", TEXT.format("UTF-7").encode(), "unsupported-encoding"),
    signing("not in its encoding", TEXT.format("UTF-16").encode("utf-16")[:-1], "unsupported-encoding"),
    signing("XML 1.1", DOCUMENT.replace(b'"1.0"', b'"1.1"'), "xml-version"),
    signing("relative namespace", DOCUMENT.replace(b"<sr:Body>", b'<sr:Body xmlns:r="r">'), "relative-namespace"),
    signing("misplaced Signature", MISPLACED, "signature-misplaced"),
    signing("external key", DOCUMENT, signer=Signer(Outside(), CERTIFICATE)),
    signing("external key away", DOCUMENT, "key-failed", Signer(Outside(away), CERTIFICATE)),
    signing("external key of bad output", DOCUMENT, "key-output", Signer(Outside(lambda digest: b"r"), CERTIFICATE)),
    in_chunks("good", DOCUMENT),
    in_chunks("strip", SPACED, signer=STRIPPING),
    in_chunks("replace, signxml profile", SIGNED, signer=REPLACING),
    in_chunks("already signed", SIGNED, "signature-exists"),
    in_chunks("external key away", SPACED, "key-failed", Signer(Outside(away), CERTIFICATE, whitespace="strip")),
    elements("good", lambda: etree.fromstring(DOCUMENT), calls=CALLS),
    elements("nested", nested),
    elements("already signed", lambda: etree.fromstring(SIGNED), "signature-exists", calls=CALLS),
    elements("comment", lambda: etree.Comment("c"), "wrong-type"),
    elements("bytes", lambda: fresh(DOCUMENT), "wrong-type"),
    elements("DOCTYPE", with_doctype, "doctype"),
    elements("entity", with_entity, "malformed-xml"),
    Workload("sign_element same", lambda: SIGNER.sign_element(ROOT), None, PATH_CALLS),
    *(constructing(form.value, key_info=form) for form in KeyInfo),
    constructing("KeyInfo element", key_info=key_info_element()),
    constructing("PEM", key=SMKI.user.private_key_pem(), certificate=SMKI.user.certificate_pem()),
    constructing("bad key", "key-malformed", key=b"-----BEGIN nothing"),
    constructing("key of wrong type", "key-type", key="key"),
    constructing("bad certificate", "certificate-malformed", certificate=b"\x30\x03\x02\x01\x01"),
    constructing("other certificate", "key-certificate-mismatch", certificate=OTHER.certificate),
    constructing("certificate for key agreement", "certificate-key-usage", certificate=AGREEMENT.certificate),
    constructing("bad profile", "profile", profile="duis"),
    constructing("bad key_info", "key-info", key_info=ROOT),
    constructing("bad limit", "depth-limit", max_depth=0),
]

if __name__ == "__main__":
    sys.exit(main(WORKLOADS))
