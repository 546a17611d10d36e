"""Verdicts: what a verification found, check by check, claiming no check as passed that was not made."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from duisign.cli.certificate_facts import CERTIFICATE_FACTS, certificate_facts
from duisign.cli.exit_status import ExitStatus
from duisign.distinguished_name import rfc2253
from duisign.errors import (
    CHECKS,
    AmbiguousSignerError,
    DuisignError,
    SchemaError,
    UnsignedMessageError,
    VerificationError,
)
from duisign.message import VerifiedMessage
from duisign.verifier import Verifier

if TYPE_CHECKING:
    from datetime import datetime

    from duisign.organisation_certificate import OrganisationCertificate
    from duisign.policy import Policy
    from duisign.smki_trust import SmkiTrust
    from duisign.trust import Hints, Signatory, Trust

__all__ = ["Examiner", "Outcome", "Report", "SmkiFacts", "Verdict", "WitnessedTrust"]


class Verdict(enum.StrEnum):
    """What became of a document."""

    VALID = "valid"
    INVALID = "invalid"
    UNSIGNED = "unsigned"
    UNREADABLE = "unreadable"

    @property
    def exit_status(self) -> ExitStatus:
        """The exit status of the command that finds it."""
        if self is Verdict.VALID:
            return ExitStatus.OK
        return ExitStatus.ERROR if self is Verdict.UNREADABLE else ExitStatus.NOT_VALID


class Outcome(enum.StrEnum):
    """What became of one check."""

    PASSED = "passed"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    """The refusal came before the check was complete."""
    NOT_REACHED = "not-reached"
    NOT_APPLICABLE = "not-applicable"
    """There is nothing to check: no KeyInfo in the message, a bare key without a certificate, no policy."""


@dataclass(frozen=True)
class SmkiFacts:
    """What a verification by the SMKI asked for, and for a valid message the path that it found.

    `path`: subjects from the signer's to the root's, RFC 2253.
    """

    policy: Policy
    policy_oids: Sequence[str]
    revocation_checked: bool
    path: Sequence[str] | None = None

    def with_path(self, trust: SmkiTrust, message: VerifiedMessage) -> SmkiFacts:
        """The same with the path of the signer of a valid message."""
        assert message.certificate is not None
        try:
            path = trust.validate(message.certificate)
        except DuisignError:
            # It ended since the message was verified.
            return self
        return replace(self, path=[rfc2253(one.certificate.subject) for one in path.certificates])


@dataclass(frozen=True)
class Report:
    """The verdict on one document.

    `code`, `reason`: of the refusal, None for a valid message. `outcomes`: one for each of `duisign.errors.CHECKS`,
    in that order. `message`: the valid message. `named`: for a refused message, the one trusted certificate that
    its KeyInfo names, if it names one; unless the check "signature-value" passed, nothing proves that its holder sent
    the message. `named_request_id`: the RequestID of a refused message, if it can be read, no more proven than that.
    `at`: the time as of which certificates were judged, None for now. `smki`: what was asked of the SMKI,
    None for pinned certificates.
    """

    file: str
    verdict: Verdict
    outcomes: dict[str, Outcome]
    code: str | None = None
    reason: str | None = None
    message: VerifiedMessage | None = None
    signer: OrganisationCertificate | None = None
    named: OrganisationCertificate | None = None
    named_request_id: str | None = None
    at: datetime | None = None
    smki: SmkiFacts | None = None

    def identifier(self, name: Literal["request_id", "response_id"], *, malformed: str | None = None) -> str | None:
        """An identifier of the valid message: None if it has none, `malformed` if it has one of another form."""
        try:
            identifier = None if self.message is None else getattr(self.message, name)
        except DuisignError:
            return malformed
        return None if identifier is None else str(identifier)

    def facts(self) -> dict[str, Any]:
        """The report as one JSON object: always the same keys, and one more for `at` and for `smki` each."""
        message, policy = self.message, None if self.smki is None else self.smki.policy
        message_class = None if message is None else message.message_class
        facts: dict[str, Any] = {
            "file": self.file,
            "verdict": self.verdict.value,
            "code": self.code,
            "reason": self.reason,
            "checks": {check: outcome.value for check, outcome in self.outcomes.items()},
            "profile": None if message is None else message.profile.value,
            "message_class": None if message_class is None else message_class.value,
            "request_id": self.identifier("request_id"),
            "response_id": self.identifier("response_id"),
            "octets": None if message is None else len(message.signed_bytes),
            "signer": None if message is None else self._signer_facts(policy),
            "named_signer": None if self.named is None else certificate_facts(self.named, policy),
            "named_request_id": self.named_request_id,
        }
        if self.at is not None:
            facts["at"] = self.at.isoformat()
        if self.smki is not None:
            facts["smki"] = {
                "policy_oids": list(self.smki.policy_oids),
                "revocation_checked": self.smki.revocation_checked,
                "path": None if self.smki.path is None else list(self.smki.path),
            }
        return facts

    def _signer_facts(self, policy: Policy | None) -> dict[str, str | None]:
        """Who signed the valid message, in the role that `policy` reads."""
        if self.signer is None:
            return dict.fromkeys(CERTIFICATE_FACTS) | {"kind": "public-key"}
        return certificate_facts(self.signer, policy)


class WitnessedTrust:
    """A trust store that remembers how far a verification came: what it was asked, and what it answered."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self.default_policy = trust.default_policy
        self.forget()

    def forget(self) -> None:
        """Be ready for another verification."""
        self.asked = False
        self.hints: Hints | None = None
        self.found: Sequence[Signatory] = ()
        self.usable: list[Signatory] = []

    def signatories(self, hints: Hints | None) -> Sequence[Signatory]:
        """What the store answers; see `duisign.trust.Trust`."""
        self.asked, self.hints = True, hints
        self.found = self._trust.signatories(hints)
        return self.found

    def check(self, signatory: Signatory) -> None:
        """What the store answers; see `duisign.trust.Trust`."""
        self._trust.check(signatory)
        self.usable.append(signatory)

    def named(self) -> OrganisationCertificate | None:
        """The certificate that KeyInfo names, if that is one certificate and no other key is left to try."""
        return self.found[0].certificate if self.hints and len(self.found) == 1 else None

    def signer(self, message: VerifiedMessage) -> OrganisationCertificate | None:
        """The certificate that signed a valid message; None for a bare key."""
        certificates = (one.certificate for one in self.usable)
        return next((one for one in certificates if one and one.certificate is message.certificate), None)

    def outcomes(self, error: DuisignError | None) -> dict[str, Outcome]:
        """What is certain of each check after a verification that ended in `error`, or in success."""
        outcomes = dict.fromkeys(CHECKS, Outcome.NOT_REACHED)
        if error is None:
            outcomes = dict.fromkeys(CHECKS, Outcome.PASSED)
        elif isinstance(error, SchemaError):
            # Before everything else, or after.
            outcomes = dict.fromkeys(CHECKS, Outcome.PASSED if self.asked else Outcome.NOT_REACHED)
        elif self.asked:
            # The Signature has been read and found in order before the trust store is asked.
            outcomes |= dict.fromkeys(("document", "signature", "algorithms", "key-info"), Outcome.PASSED)
            outcomes |= self._outcomes_of_trust(error)
        elif error.check in ("signature", "algorithms"):
            # These two go through the Signature together.
            outcomes["document"] = Outcome.PASSED
            if not isinstance(error, UnsignedMessageError):
                outcomes["signature"] = outcomes["algorithms"] = Outcome.INCOMPLETE
        elif error.check == "key-info":
            outcomes |= dict.fromkeys(("document", "signature", "algorithms"), Outcome.PASSED)
        if self.default_policy is None:
            outcomes["policy"] = Outcome.NOT_APPLICABLE
        if self.asked and self.hints is None:
            outcomes["key-info"] = Outcome.NOT_APPLICABLE
        if self.usable and not any(one.certificate for one in self.usable):
            outcomes["certificate"] = Outcome.NOT_APPLICABLE
        if error is not None and error.check in outcomes:
            outcomes[error.check] = Outcome.FAILED
        return outcomes

    def _outcomes_of_trust(self, error: DuisignError) -> dict[str, Outcome]:
        """What is certain of the checks from the signer on, once the trust store has been asked."""
        if isinstance(error, AmbiguousSignerError) and self.usable:
            # Found out last of all: the signature holds by several keys.
            return dict.fromkeys(("certificate", "digest", "signature-value"), Outcome.PASSED)
        if error.check == "policy":
            return dict.fromkeys(("signer", "certificate", "digest", "signature-value"), Outcome.PASSED)
        # Of several keys, or of a bare one, only the SignatureValue tells whose it is.
        known = Outcome.PASSED if self.named() is not None else Outcome.INCOMPLETE
        outcomes = {}
        if self.found:
            outcomes["signer"] = known
        if self.usable:
            outcomes["certificate"] = known
            if error.check == "signature-value":
                outcomes["digest"] = Outcome.PASSED
            elif error.check == "document":
                # A document without a canonical form: its digest was to be made.
                outcomes["digest"] = Outcome.INCOMPLETE
        return outcomes


