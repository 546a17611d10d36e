"""The benchmarks run, check what they time, and give ratios; how fast anything is, `make bench` tells."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import bench_canonicalize
import bench_scaling
import bench_sign
import bench_verify
import bench_workers
import competitors
import duisign
import measurement
import summary
from adapters.remote import Driver, Remote, RemoteError
from bars import FigureBar, RatioBar, SpeedBar
from competitors import (
    DCC_TOOL,
    JDK,
    LIMIT,
    OURS,
    PHYSICAL,
    SIGNXML,
    SIGNXML_PREPARED,
    TREE_LANE,
    Task,
    UnsupportedError,
    named,
)
from documents import SHAPES, service_request, shaped_request
from duisign.testing import Smki
from interop import peers
from measurement import FAST
from reference import WrongResultError, check_canonical
from workloads import WORKLOADS, Workload

BENCH = Path(__file__).parents[1] / "bench"
JOBS = {"sign": bench_sign.SIGN, "verify": bench_verify.VERIFY, "canonicalize": bench_canonicalize.CANONICALIZE}
SECONDS = 300


@pytest.fixture(scope="module")
def task():
    smki = Smki.create()
    return Task.of(smki, service_request(smki, 1024))


def on(job, *rows):
    """The job, with some of its rows alone."""
    return dataclasses.replace(JOBS[job], workloads=tuple(one for one in WORKLOADS if one.name in rows))


def reported(job, competitors, rows=("1 KB",), effort=FAST):
    """The report of one short run in this process."""
    job = on(job, *rows)
    result = measurement.work(job, effort, competitors)
    return measurement.collected(job, [json.loads(json.dumps(result))], competitors)


def test_the_bars_of_the_issue_are_held_against_both_forms_of_signxml():
    for job in ("sign", "verify"):
        bars = [bar for bar in JOBS[job].bars if isinstance(bar, RatioBar)]
        against = {
            name: {(bar.workload, bar.at_least) for bar in bars if bar.numerator == name}
            for name in (SIGNXML, SIGNXML_PREPARED)
        }
        assert against[SIGNXML] == against[SIGNXML_PREPARED]
        assert against[SIGNXML]


@pytest.mark.timed
@pytest.mark.parametrize("job", ["sign", "verify"])
def test_duisign_is_faster_than_signxml(job):
    """By the fastest of many short rounds: the machine may be busy with other tests."""
    rows = ("0.6 KB", "1 KB", "2.8 KB")
    effort = dataclasses.replace(FAST, rounds=60, seconds=2.0)
    report = reported(job, named(LIMIT, OURS, SIGNXML, SIGNXML_PREPARED), rows, effort)
    for row in rows:
        for form in (SIGNXML, SIGNXML_PREPARED):
            assert report.ratio(row, form, OURS).fastest > 1
        assert report.ratio(row, OURS, LIMIT).fastest > 1


@pytest.mark.timed
@pytest.mark.parametrize(
    "bar",
    [
        RatioBar("1 KB", OURS, LIMIT, at_most=0.5),
        RatioBar("1 KB", LIMIT, OURS, at_least=2),
        SpeedBar("1 KB", OURS, at_least=1_000_000),
        FigureBar("a figure", at_most=0.5),
    ],
)
def test_a_missed_bar_fails_the_check(bar, monkeypatch, tmp_path, capsys):
    def status(*bars, options=("--check",)):
        job = dataclasses.replace(on("sign", "1 KB"), bars=bars, figures={"a figure": lambda: 1.0})
        ours = measurement.work(job, FAST, named(LIMIT, OURS))
        job = dataclasses.replace(job, competitors=named(LIMIT, OURS))
        monkeypatch.setattr(measurement, "spawned", lambda *_: [ours])
        return measurement.main(job, ["--fast", "--output", str(tmp_path), *options])

    assert status(bar) == 1
    assert "**missed**" in capsys.readouterr().out
    assert summary.main(["--output", str(tmp_path)]) == 0
    assert summary.main(["--check", "--output", str(tmp_path)]) == 1
    assert status(bar, options=()) == 0
    assert status(dataclasses.replace(bar, at_most=1e9, at_least=0.0)) == 0
    assert summary.main(["--check", "--output", str(tmp_path)]) == 0


def test_a_missing_figure_fails_the_check(tmp_path):
    report = reported("sign", named(LIMIT, OURS))
    missing = [verdict for verdict in report.verdicts() if verdict.found is None]
    assert {verdict.bar for verdict in missing} >= {f"1 KB: time of {SIGNXML} / {OURS}: at least 5"}
    assert set(missing) <= set(report.missed())
    assert "**no figure**" in report.markdown()
    assert summary.main(["--check", "--output", str(tmp_path)]) == 1, "no bar at all"


@dataclasses.dataclass
class Wrong:
    """A competitor that is fast and wrong."""

    sign: object = None
    verify: object = None
    canonicalize: object = None
    name: str = "wrong"
    version: str = "0"

    def signing(self, task):
        return lambda: self.sign(task)

    def verifying(self, identity, signed):
        return lambda: self.verify(signed)

    def canonicalizing(self, document):
        return lambda: self.canonicalize(document)


def refuse(signed):
    raise ValueError("never")


def signed_by_two(task):
    signature = task.signed[task.signed.index(b"<ds:Signature") : task.signed.rindex(b"</")]
    return task.signed.replace(b"</sr:Request>", signature + b"</sr:Request>")


def signature_of_another_document(task):
    """A valid Signature of the signer, but not over the document of the task."""
    return task.signer().sign(task.document.replace(b"Variant>1<", b"Variant>2<"))


def without_key_info(task):
    return re.sub(b"<ds:KeyInfo>.*</ds:KeyInfo>", b"", task.signed)


def with_empty_key_info(task):
    return re.sub(b"<ds:X509Data>.*</ds:X509Data>", b"", task.signed)


def naming_another_certificate(task):
    number = b"%d" % task.identity.certificate.serial_number
    return task.signed.replace(b">" + number + b"<", b">1<")


def naming_another_issuer(task):
    return task.signed.replace(b"<ds:X509IssuerName>", b"<ds:X509IssuerName>CN=another,")


def with_half_a_name(task):
    return re.sub(b"<ds:X509IssuerName>.*</ds:X509IssuerName>", b"", task.signed)


WRONG_SIGNING = {
    "unsigned": lambda task: task.document,
    "stranger": lambda task: task.forged,
    "tampered": lambda task: task.tampered,
    "two": signed_by_two,
    "other": signature_of_another_document,
    "no-key-info": without_key_info,
    "element": lambda task: None,
    "raises": refuse,
}


@pytest.mark.parametrize("kind", WRONG_SIGNING)
def test_a_wrong_signature_leaves_its_cell_empty(task, kind):
    wrong = Wrong(sign=WRONG_SIGNING[kind])
    assert competitors.wrong_signing(wrong, task)
    report = reported("sign", [*named(LIMIT), wrong])
    assert "| 1 KB | wrong | | | | | | |" in report.markdown()
    assert "No figure for wrong, 1 KB: " in report.markdown()
    assert report.ratio("1 KB", "wrong", LIMIT) is None


@pytest.mark.parametrize(
    "sign",
    [
        without_key_info,
        with_empty_key_info,
        naming_another_certificate,
        naming_another_issuer,
        with_half_a_name,
    ],
)
def test_a_signature_that_does_not_tell_its_certificate_is_wrong(task, sign):
    """KeyInfo is not signed: all else in these Signatures is right."""
    assert sign(task) != task.signed
    reason = competitors.wrong_signing(Wrong(sign=sign), task)
    assert reason == "its KeyInfo does not tell the signer's certificate"


def test_a_signature_that_is_right_only_once_is_wrong(task):
    """As of one who keeps the digest of the document before."""
    results = iter([task.signed, task.tampered])
    assert competitors.wrong_signing(Wrong(sign=lambda task: next(results)), task)


@pytest.mark.parametrize("verdict", [lambda signed: None, refuse], ids=["accepts-all", "refuses-all"])
def test_a_wrong_verdict_leaves_its_cell_empty(task, verdict):
    wrong = Wrong(verify=verdict)
    assert competitors.wrong_verifying(wrong, task)
    report = reported("verify", [*named(LIMIT), wrong])
    assert "| 1 KB | wrong | | | | | | |" in report.markdown()


def test_a_verdict_without_the_signer_is_wrong(task):
    """It checks the digest, but takes any key."""

    def verify(signed):
        if signed == task.tampered:
            raise ValueError("digest")

    assert competitors.wrong_verifying(Wrong(verify=verify), task) == "it accepts a forged document"


@pytest.mark.parametrize(
    "octets", [lambda document: document, lambda document: b"", refuse], ids=["as-is", "none", "raises"]
)
def test_a_wrong_canonical_form_leaves_its_cell_empty(task, octets):
    wrong = Wrong(canonicalize=octets)
    assert competitors.wrong_canonicalizing(wrong, task)
    report = reported("canonicalize", [*named(OURS), wrong])
    assert "| 1 KB | wrong | | | | | | |" in report.markdown()


@pytest.mark.parametrize("name", PHYSICAL)
def test_a_limit_that_does_not_do_its_work_is_wrong(task, name):
    assert competitors.wrong_signing(Wrong(sign=lambda task: task.document[:-1], name=name), task)


@pytest.mark.parametrize("job", JOBS)
def test_what_is_not_installed_leaves_its_cell_empty(job):
    def command():
        raise UnsupportedError("java is not installed")

    report = reported(
        job, [*named(LIMIT, OURS)[job == "canonicalize" :], Remote("absent", command, version=lambda: "?")]
    )
    assert "| 1 KB | absent | | | | | | |" in report.markdown()
    assert "No figure for absent, 1 KB: " in report.markdown()
    assert "java is not installed." in report.markdown()


def test_a_workload_that_is_not_there_leaves_its_row_empty(monkeypatch):
    def tasks(smki, every):
        raise UnsupportedError("npm is not installed")

    job = dataclasses.replace(JOBS["sign"], workloads=(Workload("absent", tasks),))
    report = measurement.collected(job, [measurement.work(job, FAST, named(OURS))], named(OURS))
    assert f"No figure for {OURS}, absent: npm is not installed." in report.markdown()


def test_a_missing_peer_is_a_note_here_and_a_failure_in_the_interop_tests(monkeypatch):
    monkeypatch.setattr(peers.shutil, "which", lambda name: None)
    for ci in ("", "true"):
        monkeypatch.setenv("CI", ci)
        (java,) = named(JDK)
        with pytest.raises(UnsupportedError, match="java is not installed"):
            java.canonicalizing(b"<a/>")


def test_a_driver_tells_what_went_wrong_and_has_the_environment_of_its_lane():
    (tree_lane,) = named(TREE_LANE)
    try:
        with pytest.raises(RemoteError, match="not well-formed"):
            tree_lane.canonicalizing(b"<a>")()
        assert tree_lane.canonicalizing(b"<a/>")() == b"<a></a>"
    finally:
        tree_lane.stop()
    assert tree_lane.environment == {"DUISIGN_LANES": "tree"}
    source = (
        "import base64, os; input(); print('ok', base64.b64encode(os.environ['LANE'].encode()).decode(), sep='\\t')"
    )
    driver = Driver([sys.executable, "-c", source], {"LANE": "tree"})
    assert driver.ask("anything") == [b"tree"]
    driver.stop()
    driver = Driver([sys.executable, "-c", "raise SystemExit('no')"], {})
    with pytest.raises(RemoteError, match="no"):
        driver.ask("anything")
    driver.stop()


@pytest.mark.parametrize(
    ("job", "name"),
    [
        (job, competitor.name)
        for job in JOBS
        for competitor in JOBS[job].competitors
        if competitor.name not in ("minisignxml", DCC_TOOL)
    ],
)
def test_every_competitor_is_right(task, job, name, competitors_installed):
    (competitor,) = named(name)
    try:
        assert JOBS[job].wrong(competitor, task) is None
    finally:
        if isinstance(competitor, Remote):
            competitor.stop()


@pytest.mark.parametrize("octets", [600, 1024, 2800, 70_000])
def test_documents_have_their_length(octets):
    assert len(service_request(Smki.create(), octets)) == octets


def test_a_document_too_short_for_a_request_is_refused():
    with pytest.raises(ValueError, match="more than 500 octets"):
        service_request(Smki.create(), 500)


@pytest.mark.parametrize("shape", SHAPES)
def test_shaped_documents_have_the_canonical_form_that_is_said(shape):
    smki = Smki.create()
    for octets in (1024, 10_000):
        document, canonical = shaped_request(smki, shape, octets)
        assert abs(len(document) - octets) < 200
        check_canonical(canonical, document)
    document, canonical = shaped_request(smki, shape, 100_000)
    assert duisign.canonicalize(document) == canonical


def test_templates_are_signed_as_they_are_published(competitors_installed):
    smki = Smki.create()
    for workload in WORKLOADS[-2:]:
        tasks = workload.tasks(smki, 27)
        assert len(tasks) == 11
        for task in tasks:
            assert task.has_placeholder
            assert b"ZGVmYXVsdA==" in task.document
            assert b"ZGVmYXVsdA==" not in task.signed
            assert (b">\n  <" in task.signed) is not task.strip
    assert len(WORKLOADS[-1].tasks(smki, 1)) == 297


@pytest.mark.parametrize(("power", "met"), [(1.0, {"exponent", "largest"}), (1.2, {"largest"}), (2.0, set())])
def test_exponents_are_fitted(power, met):
    def times(octets):
        """Beyond a constant, which the empty document has too."""
        return {
            name: [1e-5 + extra] * 3
            for job in (*bench_scaling.JOBS, bench_scaling.PARSE)
            for name, extra in ((job, 1e-9 * octets**power), (f"{job} of <a/>", 0.0))
        }

    cells = {size: {"octets": octets, "times": times(octets)} for size, octets in bench_scaling.SIZES.items()}
    scaling = bench_scaling.Scaling([dict.fromkeys(SHAPES, cells)] * 2)
    assert scaling.figure(bench_scaling.exponent_name("sign", "elements")).median == pytest.approx(power)
    assert scaling.figure(bench_scaling.steepest_name("sign", "elements")).median == pytest.approx(power)
    found = {verdict.bar.split(": ")[1].split()[0] for verdict in scaling.verdicts() if verdict.met}
    assert found == met
    assert ("**missed**" in scaling.markdown()) is (len(met) < 2)


def test_noise_gives_no_exponent():
    noisy = [(1000, 1e-6), (10_000, -1e-9)]
    assert bench_scaling.fitted(bench_scaling.slope, [noisy]) is None
    assert bench_scaling.fitted(bench_scaling.slope, [[(1000, 1e-6), (10_000, 1e-5)]]).median == pytest.approx(1)


def test_workers_share_a_batch():
    for number in (1, 2, 3):
        calls = []
        bench_workers.in_threads(lambda calls=calls: calls.append(1), 7, number)()
        assert len(calls) == 7


def test_a_batch_with_an_error_is_no_batch():
    def method(documents, *, workers):
        return [SimpleNamespace(error=None if number else ValueError()) for number, _ in enumerate(documents)]

    with pytest.raises(WrongResultError):
        bench_workers.many(method, b"<a/>", 5, 2)()
    bench_workers.many(lambda documents, workers: [SimpleNamespace(error=None)] * 5, b"<a/>", 5, 2)()
