"""The Remote Party Roles that an SMKI Organisation Certificate can name."""

from __future__ import annotations

import enum
from collections.abc import Iterable

__all__ = ["RemotePartyRole", "checked_roles"]


class RemotePartyRole(enum.IntEnum):
    """What the holder of an Organisation Certificate may do, as an integer of 0…255.

    A certificate carries the role in the `OU` of its subject, as two upper-case hexadecimal digits
    (`organizational_unit`). `XML_SIGN` is the Users' key for XML signing, `DSP_XML_SIGN` the DCC's.

    Source: the SMKI Organisation Certificate Policy (Smart Energy Code, Appendix B) and the
    RemotePartyRole of the Great Britain Companion Specification.
    """

    ROOT = 0x00
    RECOVERY = 0x01
    SUPPLIER = 0x02
    NETWORK_OPERATOR = 0x03
    ACCESS_CONTROL_BROKER = 0x04
    TRANSITIONAL_COS = 0x05
    WAN_PROVIDER = 0x06
    ISSUING_AUTHORITY = 0x07
    LOAD_CONTROLLER = 0x08
    OTHER = 0x7F
    XML_SIGN = 0x87
    DSP_XML_SIGN = 0x89

    @property
    def organizational_unit(self) -> str:
        """The text of the subject's `OU`: two upper-case hexadecimal digits, such as `"7F"`."""
        return f"{self.value:02X}"


def checked_roles(roles: object) -> frozenset[int]:
    """Roles as a set of numbers; TypeError, ValueError unless they are integers from 0 to 255."""
    # A text is one too, of characters: "87" would be the roles 8 and 7.
    if isinstance(roles, (str, bytes)) or not isinstance(roles, Iterable):
        raise TypeError("not a collection")
    roles = list(roles)
    if not all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= 0xFF for one in roles):
        raise ValueError("not a Remote Party Role")
    return frozenset(map(int, roles))
