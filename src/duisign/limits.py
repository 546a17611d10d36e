"""The limits of duisign, each with its unit and reason."""

from __future__ import annotations

__all__ = [
    "CHUNK_DOCUMENTS",
    "CHUNK_OCTETS",
    "DEEPEST",
    "DEFAULT_WORKERS",
    "EXPANSION_ALLOWANCE",
    "MAX_DEPTH",
    "MAX_DOCUMENT_OCTETS",
    "MAX_EXPANSION",
    "MAX_JSON_LEVELS",
    "MAX_KEY_CANDIDATES",
    "MAX_KEY_HINTS",
    "MAX_SERIAL_DIGITS",
    "MAX_WORKERS",
    "PARSER_OCTETS",
    "READ_AHEAD_DOCUMENTS",
    "READ_AHEAD_OCTETS",
    "SHARED_PARSER_OCTETS",
    "SHORT_OCTETS",
    "SIGNED_LEVELS",
    "WAITING_CHUNKS",
]

MAX_DOCUMENT_OCTETS = 16 * 1024 * 1024
"""Octets of a document. The largest legal request is about 15 MB: a firmware image of 10,240,000 octets in base64
and 50,000 device ids."""

MAX_EXPANSION = 6
"""Octets of a canonical form per octet of its document: a quotation mark in an attribute becomes ``&quot;``. Exclusive
C14N can repeat a namespace at every element; what passes this limit is made to exhaust memory."""

EXPANSION_ALLOWANCE = 65536
"""Octets of a canonical form beyond that, for small documents that use Exclusive C14N as it is meant."""

PARSER_OCTETS = 1024 * 1024
"""Octets that a parser reads before a new one takes its place. It keeps every name that it has met, and its tables as
large as any document needed them: what one sender makes up, all others would pay for."""

SHARED_PARSER_OCTETS = 65536
"""Octets of a document above which it has a parser of its own, so that it leaves nothing to others."""

SHORT_OCTETS = 8192
"""Octets of a document up to which it is parsed with white space behind it, and again if it is refused. That saves an
eighth of libxml2's instructions at 0.6 KB, a fortieth at 2.8 KB, and less the longer a document is."""

MAX_DEPTH = 256
"""Levels of nested elements. DUIS messages have fewer than 20; deeper input is an attack on somebody's stack."""

DEEPEST = 2048
"""Levels of elements that `max_depth` can be raised to: libxml2 parses no deeper."""

SIGNED_LEVELS = 6
"""Levels of elements that a signed document has at least: from its root to Transform."""

MAX_KEY_CANDIDATES = 16
"""Keys. A message without a usable KeyInfo is tried against at most so many, each one ECDSA verification."""

MAX_KEY_HINTS = 16
"""Names, numbers and certificates in one KeyInfo. DUIS has one; each certificate costs a hash or the reading of it."""

MAX_CARRIED_CERTIFICATE_OCTETS = 4096
"""Octets of a certificate that KeyInfo carries and nobody knows. Genuine ones have about 700; each attribute of a name
costs twice as much as a message."""

MAX_SERIAL_DIGITS = 49
"""Decimal digits of a certificate serial number: RFC 5280 section 4.1.2.2 allows 20 octets."""

MAX_INNER_FORMS = 32
"""Forms that an inner message is tried in: four namespaces that only the outer message declares for certain have 16."""

MAX_INNER_FORMS_OCTETS = 64 * 1024 * 1024
"""Octets of these forms, all at once in memory; the last one may pass it."""

MAX_JSON_LEVELS = 64
"""Levels of JSON that comes from outside. What is of use there has at most four. CPython's module json takes 128 octets
of the stack for each, and before 3.14 counts up to 10,000, whatever room a thread has: 128 KiB with musl."""

MAX_WORKERS = 256
"""Threads of one batch. Each costs memory, and far fewer already wait for Python's lock."""

DEFAULT_WORKERS = 8
"""Threads of a batch whose caller names no number, on a machine of many processors: each document needs Python's lock
for a part of its time, so more would wait for each other."""

CHUNK_DOCUMENTS = 128
"""Documents that are handed to a thread at once: results of fewer come out in between too often, and threads wait for
Python's lock each time; those of more come late where a key takes long for a signature."""

CHUNK_OCTETS = 655360
"""Octets that are handed to a thread at once, a longer document apart: at most a few milliseconds of work. With less
than half of it threads waited for Python's lock more often: two that signed 28 or 70 KB took 2 to 5 % longer."""

WAITING_CHUNKS = 2
"""Chunks per worker that nobody has begun, when no more are taken from the caller's iterable. Documents that wait long
have left the processor's caches: with three, two workers that signed 0.7 MB took 1 to 2 % longer."""

READ_AHEAD_DOCUMENTS = 256
"""Documents per worker that are taken from the caller's iterable before their results are asked for."""

READ_AHEAD_OCTETS = 16 * 1024 * 1024
"""Octets per worker of such documents; the last one may pass it. Room for one document of the largest size."""
