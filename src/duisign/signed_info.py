"""SignedInfo: what is the same in all Signatures of a profile."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from duisign._sha256 import Sha256Start
from duisign._signature_frame import SignatureFrame
from duisign.algorithms import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["signature_frame"]

_BINDING = b' xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
_METHODS = (
    ("ds:CanonicalizationMethod", "http://www.w3.org/2001/10/xml-exc-c14n#"),
    ("ds:SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"),
)
_TRANSFORMS = {
    Profile.DUIS: ("http://www.w3.org/2000/09/xmldsig#enveloped-signature",),
    Profile.SIGNXML: (
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/2001/10/xml-exc-c14n#",
    ),
}
_DIGEST_METHOD = ("ds:DigestMethod", "http://www.w3.org/2001/04/xmlenc#sha256")


def _signed_info_start(profile: Profile, canonical: bool) -> bytes:
    """SignedInfo up to the text of DigestValue: as it is written, or in its Exclusive C14N form."""

    def empty(name: str, uri: str) -> str:
        return f'<{name} Algorithm="{uri}"></{name}>' if canonical else f'<{name} Algorithm="{uri}"/>'

    binding = _BINDING.decode() if canonical else ""
    methods = "".join(empty(name, uri) for name, uri in _METHODS)
    transforms = "".join(empty("ds:Transform", uri) for uri in _TRANSFORMS[profile])
    return (
        f'<ds:SignedInfo{binding}>{methods}<ds:Reference URI=""><ds:Transforms>{transforms}</ds:Transforms>'
        f"{empty(*_DIGEST_METHOD)}<ds:DigestValue>"
    ).encode()


@functools.cache
def _constant_parts(profile: Profile) -> tuple[bytes, Sha256Start, bytes, bytes]:
    """What the frames of all Signers share, so that it stays in the processor's caches whichever of them signs."""
    start = _signed_info_start(profile, canonical=False)
    canonical_start = _signed_info_start(profile, canonical=True)
    return (
        canonical_start,
        Sha256Start(canonical_start),
        b"<ds:Signature" + _BINDING + b">" + start,
        b"<ds:Signature>" + start,
    )


def signature_frame(
    profile: Profile,
    key_info: bytes,
    sign_digest: Callable[[bytes, Any], bytes],
    ecdsa: ec.ECDSA | None = None,
    whole: bool = False,
) -> SignatureFrame:
    """The Signature of a profile around what differs from document to document; see `SignatureFrame`."""
    return SignatureFrame(*_constant_parts(profile), key_info, sign_digest, ecdsa, whole)
