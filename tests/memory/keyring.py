"""Growth by KeyRing: what it signs, what it refuses, its entries, reloads and constructor."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from growth import CALLS, PATH_CALLS, Workload, fresh, main
from lxml import etree

from duisign import KeyRing, RemotePartyRole, SmkiTrust, password_from_environment
from duisign.testing import TEST_POLICY_OID, Smki, make_samples

BUILDS = 1_000
"""Constructor calls and reloads: each reads and matches keys, which takes about 1 ms."""

SMKI = Smki.create()
USER, DCC, DAY = SMKI.user, SMKI.dcc, dt.timedelta(days=1)
ROLE = RemotePartyRole.XML_SIGN
NAME, OTHER = str(USER.entity_id), "00-DB-12-34-A5-00-00-0B"
SECOND_DCC = SMKI.issue(entity_id=OTHER, role=RemotePartyRole.DSP_XML_SIGN)
EXPIRED = SMKI.issue(entity_id="00-DB-12-34-A5-00-00-0C", role=ROLE, not_after=SMKI.now - DAY)
REVOKED = SMKI.issue(entity_id="00-DB-12-34-A5-00-00-0D", role=ROLE)
SHARED = SMKI.issue(entity_id=OTHER, role=ROLE, private_key=USER.private_key)
DEVICE = SMKI.issue(entity_id=NAME, role=RemotePartyRole.SUPPLIER, private_key=USER.private_key)
SAMPLES = make_samples(SMKI)
DOCUMENT, ALERT = SAMPLES["service-request"].document, SAMPLES["dcc-alert"].document
ROOT = etree.fromstring(DOCUMENT)


def pair(identity):
    """A source of a ring."""
    return identity.private_key, identity.certificate


def of(entity_id, document=DOCUMENT):
    """The request of another originator."""
    return document.replace(f"RequestID>{NAME}".encode(), f"RequestID>{entity_id}".encode())


TRUST = SmkiTrust(
    [SMKI.root.certificate],
    [SMKI.issuing_ca.certificate],
    crls=[SMKI.crl([REVOKED]), SMKI.crl(issuer=SMKI.root)],
    policies=[TEST_POLICY_OID],
)
KEYS = [pair(one) for one in (USER, DCC, EXPIRED, REVOKED)]
RING = KeyRing(KEYS, trust=TRUST)
UNCHECKED = KeyRing(KEYS)
TWO_DCCS = KeyRing([pair(DCC), pair(SECOND_DCC)])
SIGNED = RING.sign(DOCUMENT)
FOLDER = Path(tempfile.mkdtemp())
SMKI.write(FOLDER)
IN_FOLDER = KeyRing(FOLDER)
LOCKED = USER.private_key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
)
BUNDLE = pkcs12.serialize_key_and_certificates(
    b"a name", USER.private_key, USER.certificate, [], serialization.NoEncryption()
)
STORE = json.dumps(
    {
        NAME.replace("-", "").lower(): {
            "digitalSignature": {
                str(USER.certificate.serial_number): {
                    "certificate": USER.certificate_pem().decode(),
                    "privateKey": USER.private_key_pem().decode(),
                }
            }
        }
    }
).encode()


def signing(name, document, code=None, ring=RING, calls=PATH_CALLS):
    """A workload of sign."""
    return Workload(f"KeyRing sign {name}", lambda: ring.sign(fresh(document)), code, calls)


def choosing(name, document, code=None, calls=PATH_CALLS):
    """A workload of signer_for."""
    return Workload(f"KeyRing signer_for {name}", lambda: RING.signer_for(fresh(document)), code, calls)


def elements(name, make, code=None, calls=PATH_CALLS):
    """A workload of sign_element on an element made anew each time."""
    return Workload(f"KeyRing sign_element {name}", lambda: RING.sign_element(make()), code, calls)


def building(name, sources, code=None, **options):
    """A workload of the constructor."""
    return Workload(f"KeyRing built {name}", lambda: KeyRing(sources, **options), code, BUILDS, 50)


def reloading_between_two_states():
    """A file that comes and goes."""
    extra = FOLDER / "extra.pem"
    content = SECOND_DCC.certificate_pem() + SECOND_DCC.private_key_pem()
    for turn in itertools.count():
        if turn % 2:
            extra.unlink()
        else:
            extra.write_bytes(content)
        yield IN_FOLDER.reload()


def refused_reload():
    """A key that breaks: the old state stays."""
    key = FOLDER / "user.key"
    content = key.read_bytes()
    key.write_bytes(content[:100])
    try:
        IN_FOLDER.reload()
    finally:
        key.write_bytes(content)


def shown(ring):
    """All that a ring tells."""
    return ring.entries, ring.problems, repr(ring), repr(ring.entries), ring.signers(NAME)


RELOADS = reloading_between_two_states()
WORKLOADS = [
    signing("good", DOCUMENT, calls=CALLS),
    signing("unknown sender", of(OTHER), "signing-key-unknown", calls=CALLS),
    signing("malformed", DOCUMENT[:-5], "malformed-xml", calls=CALLS),
    signing("without trust", DOCUMENT, ring=UNCHECKED),
    signing("alert", ALERT),
    signing("expired", of(EXPIRED.entity_id), "signing-key-unusable"),
    signing("revoked", of(REVOKED.entity_id), "signing-key-unusable", calls=BUILDS),
    signing("already signed", SIGNED, "signature-exists"),
    signing("no message", b"<a/>", "message-class"),
    signing("bad RequestID", of("x"), "request-id"),
    signing("unclear DCC", SAMPLES["device-alert"].document, "signing-key-ambiguous", TWO_DCCS),
    Workload("KeyRing sign wrong type", lambda: RING.sign(bytearray(DOCUMENT)), "wrong-type"),
    elements("good", lambda: etree.fromstring(DOCUMENT), calls=CALLS),
    elements("same", lambda: ROOT),
    elements("unknown sender", lambda: etree.fromstring(of(OTHER)), "signing-key-unknown", calls=CALLS),
    elements("comment", lambda: etree.Comment("c"), "wrong-type"),
    choosing("good", DOCUMENT, calls=CALLS),
    choosing("unknown sender", of(OTHER), "signing-key-unknown", calls=CALLS),
    Workload("KeyRing signers good", lambda: RING.signers(NAME)),
    Workload("KeyRing signers none", lambda: RING.signers(OTHER)),
    Workload("KeyRing signers bad", lambda: RING.signers("x"), "entity-id"),
    # Asks for the path of a revoked certificate each time, which takes 0.5 ms.
    Workload("KeyRing shown", lambda: shown(RING), None, BUILDS),
    Workload("KeyRing shown without trust", lambda: shown(UNCHECKED), None, CALLS),
    building("good", KEYS),
    building("trusting", KEYS, trust=TRUST),
    building("from a folder", FOLDER),
    building("from PKCS #12", [BUNDLE]),
    building("from a key store", [STORE]),
    building("with a shared key", [pair(USER), pair(SHARED), pair(DCC)]),
    building("with a key for Devices", [pair(USER), pair(DEVICE), pair(DCC)]),
    building("with a broken source", [b"junk", pair(USER)]),
    building("of nothing", [], "key-ring"),
    building("of a key alone", [USER.private_key], "key-ring"),
    building("of a shared key", [pair(USER), pair(SHARED)], "key-ring"),
    building("of a locked key", [LOCKED, USER.certificate], "key-ring", password=password_from_environment("UNSET")),
    building("bad roles", KEYS, "roles", roles="87"),
    building("bad party", KEYS, "entity-id", dcc_entity_id="x"),
    building("bad source", [7], "source"),
    Workload("KeyRing reload", RING.reload, None, BUILDS, 50),
    Workload("KeyRing reload of a folder", lambda: next(RELOADS), None, BUILDS, 50),
    Workload("KeyRing reload refused", refused_reload, "key-ring", BUILDS, 50),
]

if __name__ == "__main__":
    sys.exit(main(WORKLOADS))
