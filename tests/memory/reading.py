"""Growth by what reads messages, by Schema and RequestCounter, and by the constructors of the verifying side."""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from growth import CALLS, PATH_CALLS, Workload, fresh, main, mixed
from lxml import etree

from duisign import PinnedCertificates, RequestId, Schema, Signer, Verifier, message_class
from duisign._plain_document import why_not_plain
from duisign.request_counter import RequestCounter
from duisign.testing import Smki, make_samples

SMKI = Smki.create()
CERTIFICATES = [SMKI.user.certificate, SMKI.dcc.certificate, SMKI.s1sp.certificate]
PEMS = [SMKI.user.certificate_pem(), SMKI.dcc.certificate_pem()]
PUBLIC_KEY = SMKI.user.private_key.public_key()
PUBLIC_PEM = PUBLIC_KEY.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
CONFLICT = SMKI.issue(
    entity_id=str(SMKI.user.entity_id), role=0x87, serial_number=SMKI.user.certificate.serial_number
).certificate
P_384 = ec.generate_private_key(ec.SECP384R1()).public_key()
SAMPLES = make_samples(SMKI)
DOCUMENT = SAMPLES["service-request"].document
TRUST = PinnedCertificates(CERTIFICATES)
VERIFIER = Verifier(TRUST)


def signed(document):
    """The document, signed by the user."""
    return Signer(SMKI.user.private_key, SMKI.user.certificate).sign(document)


GOOD = signed(DOCUMENT)
BAD_ID = signed(DOCUMENT.replace(b"<sr:RequestID>", b"<sr:RequestID>x"))
MESSAGE = VERIFIER.verify(GOOD)
COUNTER = RequestCounter()
XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:element name="a" type="xs:int"/>
</xs:schema>"""


def schema_set():
    """The Schema of `XSD`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.xsd").write_text(XSD)
        return Schema.from_folder(folder)


SCHEMA = schema_set()


def facts(message):
    """Everything that a message tells."""
    return (
        *(message.element, message.message_class, message.request_id, message.response_id, repr(message)),
        *(message.certificate, message.role, message.entity_id, message.signed_bytes, message.profile),
    )


def classifying(name, document, code=None, calls=PATH_CALLS):
    """A workload of message_class."""
    return Workload(f"message_class {name}", lambda: message_class(fresh(document)), code, calls)


def validating(name, document, code=None, calls=CALLS):
    """A workload of Schema.validate."""
    return Workload(f"Schema {name}", lambda: SCHEMA.validate(fresh(document)), code, calls)


def counting(name, document, code=None, calls=CALLS):
    """A workload of RequestCounter.set."""
    return Workload(f"RequestCounter {name}", lambda: COUNTER.set(fresh(document), 7), code, calls)


def pinning(name, certificates, code=None, now=None):
    """A workload of PinnedCertificates."""
    return Workload(f"PinnedCertificates {name}", lambda: PinnedCertificates(certificates, now=now), code, PATH_CALLS)


def constructing(name, code=None, trust=TRUST, **options):
    """A workload of Verifier."""
    return Workload(f"Verifier {name}", lambda: Verifier(trust, **options), code, PATH_CALLS)


def names(count):
    """A document with so many different names."""
    return b"<a>" + b"".join(b"<b%d/>" % number for number in range(count)) + b"</a>"


READING = [
    *(classifying(name, sample.document) for name, sample in SAMPLES.items()),
    Workload("message_class element", lambda: message_class(etree.fromstring(DOCUMENT)), None, PATH_CALLS),
    classifying("no message", b"<a/>"),
    classifying("good", DOCUMENT, calls=CALLS),
    classifying("malformed", DOCUMENT[:-5], "malformed-xml", CALLS),
    classifying("DOCTYPE", b"<!DOCTYPE a><a/>", "doctype"),
    Workload("message_class wrong type", lambda: message_class("<a/>"), "wrong-type", PATH_CALLS),
    Workload("message_class comment", lambda: message_class(etree.Comment("c")), "wrong-type", PATH_CALLS),
    Workload("RequestId bad", lambda: RequestId.parse("00-DB:x:1"), "request-id"),
    Workload("plain document", lambda: why_not_plain(names(100), 256), None, PATH_CALLS),
    Workload("too many names", lambda: why_not_plain(names(1001), 256), None, PATH_CALLS),
    validating("good", b"<a>1</a>"),
    validating("invalid", b"<a>x</a>", "schema-invalid"),
    validating("malformed", b"<a>", "malformed-xml", PATH_CALLS),
    counting("good", DOCUMENT),
    counting("no Request", b"<a/>", "request-counter"),
    counting("malformed", DOCUMENT[:-5], "malformed-xml", PATH_CALLS),
    Workload("VerifiedMessage bad request_id", lambda: VERIFIER.verify(BAD_ID).request_id, "request-id", PATH_CALLS),
]
CONSTRUCTING = [  # 5,000 calls each: one that reads three certificates takes 0.2 ms
    pinning("good", CERTIFICATES),
    pinning("same twice", CERTIFICATES * 2),
    pinning("PEM", PEMS),
    pinning("keys", [PUBLIC_KEY, PUBLIC_PEM]),
    pinning("clock", CERTIFICATES, now=dt.datetime.now(dt.UTC)),
    pinning("no list", SMKI.user.certificate, "certificate-malformed"),
    pinning("malformed", [*CERTIFICATES, PEMS[0][:-100] + b"\n"], "certificate-malformed"),
    pinning("malformed DER", [b"\x30\x82\x01\x00"], "certificate-malformed"),
    pinning("conflict", [*CERTIFICATES, CONFLICT], "certificate-conflict"),
    pinning("P-384 key", [*CERTIFICATES, P_384], "key-curve"),
    pinning("malformed key", [b"-----BEGIN PUBLIC KEY-----"], "key-malformed"),
    pinning("naive clock", CERTIFICATES, "clock", dt.datetime(2030, 1, 1)),
    constructing("good"),
    constructing("no trust", "trust", trust=CERTIFICATES),
    constructing("bad profile", "profile", profiles=["duis"]),
    constructing("no profiles", "profile", profiles=None),
    constructing("bad limit", "size-limit", max_octets=0),
]
WORKLOADS = [
    Workload("message_class good", lambda: message_class(fresh(DOCUMENT))),
    Workload("RequestId good", lambda: RequestId.parse("00-DB-12-34-A5-00-00-01:00-DB-12-35-00-00-C3-50:7")),
    Workload("VerifiedMessage facts", lambda: facts(MESSAGE)),
    # Verified anew each time, since a message keeps its trees.
    Workload("VerifiedMessage fresh", lambda: facts(VERIFIER.verify(fresh(GOOD))), None, 2 * PATH_CALLS),
    mixed("reading in turn", READING),
    *READING,
    *CONSTRUCTING,
]

if __name__ == "__main__":
    sys.exit(main(WORKLOADS))
