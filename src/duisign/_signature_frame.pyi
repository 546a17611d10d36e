from collections.abc import Callable
from typing import Any, Self, final

@final
class SignatureFrame:
    def __new__(
        cls,
        canonical_start: bytes,
        copy_signed_info: Callable[[], Any],
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
