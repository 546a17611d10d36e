"""Fixtures of the whole suite, and the rule that CI skips nothing."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest
from hypothesis import settings

import duisign
from batch_threads import own_threads
from duisign.testing import Smki, make_samples
from interop import peers
from key_rings import SECOND, XML_SIGN

# How long an example takes says how busy the machine is.
settings.register_profile("duisign", deadline=None)
settings.load_profile("duisign")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI a skip hides a missing tool: it is a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def smki():
    return Smki.create()


@pytest.fixture(scope="session")
def samples(smki):
    return make_samples(smki)


@pytest.fixture(scope="session")
def request_document(samples):
    """An unsigned Service Request."""
    return samples["service-request"].document


@pytest.fixture(scope="session")
def signer(smki):
    return duisign.Signer(smki.user.private_key, smki.user.certificate)


@pytest.fixture(scope="session")
def verifier(smki):
    return duisign.Verifier(duisign.PinnedCertificates([smki.user.certificate, smki.dcc.certificate]))


@pytest.fixture(scope="session")
def signed(signer, request_document):
    return signer.sign(request_document)


@pytest.fixture(scope="session")
def second(smki):
    """A second User."""
    return smki.issue(entity_id=SECOND, role=XML_SIGN)


@pytest.fixture
def no_thread_left():
    """That a batch leaves none behind, however it ends."""
    assert own_threads() == []
    yield
    assert own_threads() == []


@pytest.fixture
def closing():
    """Enters what is given, and leaves it when the test ends."""
    with ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture(scope="session")
def competitors_installed():
    """What the benchmarks measure and PyPI does not have: skipped without it, and CI has it."""
    for program in ("java", "javac"):
        peers.require_program(program)
    peers.DUIS_TEMPLATES.install()
    peers.DUIS_SIGN_WRAP.install()
