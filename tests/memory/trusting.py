"""Growth by SmkiTrust, Policy, Verifier.receive and verify_inner: good messages, and each refusal."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from growth import PATH_CALLS, Workload, fresh, main

from duisign import KeyInfo, MessageClass, PinnedCertificates, Policy, RemotePartyRole, Signer, SmkiTrust, Verifier
from duisign.testing import TEST_POLICY_OID, Identity, Smki, make_samples

sys.path.insert(0, str(Path(__file__).parents[1]))

from forgery import forge

BUILDS = 1_000
"""Constructor calls, reloads and paths that OpenSSL finds bad: each takes 0.2 to 1 ms."""

SMKI, OTHER = Smki.create(), Smki.create()
USER, DCC = SMKI.user, SMKI.dcc
NAME, ROLE, DAY = str(USER.entity_id), RemotePartyRole.XML_SIGN, dt.timedelta(days=1)
REVOKED = SMKI.issue(entity_id=NAME, role=ROLE)
EXPIRED = SMKI.issue(entity_id=NAME, role=ROLE, not_after=SMKI.now - DAY)
FOREIGN_POLICY = SMKI.issue(entity_id=NAME, role=ROLE, policies=("1.2.3",))
FORGED = SMKI.issue(
    entity_id=NAME,
    role=ROLE,
    issuer=Identity(ec.generate_private_key(ec.SECP256R1()), SMKI.issuing_ca.certificate),
)
SUPPLIER = SMKI.issue(entity_id=NAME, role=RemotePartyRole.SUPPLIER)
ELSEWHERE = SMKI.issue(entity_id="00-DB-12-34-A5-00-00-0F", role=ROLE)
KNOWN = [USER, DCC, SMKI.s1sp, REVOKED, EXPIRED, FOREIGN_POLICY, FORGED, SUPPLIER, ELSEWHERE, OTHER.user]
CRLS = [SMKI.crl([REVOKED]), SMKI.crl(issuer=SMKI.root)]
NO_CERTIFICATE = ("<ds:X509IssuerSerial>", "<ds:X509Certificate>AAAA</ds:X509Certificate><ds:X509IssuerSerial>")
SAMPLES = make_samples(SMKI)
DOCUMENT, ALERT = SAMPLES["service-request"].document, SAMPLES["dcc-alert"].document
ACKNOWLEDGEMENT = SAMPLES["acknowledgement"].document


def store(crls=CRLS, roots=(SMKI.root,), **options):
    """A trust store that knows everybody."""
    return SmkiTrust(
        [root.certificate for root in roots],
        [SMKI.issuing_ca.certificate],
        [one.certificate for one in KNOWN],
        crls,
        policies=[TEST_POLICY_OID],
        **options,
    )


TRUST = store()
VERIFIER = Verifier(TRUST)
RECEIVER = Verifier(TRUST, policy=Policy(accept_unsigned={MessageClass.ACKNOWLEDGEMENT}))
RENEWED = SMKI.issue_authority(private_key=SMKI.issuing_ca.private_key, not_after=SMKI.now + 9 * DAY)
TWO_PATHS = SmkiTrust(
    [SMKI.root.certificate],
    [SMKI.issuing_ca.certificate, RENEWED.certificate],
    [USER.certificate],
    [SMKI.crl(), SMKI.crl([SMKI.issuing_ca], issuer=SMKI.root)],
    policies=[TEST_POLICY_OID],
)
INNER = Verifier(PinnedCertificates([SMKI.s1sp.certificate]))
SMETS1 = Signer(DCC.private_key, DCC.certificate).sign(SAMPLES["smets1-response"].document)
OUTER = Verifier(PinnedCertificates([DCC.certificate])).verify(SMETS1)
PLAIN = Verifier(PinnedCertificates([USER.certificate])).verify(
    Signer(USER.private_key, USER.certificate).sign(DOCUMENT)
)


def by(identity, document=DOCUMENT, key_info=KeyInfo.ISSUER_SERIAL):
    """The document, signed by somebody."""
    return Signer(identity.private_key, identity.certificate, key_info=key_info).sign(document)


def verifying(name, document, code=None, verifier=VERIFIER, calls=PATH_CALLS):
    """A workload of verify."""
    return Workload(f"SmkiTrust {name}", lambda: verifier.verify(fresh(document)), code, calls)


def building(name, code=None, **options):
    """A workload of the constructor."""
    return Workload(f"SmkiTrust built {name}", lambda: store(**options), code, BUILDS, 50)


SIGNED = by(USER)
GOOD = [
    verifying("request", SIGNED),
    verifying("alert", by(DCC, ALERT)),
    verifying("embedded certificate", by(USER, key_info=KeyInfo.CERTIFICATE)),
    verifying("without CRLs", SIGNED, verifier=Verifier(store(crls=[], check_revocation=False))),
    Workload("receive signed", lambda: RECEIVER.receive(fresh(SIGNED)), None, PATH_CALLS),
    Workload("receive unsigned", lambda: repr(RECEIVER.receive(fresh(ACKNOWLEDGEMENT))), None, PATH_CALLS),
    Workload("verify_inner", lambda: INNER.verify_inner(OUTER), None, PATH_CALLS),
    Workload("certificate_status", lambda: TRUST.certificate_status(USER.certificate), None, PATH_CALLS),
    Workload("certificate_status CA", lambda: TRUST.certificate_status(SMKI.issuing_ca.certificate), None, BUILDS),
    Workload("certificate_status revoked", lambda: TRUST.certificate_status(REVOKED.certificate), None, BUILDS),
    Workload("certificate_status stranger CA", lambda: TRUST.certificate_status(OTHER.root.certificate), None, BUILDS),
    # The CA's first certificate is revoked: the refusal of that path is dropped for the second.
    Workload("second path", lambda: (TWO_PATHS.validate(USER.certificate), TWO_PATHS.reload()), None, BUILDS, 50),
    Workload("validate", lambda: TRUST.validate(USER.certificate), None, PATH_CALLS),
]
REFUSALS = [
    verifying("revoked", by(REVOKED), "certificate-revoked", calls=BUILDS),
    verifying("expired", by(EXPIRED), "certificate-expired"),
    verifying("foreign policy", by(FOREIGN_POLICY), "certificate-policy", calls=BUILDS),
    verifying("forged certificate", by(FORGED), "certificate-path", calls=BUILDS),
    verifying("other root", by(OTHER.user), "certificate-path", calls=BUILDS),
    verifying("no CRL", SIGNED, "revocation-unknown", Verifier(store(crls=[])), BUILDS),
    verifying("no KeyInfo", by(USER, key_info=KeyInfo.NONE), "unknown-signer"),
    verifying("not a certificate", forge(USER, NO_CERTIFICATE, ("@SERIAL@", "1")), "unknown-signer"),
    verifying("role", by(SUPPLIER), "signer-role"),
    verifying("role for class", by(DCC), "signer-role-for-class"),
    verifying("entity", by(ELSEWHERE), "signer-entity"),
    verifying("no message", by(USER, b"<a/>"), "message-class"),
    verifying("other DCC", by(DCC, ALERT), "signer-entity", Verifier(TRUST, policy=Policy(dcc_entity_ids=[NAME]))),
    Workload("receive unsigned request", lambda: RECEIVER.receive(fresh(DOCUMENT)), "unsigned", PATH_CALLS),
    Workload("verify_inner by no S1SP", lambda: VERIFIER.verify_inner(OUTER), "signer-role", PATH_CALLS),
    Workload("certificate_status bad", lambda: TRUST.certificate_status(b"x"), "certificate-malformed", PATH_CALLS),
    Workload("verify_inner without", lambda: INNER.verify_inner(PLAIN), "unsigned", PATH_CALLS),
    Workload("Policy bad", lambda: Policy(signing_roles={"request": []}), "policy", PATH_CALLS),
]  # fmt: skip
BUILDING = [
    building("good"),
    building("bad root", "root", roots=[]),
    building("bad CRL", "source", crls=[b"CRL"]),
    Workload("SmkiTrust reload", TRUST.reload, None, BUILDS, 50),
    Workload("SmkiTrust add_crls", lambda: TRUST.add_crls(CRLS), None, BUILDS, 50),
    Workload("SmkiTrust add_crls bad", lambda: TRUST.add_crls([b"CRL"]), "source", BUILDS, 50),
    Workload(
        "validate DER",
        lambda: TRUST.validate(USER.certificate.public_bytes(Encoding.DER)),
        None,
        PATH_CALLS,
    ),
]
WORKLOADS = [*GOOD, *REFUSALS, *BUILDING]

if __name__ == "__main__":
    sys.exit(main(WORKLOADS))
