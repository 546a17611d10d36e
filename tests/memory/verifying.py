"""Growth by Verifier.verify: good messages, every refusal, and what is remembered of signers."""

from __future__ import annotations

import datetime as dt
import itertools
import sys
from base64 import b64encode
from pathlib import Path

from growth import CALLS, PATH_CALLS, Workload, fresh, main, mixed

from duisign import KeyInfo, PinnedCertificates, Profile, RemotePartyRole, Signer, Verifier
from duisign.limits import SHARED_PARSER_OCTETS
from duisign.testing import Identity, Smki, make_samples

sys.path.insert(0, str(Path(__file__).parents[1]))

from forgery import forge
from signature_rules import DIGESTS, KEY_INFO, SHAPES, SIGNATURE, VALUES, java_signature
from test_malformed_input import DOCTYPES, MALFORMED

SMKI = Smki.create()
USER = SMKI.user
NAME, ROLE, DAY = str(USER.entity_id), RemotePartyRole.XML_SIGN, dt.timedelta(days=1)
TWIN = SMKI.issue(entity_id=NAME, role=ROLE, private_key=USER.private_key)
AGREEMENT = SMKI.issue(entity_id=NAME, role=ROLE, key_usage="key_agreement")
EXPIRED = SMKI.issue(entity_id=NAME, role=ROLE, not_after=SMKI.now - DAY)
FUTURE = SMKI.issue(entity_id=NAME, role=ROLE, not_before=SMKI.now + DAY)
STRANGER = SMKI.issue(entity_id=NAME, role=ROLE)
PINNED = [one.certificate for one in (USER, SMKI.dcc, AGREEMENT, EXPIRED, FUTURE)]
VERIFIER = Verifier(PinnedCertificates(PINNED))
TWINS = Verifier(PinnedCertificates([USER.certificate, TWIN.certificate]))
LENIENT = Verifier(
    PinnedCertificates([USER.certificate]), accept_unmarked_exclusive_c14n=True, dangerously_accept_java_widths=True
)
SAMPLES = make_samples(SMKI)
DOCUMENT = SAMPLES["service-request"].document


def signed(identity=USER, document=DOCUMENT, **options):
    """A document, signed here."""
    return Signer(identity.private_key, identity.certificate, **options).sign(document)


def verifying(name, document, code=None, verifier=VERIFIER, calls=PATH_CALLS):
    """A workload of verify."""
    return Workload(f"verify {name}", lambda: verifier.verify(fresh(document)), code, calls)


def forged(name, code, *changes, verifier=VERIFIER, identity=USER, **options):
    """A workload of verify: a Signature of another shape."""
    return verifying(name, forge(identity, *changes, **options), code, verifier)


def key_info(name, code, content, verifier=VERIFIER):
    """A workload of verify: another KeyInfo."""
    return forged(f"KeyInfo {name}", code, (KEY_INFO, content), verifier=verifier)


def with_ski(text):
    """The template's KeyInfo and a key identifier."""
    return KEY_INFO.replace("</ds:X509Data>", f"<ds:X509SKI>{text}</ds:X509SKI></ds:X509Data>")


GOOD = signed()
C14N_UNMARKED = SHAPES["c14n-unmarked"][0]
BARE = Verifier(PinnedCertificates([USER.private_key.public_key()]))

