from typing import Self, final

from duisign._signature_frame import SignatureFrame

SCAN: str

def canonical_document(
    document: bytes, algorithm: int, strip: bool, replace: bool, max_depth: int, digest: bool
) -> str | tuple[bytes, bytes, int, bool, bytes | None]: ...

@final
class ByteLane:
    def __new__(
        cls,
        frame: SignatureFrame,
        algorithm: int,
        strip: bool,
        replace: bool,
        max_octets: int,
        max_depth: int,
    ) -> Self: ...
    def sign(self, document: object) -> bytes | None: ...
    def sign_all(self, documents: list[bytes], found: list[bytes | None]) -> None: ...
    def declined(self) -> dict[str, int]: ...
    @property
    def signed(self) -> int: ...
