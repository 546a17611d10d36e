"""The benchmarks run, check what they time, and give ratios; how fast anything is, `make bench` tells."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pyperf
import pytest

import duisign
from duisign.testing import Smki

BENCH = Path(__file__).parents[1] / "bench"
JOBS = ("sign", "verify")
NAMES = ("ECDSA alone", "duisign", "signxml", "pybergshamra")
SIZES = ("0.6 KB", "1 KB", "2.8 KB")
SECONDS = 60


@pytest.fixture(scope="module")
def bench():
    """The modules of the folder, which is no package: its scripts are run as files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        import bench_sign
        import bench_verify
        import competitors
        import documents
        import measurement
        import reference

        yield SimpleNamespace(
            jobs={"sign": bench_sign.SIGN, "verify": bench_verify.VERIFY},
            competitors=competitors,
            documents=documents,
            measurement=measurement,
            reference=reference,
        )


@pytest.fixture(scope="module")
def task(bench):
    smki = Smki.create()
    return bench.competitors.Task.of(smki, bench.documents.service_request(smki, 1024))


def by_name(bench, name):
    return next(one for one in bench.competitors.COMPETITORS if one.name == name)


def reported(bench, job, competitors):
    """The report of one short run in this process."""
    result = bench.measurement.work(bench.jobs[job], bench.measurement.FAST, competitors)
    return bench.measurement.collected(bench.jobs[job], [json.loads(json.dumps(result))], competitors)


@pytest.mark.parametrize("job", JOBS)
def test_the_script_reports_every_competitor(job, tmp_path):
    command = [sys.executable, "-W", "error", str(BENCH / f"bench_{job}.py"), "--fast", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    for size in SIZES:
        for name in NAMES:
            (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"| {size} | {name} |")]
            figures = [float(cell.replace(",", "")) for cell in line.split("|")[3:7]]
            assert all(figure > 0 for figure in figures), line
    assert "at most" in done.stdout
    assert "at least" in done.stdout
    assert f"signxml {version('signxml')}" in done.stdout
    suite = pyperf.BenchmarkSuite.load(str(tmp_path / f"{job}.json"))
    assert set(suite.get_benchmark_names()) == {f"{job} {size} {name}" for size in SIZES for name in NAMES}


@pytest.mark.parametrize("job", JOBS)
def test_duisign_is_faster_than_signxml(bench, job):
    names = ("ECDSA alone", "duisign", "signxml")
    report = reported(bench, job, [by_name(bench, name) for name in names])
    for size in SIZES:
        assert report.ratio(size, "signxml", "duisign").median > 1
        assert report.ratio(size, "duisign", "ECDSA alone").median > 1


@pytest.mark.parametrize("job", JOBS)
def test_a_missed_bar_and_a_missing_figure_fail_the_check(bench, job):
    ours = [by_name(bench, name) for name in ("ECDSA alone", "duisign")]
    report = reported(bench, job, ours)
    assert [bar.numerator for bar in report.missed()].count("signxml") == 1
    assert "**no figure**" in report.markdown()
    hard = tuple(dataclasses.replace(bar, at_most=0.5, at_least=0.0) for bar in bench.jobs[job].bars)
    report = bench.measurement.collected(
        dataclasses.replace(bench.jobs[job], bars=hard),
        [bench.measurement.work(bench.jobs[job], bench.measurement.FAST, ours)],
        ours,
    )
    assert len(report.missed()) == len(hard)
    assert "**missed**" in report.markdown()


@dataclasses.dataclass
class Wrong:
    """A competitor that is fast and wrong."""

    sign: object
    verify: object
    name: str = "wrong"
    version: str = "0"

    def signing(self, task):
        return lambda: self.sign(task)

    def verifying(self, identity, signed):
        return lambda: self.verify(signed)


def refuse(signed):
    raise ValueError("never")


def signed_by_a_stranger(task):
    return task.forged


def signed_over_other_content(task):
    return task.tampered


def signed_by_two(task):
    signature = task.signed[task.signed.index(b"<ds:Signature") : task.signed.rindex(b"</")]
    return task.signed.replace(b"</sr:Request>", signature + b"</sr:Request>")


def signature_of_another_document(task):
    """A valid Signature of the signer, but not over the document of the task."""
    key, certificate = task.identity.private_key, task.identity.certificate
    return duisign.Signer(key, certificate).sign(task.document.replace(b"Variant>1<", b"Variant>2<"))


WRONG_SIGNING = {
    "unsigned": lambda task: task.document,
    "stranger": signed_by_a_stranger,
    "tampered": signed_over_other_content,
    "two": signed_by_two,
    "other": signature_of_another_document,
    "element": lambda task: None,
    "raises": refuse,
}


@pytest.mark.parametrize("kind", WRONG_SIGNING)
def test_a_wrong_signature_leaves_its_cell_empty(bench, task, kind):
    wrong = Wrong(sign=WRONG_SIGNING[kind], verify=None)
    assert bench.competitors.wrong_signing(wrong, task)
    report = reported(bench, "sign", [by_name(bench, "ECDSA alone"), wrong])
    assert "| 1 KB | wrong | | | | |" in report.markdown()
    assert "No figure for wrong, 1 KB: " in report.markdown()
    assert report.ratio("1 KB", "wrong", "ECDSA alone") is None


@pytest.mark.parametrize("verdict", [lambda signed: None, refuse], ids=["accepts-all", "refuses-all"])
def test_a_wrong_verdict_leaves_its_cell_empty(bench, task, verdict):
    wrong = Wrong(sign=None, verify=verdict)
    assert bench.competitors.wrong_verifying(wrong, task)
    report = reported(bench, "verify", [by_name(bench, "ECDSA alone"), wrong])
    assert "| 1 KB | wrong | | | | |" in report.markdown()


def test_a_verdict_without_the_signer_is_wrong(bench, task):
    """It checks the digest, but takes any key."""

    def verify(signed):
        if signed == task.tampered:
            raise ValueError("digest")

    assert bench.competitors.wrong_verifying(Wrong(sign=None, verify=verify), task) == "it accepts a forged document"


@pytest.mark.parametrize("name", NAMES)
def test_every_competitor_is_right(bench, task, name):
    assert bench.competitors.wrong_signing(by_name(bench, name), task) is None
    assert bench.competitors.wrong_verifying(by_name(bench, name), task) is None


@pytest.mark.parametrize("octets", [600, 1024, 2800])
def test_documents_have_their_length(bench, octets):
    assert len(bench.documents.service_request(Smki.create(), octets)) == octets


def test_a_document_too_short_for_a_request_is_refused(bench):
    with pytest.raises(ValueError, match="more than 500 octets"):
        bench.documents.service_request(Smki.create(), 500)
