"""What messages consist of: native, since one is made for each document that is verified."""


cdef class MessageContent:
    """The octets of a message, what is known of them, and who signed them.

    `reader`: what reads a tree from the octets. `facts`: from the very nodes that gave the octets, where somebody
    needed them already, or None. `profile`, `signatory`, `policy`: of a message that was verified.
    """

    def __init__(self, bytes octets not None, reader, facts, profile=None, signatory=None, policy=None):
        self._octets = octets
        self._reader = reader
        self._known_facts = facts
        self._profile = profile
        self._signatory = signatory
        self._policy = policy
