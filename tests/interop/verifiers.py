"""Verifiers of ours at a date at which the certificates in use were valid."""

from __future__ import annotations

import datetime

from cryptography import x509

import duisign

# Within the validity of every certificate that the originator of a template has.
CLOCK = datetime.datetime(2024, 6, 1, tzinfo=datetime.UTC)


def pinned(*certificates: x509.Certificate, clock: datetime.datetime = CLOCK) -> duisign.Verifier:
    """Trusts exactly these certificates."""
    return duisign.Verifier(duisign.PinnedCertificates(certificates, now=lambda: clock))