class Examiner:
    """Verifies documents, one after the other; `smki` goes with a SmkiTrust, `options` are those of `Verifier`."""

    def __init__(
        self, trust: Trust, *, at: datetime | None = None, smki: SmkiFacts | None = None, **options: Any
    ) -> None:
        self._trust = trust
        self._at = at
        self._smki = smki
        self._witness = WitnessedTrust(trust)
        if smki is not None:
            options["policy"] = smki.policy
        self._verifier = Verifier(self._witness, **options)

    def examine(self, file: str, document: bytes) -> Report:
        """The report on a document."""
        witness = self._witness
        witness.forget()
        try:
            message = self._verifier.verify(document)
        except DuisignError as error:
            if isinstance(error, UnsignedMessageError):
                verdict = Verdict.UNSIGNED
            else:
                refused = isinstance(error, (VerificationError, SchemaError))
                verdict = Verdict.INVALID if refused else Verdict.UNREADABLE
            outcomes, named = witness.outcomes(error), witness.named()
            return Report(
                file,
                verdict,
                outcomes,
                error.code,
                str(error),
                named=named,
                named_request_id=error.request_id,
                at=self._at,
                smki=self._smki,
            )
        outcomes = witness.outcomes(None)
        if message.certificate is None:
            outcomes["certificate"] = Outcome.NOT_APPLICABLE
        smki = None if self._smki is None else self._smki.with_path(cast("SmkiTrust", self._trust), message)
        signer = witness.signer(message)
        return Report(file, Verdict.VALID, outcomes, message=message, signer=signer, at=self._at, smki=smki)

    def unreadable(self, file: str, reason: str, *, code: str = "file-unreadable") -> Report:
        """The report on a file that cannot even be read."""
        outcomes = dict.fromkeys(CHECKS, Outcome.NOT_REACHED)
        return Report(file, Verdict.UNREADABLE, outcomes, code, reason, at=self._at, smki=self._smki)