GOOD_PATHS = [
    verifying("signxml profile", signed(profile=Profile.SIGNXML)),
    verifying("SMETS1", signed(SMKI.dcc, SAMPLES["smets1-response"].document)),
    verifying("UTF-16", signed(document=DOCUMENT.decode().replace("UTF-8", "UTF-16").encode("utf-16"))),
    forged("white space", None, ("><ds:", ">\n <ds:")),
    forged("wrapped value", None, value=lambda raw: f"<![CDATA[{b64encode(raw).decode()}]]>&#13;\n"),
    forged("unmarked c14n", None, *C14N_UNMARKED, verifier=LENIENT),
    verifying("Java width", java_signature(USER, 33), verifier=LENIENT),
    verifying("bare key", GOOD, verifier=BARE),
    *(verifying(f"KeyInfo {form.value}", signed(key_info=form)) for form in KeyInfo),
]
DOCUMENT_REFUSALS = [
    *(verifying(name, MALFORMED[name], code) for name, code in [
        ("nul", "malformed-xml"), ("two-roots", "malformed-xml"), ("bad-utf-8", "malformed-xml"),
        ("unbound-prefix", "malformed-xml"), ("duplicate-expanded-attribute", "malformed-xml"),
        ("unknown-entity", "malformed-xml"), ("empty", "malformed-xml"), ("utf-16-odd", "unsupported-encoding"),
        ("xml-1.1", "xml-version"),
    ]),
    *(verifying(f"DOCTYPE {name}", DOCTYPES[name], "doctype") for name in ("internal", "utf-16", "latin-1")),
    verifying("UTF-7", b'<?xml version="1.0" encoding="UTF-7"?><a/>', "unsupported-encoding"),
    Workload("verify wrong type", lambda: VERIFIER.verify(bytearray(GOOD)), "wrong-type", PATH_CALLS),
    verifying("too large", GOOD, "document-too-large", Verifier(PinnedCertificates(PINNED), max_octets=9)),
    verifying("relative namespace", GOOD.replace(b"<sr:Body>", b'<sr:Body xmlns:r="r">'), "relative-namespace"),
]  # fmt: skip
SIGNATURE_REFUSALS = [
    *(forged(name, code, *changes) for name, (changes, code, _) in SHAPES.items()),
    *(forged(f"DigestValue {name}", "digest-value", digest=make) for name, make in DIGESTS.items()),
    *(forged(f"SignatureValue {name}", code, value=make) for name, (make, code) in VALUES.items()),
    forged("two Signatures", "signature-repeated", (SIGNATURE, SIGNATURE * 2)),
    forged("inner Signature misplaced", "signature-misplaced", ("<sr:Payload>", "<sr:Payload><ds:Signature/>")),
]
SIGNER_REFUSALS = [
    key_info("comment", "key-info-content", KEY_INFO.replace("@ISSUER@", "@ISSUER@<!---->")),
    key_info("text", "key-info-content", KEY_INFO.replace("<ds:X509Data>", "<ds:X509Data>x")),
    key_info("swapped", "key-info-content", KEY_INFO.replace("X509IssuerName", "X509SerialNumber")),
    key_info("SKI not base64", "key-info-content", with_ski("!")),
    key_info("long SKI", "unknown-signer", with_ski(b64encode(bytes(100)).decode())),
    key_info("no name", "key-info-name", KEY_INFO.replace("@ISSUER@", "CN=\\zz")),
    key_info("no serial", "key-info-serial", KEY_INFO.replace("@SERIAL@", "0x1")),
    key_info("other issuer", "unknown-signer", KEY_INFO.replace("@ISSUER@", "CN=T")),
    key_info("key value", "ambiguous-signer", "<ds:KeyInfo><ds:KeyValue/></ds:KeyInfo>", TWINS),
    key_info("absent", "ambiguous-signer", "", TWINS),
    key_info("none to try", "unknown-signer", "", Verifier(PinnedCertificates([]))),
    verifying("other embedded certificate", signed(STRANGER, key_info=KeyInfo.CERTIFICATE), "unknown-signer"),
    verifying("key agreement", forge(AGREEMENT), "certificate-key-usage"),
    verifying("expired", signed(EXPIRED), "certificate-expired"),
    verifying("not yet valid", signed(FUTURE), "certificate-not-yet-valid"),
    verifying("other key", forge(Identity(STRANGER.private_key, USER.certificate)), "signature-mismatch"),
]  # fmt: skip
REFUSALS = [*DOCUMENT_REFUSALS, *SIGNATURE_REFUSALS, *SIGNER_REFUSALS]


def remembered(name, documents, code, warm_up, calls=CALLS):
    """A workload of verify with another document each time."""
    return Workload(f"verify {name}", lambda: VERIFIER.verify(next(documents)), code, calls, warm_up)


def invented():
    """Signers that nobody knows, a new one each time."""
    for number in itertools.count():
        yield GOOD.replace(b"CN=duisign test CA", b"CN=T%d" % number)


def spelled():
    """A known signer whose serial number is written in a new way each time; not the digest of the document."""
    changed = GOOD.replace(b"<sr:CommandVariant>1<", b"<sr:CommandVariant>2<")
    for number in itertools.count():
        spaces = f"{number:b}".translate({48: " ", 49: "\n"}).encode()
        yield changed.replace(b"<ds:X509SerialNumber>", b"<ds:X509SerialNumber>" + spaces)


def padded():
    """As `spelled`, with 20 KB of white space before the issuer."""
    for document in spelled():
        yield document.replace(b"<ds:X509IssuerName>", b"<ds:X509IssuerName>" + b" " * 20_000)


def named():
    """Names that nobody has met, in documents so long that each has a parser of its own."""
    elements = b"".join(b"<n%d-@/>" % number for number in range(SHARED_PARSER_OCTETS))
    for number in itertools.count():
        yield b"<a>" + elements.replace(b"@", b"%d" % number) + b"</a>"


WORKLOADS = [
    verifying("good", GOOD, calls=CALLS),
    verifying("tampered", GOOD.replace(b"Variant>1<", b"Variant>2<"), "digest-mismatch", calls=CALLS),
    verifying("unsigned", DOCUMENT, "unsigned", calls=CALLS),
    verifying("malformed", GOOD[:-5], "malformed-xml", calls=CALLS),
    verifying("unknown signer", signed(STRANGER), "unknown-signer", calls=CALLS),
    verifying("bad base64", GOOD.replace(b"<ds:DigestValue>", b"<ds:DigestValue>!"), "digest-value", calls=CALLS),
    Workload(
        "verify deep nesting", lambda: VERIFIER.verify(b"<a>" * 300 + b"</a>" * 300), "too-deep", calls=PATH_CALLS
    ),
    mixed("verify every refusal in turn", REFUSALS),
    # Multiples of what is remembered at most, behind which all is forgotten.
    remembered("invented signers", invented(), "unknown-signer", 2_048, 5_120),
    remembered("known signers spelled anew", spelled(), "digest-mismatch", 2_048, 5_120),
    remembered("known signers padded", padded(), "digest-mismatch", 100, 1_000),
    remembered("names that nobody has met", named(), "unsigned", 5, 30),
    *GOOD_PATHS,
    *REFUSALS,
]

if __name__ == "__main__":
    sys.exit(main(WORKLOADS))
