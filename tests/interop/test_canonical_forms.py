"""Canonical forms equal those of ``xmlsec1`` and the JDK, octet for octet.

The documents come from ``tests/xml_documents.py``; nothing but the two programs says what is right. Those of
thousands of seeds are compared in bulk, whole and by subtrees; hypothesis then looks for small ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from interop.canonicalization import (
    ALGORITHMS,
    PREFIX_LIST_MEMBERS,
    Canonicalization,
    is_exclusive,
    jdk_is_right,
    paths,
    seeded_canonicalizations,
    xmlsec1_is_right,
)
from interop.peers import JavaDriver
from interop.xmlsec1 import XmlSec1
from xml_documents import documents, generate, generate_duis

GENERAL_DOCUMENTS = 4000
DUIS_DOCUMENTS = 500
DOCUMENTS_TO_COMPARE = 2000  # at least, with each peer

Forms = dict[Canonicalization, bytes]


@pytest.fixture(scope="module")
def forms() -> Forms:
    """Ours."""
    jobs = [
        job
        for generator, count in ((generate, GENERAL_DOCUMENTS), (generate_duis, DUIS_DOCUMENTS))
        for seed in range(count)
        for job in seeded_canonicalizations(generator(seed), seed)
    ]
    return {job: job.ours() for job in jobs}


def of_jdk(job: Canonicalization, jdk_canonicalize: JavaDriver) -> bytes:
    path = "document" if job.path is None else "/" + "/".join(map(str, job.path))
    return jdk_canonicalize.ask(job.document, job.algorithm, " ".join(job.inclusive_prefixes), path)[0]


def report(peer: str, jobs: list[Canonicalization]) -> None:
    documents = len({job.document for job in jobs})
    subtrees = sum(job.path is not None for job in jobs)
    assert documents >= DOCUMENTS_TO_COMPARE
    print(
        f"{documents:,} documents: {len(jobs) - subtrees:,} canonical forms of documents and {subtrees:,} of "
        f"subtrees equal those of {peer}"
    )


def describe(jobs: list[Canonicalization], expected: Callable[[Canonicalization], bytes]) -> str:
    job = min(jobs, key=lambda job: len(job.document))
    return f"{len(jobs)} differ; the shortest: {job}\nours:     {job.ours()!r}\nexpected: {expected(job)!r}"


def test_every_form_is_compared_with_a_peer(forms: Forms) -> None:
    judged = [job for job in forms if jdk_is_right(job) or xmlsec1_is_right(job)]
    assert len(judged) > 0.98 * len(forms)


def test_canonical_forms_equal_those_of_the_jdk(forms: Forms, jdk_canonicalize: JavaDriver) -> None:
    jobs = [job for job in forms if jdk_is_right(job)]
    differing = [job for job in jobs if forms[job] != of_jdk(job, jdk_canonicalize)]
    assert not differing, describe(differing, lambda job: of_jdk(job, jdk_canonicalize))
    report("the JDK", jobs)


def test_canonical_forms_equal_those_of_xmlsec1(
    forms: Forms, xmlsec1: XmlSec1, jdk_canonicalize: JavaDriver, tmp_path: Path
) -> None:
    jobs = [job for job in forms if xmlsec1_is_right(job)]
    digests = zip(jobs, xmlsec1.digests(jobs, tmp_path), strict=True)
    differing = [job for job, digest in digests if hashlib.sha256(forms[job]).digest() != digest]
    # xmlsec1 gives digests only; the JDK's form shows where to look.
    assert not differing, describe(differing, lambda job: of_jdk(job, jdk_canonicalize))
    report("xmlsec1", jobs)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(document=documents(), algorithm=st.sampled_from(ALGORITHMS), data=st.data())
def test_hypothesis_finds_no_differing_document(
    document: bytes, algorithm: str, data: st.DataObject, jdk_canonicalize: JavaDriver
) -> None:
    path = data.draw(st.sampled_from([None, *paths(document)]))
    members = st.lists(st.sampled_from(PREFIX_LIST_MEMBERS), max_size=3 if is_exclusive(algorithm) else 0)
    job = Canonicalization(document, algorithm, tuple(data.draw(members)), path)
    assume(jdk_is_right(job))
    assert job.ours() == of_jdk(job, jdk_canonicalize)
