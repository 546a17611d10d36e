"""Trust stores for the tests, and what they refuse."""

from __future__ import annotations

import datetime as dt

import pytest

from duisign import RemotePartyRole, SmkiTrust, Verifier
from duisign.testing import TEST_POLICY_OID
from forgery import forge

XML_SIGN = RemotePartyRole.XML_SIGN
EUI = "00-DB-12-34-A5-00-00-01"
DAY = dt.timedelta(days=1)


def make_trust(smki, *identities, crls=None, **options):
    options = {"policies": [TEST_POLICY_OID], **options}
    if crls is None:
        crls = [smki.crl(), smki.crl(issuer=smki.root)]
    known = [one.certificate for one in identities or (smki.user, smki.dcc)]
    return SmkiTrust([smki.root.certificate], [smki.issuing_ca.certificate], known, crls, **options)


def trust_of_files(folder, **options):
    """A store that reads what `Smki.write` has written, and can read it again."""
    files = [[folder / name] for name in ("root.pem", "issuing-ca.pem", "user.pem")]
    return SmkiTrust(*files, [folder], policies=[TEST_POLICY_OID], **options)


def refused(trust, identity, error, code, check="certificate"):
    with pytest.raises(error) as caught:
        Verifier(trust).verify(forge(identity))
    assert type(caught.value) is error
    assert (caught.value.code, caught.value.check) == (code, check)
    return caught.value
