from collections.abc import Callable
from typing import Any, Self, final

from duisign._sha256 import Sha256Start

@final
class SignatureFrame:
    def __new__(
        cls,
        canonical_start: bytes,
        signed_info: Sha256Start,
        start: bytes,
        start_bound: bytes,
        key_info: bytes,
        sign_digest: Callable[[bytes, Any], bytes],
        ecdsa: Any,
        whole: bool = False,
    ) -> Self: ...
    def signature(self, digest: bytes, binds_ds: bool) -> bytes: ...
    def signed_info_digest(self, digest: bytes) -> bytes: ...
    def signature_of(self, digest: bytes, binds_ds: bool, der: bytes) -> bytes: ...
