"""The ``xmlsec1`` program: canonical forms, signing of a prepared Signature, verification.

It has no command to canonicalize, but it digests any number of References in one run: a Reference to a file,
with one canonicalization Transform, gives the SHA-256 of the canonical form of that file, and with an
XPointer that of a subtree in the context of its document. (Such an XPointer keeps comments, a bare name would
not.)
"""

from __future__ import annotations

import base64
import functools
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from lxml import etree

from interop.canonicalization import Canonicalization
from interop.peers import PeerError

DSIG = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
REFERENCES_PER_RUN = 500
TIMEOUT_SECONDS = 120

VERDICTS = {"OK": True, "FAIL": False, "Verification status: OK": True, "Verification status: FAILED": False}
"""The lines with which 1.2 and 1.3 tell whether a document is valid."""

_XML_DECLARATION = b'<?xml version="1.0"'  # which begins each document that it writes

_SIGNATURE = f"""\
<Signature xmlns="{DSIG}"><SignedInfo><CanonicalizationMethod Algorithm="{EXCLUSIVE_C14N}"/>\
<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"/>\
%s</SignedInfo><SignatureValue/></Signature>"""
_REFERENCE = """\
<Reference URI=%s><Transforms><Transform Algorithm=%s>%s</Transform></Transforms>\
<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue/></Reference>"""


@functools.cache
def series_of(executable: str) -> str:
    """Its first two numbers, such as "1.2"."""
    done = subprocess.run([executable, "--version"], capture_output=True, check=True, timeout=TIMEOUT_SECONDS)
    return ".".join(done.stdout.decode().removeprefix("xmlsec1 ").split(".")[:2])


def signing_options(executable: str) -> tuple[str, ...]:
    """``--sign``, with what lets the key that is given be used when KeyInfo does not name it: 1.2 always does."""
    return ("--sign",) if series_of(executable) == "1.2" else ("--sign", "--lax-key-search")


def verdicts_of(errors: str) -> list[bool]:
    """Whether each document is valid, as ``--verify`` says on standard error."""
    return [VERDICTS[line] for line in errors.splitlines() if line in VERDICTS]


@dataclass(frozen=True)
class XmlSec1:
    """The program at ``executable``."""

    executable: str

    def digests(self, jobs: Sequence[Canonicalization], scratch: Path) -> list[bytes]:
        """The SHA-256 of each canonical form; ``scratch`` is a folder for working files."""
        files: dict[bytes, Path] = {}
        for job in jobs:
            if job.document not in files:
                files[job.document] = scratch / f"{len(files)}.xml"
                files[job.document].write_bytes(job.document)
        references = [_reference(job, files[job.document]) for job in jobs]
        template, key = scratch / "references.xml", scratch / "hmac.key"
        key.write_bytes(b"only the digests are of interest")
        digests: list[bytes] = []
        for start in range(0, len(references), REFERENCES_PER_RUN):
            run = references[start : start + REFERENCES_PER_RUN]
            template.write_text(_SIGNATURE % "".join(run), encoding="utf-8")
            signed = etree.fromstring(self._sign("--hmackey", str(key), str(template)))
            digests += [base64.b64decode(value.text or "") for value in signed.iter(f"{{{DSIG}}}DigestValue")]
        assert len(digests) == len(jobs)
        return digests

    def sign(self, templates: Sequence[Path], private_key: Path) -> list[bytes]:
        """Fills DigestValue and SignatureValue of the Signature in each template."""
        output = self._sign("--privkey-pem", str(private_key), *map(str, templates))
        signed = [_XML_DECLARATION + rest for rest in output.split(_XML_DECLARATION)[1:]]
        assert len(signed) == len(templates)
        return signed

    def accepted(self, documents: Sequence[Path], certificate: Path) -> int:
        """How many documents it finds valid before it stops, at the first that is not.

        It takes the public key of the certificate, whatever KeyInfo says.
        """
        arguments = ["--verify", "--enabled-key-data", "x509", "--pubkey-cert-pem", str(certificate)]
        done = self._start(*arguments, *map(str, documents))
        verdicts = verdicts_of(done.stderr.decode())
        if (done.returncode == 0) != (verdicts == [True] * len(documents)):
            raise PeerError(done.stderr.decode())
        return verdicts.count(True)

    def _sign(self, *arguments: str) -> bytes:
        done = self._start(*signing_options(self.executable), *arguments)
        if done.returncode != 0:
            raise PeerError(done.stderr.decode())
        return done.stdout

    def _start(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([self.executable, *arguments], capture_output=True, timeout=TIMEOUT_SECONDS)


def _reference(job: Canonicalization, file: Path) -> str:
    uri = str(file)
    if job.path is not None:
        uri += "#xpointer(/*" + "".join(f"/*[{position + 1}]" for position in job.path) + ")"
    prefixes = ""
    if job.inclusive_prefixes:
        prefix_list = quoteattr(" ".join(job.inclusive_prefixes))
        prefixes = f'<InclusiveNamespaces xmlns="{EXCLUSIVE_C14N}" PrefixList={prefix_list}/>'
    return _REFERENCE % (quoteattr(uri), quoteattr(job.algorithm), prefixes)
