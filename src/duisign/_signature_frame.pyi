from collections.abc import Callable
from typing import Any

class SignatureFrame:
    def __init__(
        self,
        canonical_start: bytes,
        start: bytes,
        start_bound: bytes,
        key_info: bytes,
        sign_digest: Callable[[bytes, Any], bytes],
        ecdsa: Any,
    ) -> None: ...
    def signature(self, digest: bytes, binds_ds: bool) -> bytes: ...
