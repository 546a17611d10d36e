"""A demonstration: a throw-away SMKI, one message of each class signed and verified, one tampered with, and timed.

``duisign demo`` prints what `demonstrate` finds out. All is measured when it is called.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from duisign.canonicalization import canonicalize
from duisign.errors import DigestMismatchError, DuisignError
from duisign.message import VerifiedMessage
from duisign.signer import Signer
from duisign.testing import Identity, Sample, Smki, make_samples
from duisign.trust import PinnedCertificates
from duisign.verifier import Verifier

__all__ = ["Demonstration", "Exchange", "Rate", "Tampering", "demonstrate"]

TAMPERED_CLASS = "service-request"
_SUPPLIER = (b"<sr:SupplierName>Fern", b"<sr:SupplierName>Farn")
_CALLS = 1000
_WARM_UP_CALLS = 50
_ECDSA = ec.ECDSA(utils.Prehashed(hashes.SHA256()))


@dataclass(frozen=True)
class Exchange:
    """A sample that was signed and verified.

    `party`: who signed, "user" or "dcc". `signed`: the signed document. `message`: what the Verifier made of it, or
    None. `problem`: a sentence if something is not as it should be.
    """

    sample: Sample
    signed: bytes
    message: VerifiedMessage | None
    problem: str | None


@dataclass(frozen=True)
class Tampering:
    """A signed document in which one letter was changed, and the Verifier's answer; None if it was fooled."""

    document: bytes
    refusal: DuisignError | None


@dataclass(frozen=True)
class Rate:
    """The median time of one call, in microseconds, and that of the ECDSA operation alone, in the same run."""

    name: str
    microseconds: float
    ecdsa_microseconds: float

    @property
    def messages_per_second(self) -> float:
        """Calls per second, one after the other."""
        return 1e6 / self.microseconds

    @property
    def ratio(self) -> float:
        """How many times the ECDSA operation a call takes."""
        return self.microseconds / self.ecdsa_microseconds


@dataclass(frozen=True)
class Demonstration:
    """What came out.

    `rates`: of signing and of verifying the sample of `TAMPERED_CLASS`, by `calls` calls of each; `octets`: of that
    sample, unsigned.
    """

    smki: Smki
    exchanges: tuple[Exchange, ...]
    tampering: Tampering
    rates: tuple[Rate, Rate]
    calls: int
    octets: int

    @property
    def succeeded(self) -> bool:
        """Whether every message was verified as what it is, and the tampered one refused for its digest."""
        return isinstance(self.tampering.refusal, DigestMismatchError) and not any(
            exchange.problem for exchange in self.exchanges
        )


def demonstrate(folder: Path, *, calls: int = _CALLS) -> Demonstration:
    """Run the demonstration, and leave its keys, certificates and messages in `folder`.

    `folder` gets `smki` (see `Smki.write`), `unsigned` and `signed` (one message of each class, named after it) and
    `tampered.xml`. `calls`: of each operation that is timed. Raises OSError if a file cannot be written.
    """
    smki = Smki.create()
    parties = {"user": smki.user, "dcc": smki.dcc}
    signers = {name: Signer(party.private_key, party.certificate) for name, party in parties.items()}
    verifier = Verifier(PinnedCertificates([party.certificate for party in parties.values()]))
    exchanges = {
        name: _exchange(sample, signers[sample.signed_by], verifier, parties[sample.signed_by])
        for name, sample in make_samples(smki).items()
    }
    tampered = exchanges[TAMPERED_CLASS].signed.replace(*_SUPPLIER)
    tampering = Tampering(tampered, _refusal(verifier, tampered))
    _write(folder, smki, exchanges, tampered)
    document = exchanges[TAMPERED_CLASS].sample.document
    rates = _rates(smki.user, document, calls)
    return Demonstration(smki, tuple(exchanges.values()), tampering, rates, calls, len(document))


def _exchange(sample: Sample, signer: Signer, verifier: Verifier, party: Identity) -> Exchange:
    signed = signer.sign(sample.document)
    try:
        message = verifier.verify(signed)
    except DuisignError as error:
        return Exchange(sample, signed, None, str(error))
    problem = None
    if message.message_class != sample.message_class:
        problem = f"The message class was taken for {message.message_class}."
    elif message.certificate != party.certificate:
        problem = "The signer was taken for another."
    elif message.signed_bytes != canonicalize(sample.document):
        problem = "What was verified is not what was to be signed."
    return Exchange(sample, signed, message, problem)


def _refusal(verifier: Verifier, document: bytes) -> DuisignError | None:
    try:
        verifier.verify(document)
    except DuisignError as error:
        return error
    return None


def _write(folder: Path, smki: Smki, exchanges: dict[str, Exchange], tampered: bytes) -> None:
    smki.write(folder / "smki")
    for name, exchange in exchanges.items():
        for kind, document in (("unsigned", exchange.sample.document), ("signed", exchange.signed)):
            (folder / kind).mkdir(exist_ok=True)
            (folder / kind / f"{name}.xml").write_bytes(document)
    (folder / "tampered.xml").write_bytes(tampered)


def _rates(party: Identity, document: bytes, calls: int) -> tuple[Rate, Rate]:
    signer = Signer(party.private_key, party.certificate)
    verifier = Verifier(PinnedCertificates([party.certificate]))
    signed = signer.sign(document)
    digest = sha256(document).digest()
    signature = party.private_key.sign(digest, _ECDSA)
    public_key = party.private_key.public_key()
    signing, raw_signing, verifying, raw_verifying = _medians(
        (
            lambda: signer.sign(document),
            lambda: party.private_key.sign(digest, _ECDSA),
            lambda: verifier.verify(signed),
            lambda: public_key.verify(signature, digest, _ECDSA),
        ),
        calls,
    )
    return Rate("sign", signing, raw_signing), Rate("verify", verifying, raw_verifying)


def _medians(operations: tuple[Callable[[], object], ...], calls: int) -> list[float]:
    """Microseconds of one call of each operation; they take turns, so that all meet the same machine."""
    times: list[list[int]] = [[] for _ in operations]
    for turn in range(_WARM_UP_CALLS + calls):
        for operation, taken in zip(operations, times, strict=True):
            start = time.perf_counter_ns()
            operation()
            elapsed = time.perf_counter_ns() - start
            if turn >= _WARM_UP_CALLS:
                taken.append(elapsed)
    return [median(taken) / 1000 for taken in times]
