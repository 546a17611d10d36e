from typing import Self, final

BY_OPENSSL: bool

@final
class Sha256Start:
    def __new__(cls, octets: bytes) -> Self: ...
    def digest_with(self, octets: bytes) -> bytes: ...
