"""The demonstration: what it finds out is right, what it prints is measured, and the commands it names work."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import duisign
from duisign.cli import run as run_here
from duisign.demo import Demonstration, demonstrate
from duisign.testing import Smki, make_samples

OK, ERROR, NOT_VALID = 0, 2, 10
SCRIPTS = Path(sys.executable).parent
NOT_INHERITED = {"COLUMNS", "FORCE_COLOR", "NO_COLOR", "TERM"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED} | {
    "PATH": f"{SCRIPTS}:{os.environ['PATH']}",
    "PYTHONWARNINGS": "error",
}
MESSAGE_CLASSES = sorted(duisign.MessageClass)


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "duisign", "demo", *arguments],
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Demonstration]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, demonstrate(folder, calls=50)


def test_every_class_is_signed_and_verified(shown: tuple[Path, Demonstration]) -> None:
    _, demonstration = shown
    assert demonstration.succeeded
    assert sorted(exchange.sample.message_class for exchange in demonstration.exchanges) == MESSAGE_CLASSES
    parties = {"user": demonstration.smki.user.certificate, "dcc": demonstration.smki.dcc.certificate}
    for exchange in demonstration.exchanges:
        trust = duisign.PinnedCertificates([parties[exchange.sample.signed_by]])
        message = duisign.Verifier(trust).verify(exchange.signed)
        assert message.message_class == exchange.sample.message_class
        assert exchange.problem is None


def test_one_letter_changed_is_refused(shown: tuple[Path, Demonstration]) -> None:
    folder, demonstration = shown
    signed = (folder / "signed" / "service-request.xml").read_bytes()
    tampered = demonstration.tampering.document
    assert len(tampered) == len(signed)
    assert sum(one != other for one, other in zip(tampered, signed, strict=True)) == 1
    assert isinstance(demonstration.tampering.refusal, duisign.DigestMismatchError)


def test_the_files_are_what_was_shown(shown: tuple[Path, Demonstration]) -> None:
    folder, demonstration = shown
    assert sorted(path.name for path in folder.iterdir()) == ["signed", "smki", "tampered.xml", "unsigned"]
    for exchange in demonstration.exchanges:
        name = f"{exchange.sample.message_class}.xml"
        assert (folder / "unsigned" / name).read_bytes() == exchange.sample.document
        assert (folder / "signed" / name).read_bytes() == exchange.signed
    assert (folder / "tampered.xml").read_bytes() == demonstration.tampering.document
    assert (folder / "smki" / "user.pem").read_bytes() == demonstration.smki.user.certificate_pem()


def test_rates_are_measured(shown: tuple[Path, Demonstration]) -> None:
    _, demonstration = shown
    assert [rate.name for rate in demonstration.rates] == ["sign", "verify"]
    for rate in demonstration.rates:
        # A call contains the ECDSA operation; medians of few calls on a busy machine may lie a little apart.
        assert rate.ratio > 0.8
        assert rate.messages_per_second == pytest.approx(1e6 / rate.microseconds)
    assert demonstration.octets == len(make_samples(demonstration.smki)["service-request"].document)


def test_success_needs_every_verdict_to_be_right(shown: tuple[Path, Demonstration]) -> None:
    _, demonstration = shown
    fooled = dataclasses.replace(demonstration.tampering, refusal=None)
    assert not dataclasses.replace(demonstration, tampering=fooled).succeeded
    other = dataclasses.replace(fooled, refusal=duisign.UnsignedMessageError("unsigned", "Not what it should be."))
    assert not dataclasses.replace(demonstration, tampering=other).succeeded
    first, *others = demonstration.exchanges
    wrong = dataclasses.replace(first, message=None, problem="It was refused.")
    assert not dataclasses.replace(demonstration, exchanges=(wrong, *others)).succeeded


def test_a_problem_is_shown_and_is_the_exit_status(
    shown: tuple[Path, Demonstration], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _, demonstration = shown
    first, *others = demonstration.exchanges
    wrong = dataclasses.replace(first, message=None, problem="It was refused.")
    failed = dataclasses.replace(demonstration, exchanges=(wrong, *others))
    monkeypatch.setattr("duisign.demo.demonstrate", lambda folder: failed)
    monkeypatch.setattr("sys.argv", ["duisign", "demo"])
    assert run_here() == NOT_VALID
    assert re.search(r"^service-request +user +[0-9,]+ +wrong +It was refused\.$", capfd.readouterr().out, re.MULTILINE)


def test_the_command_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run(TMPDIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (OK, "")
    assert list(tmp_path.iterdir()) == []
    assert "\x1b" not in done.stdout
    rows = re.findall(r"^([a-z0-9-]+) +(user|dcc) +[0-9,]+ +valid +(8[79]) 00(?:-[0-9A-F]{2}){7}$", done.stdout, re.M)
    assert sorted(row[0] for row in rows) == MESSAGE_CLASSES
    assert {row[1:] for row in rows} == {("user", "87"), ("dcc", "89")}
    assert "refused (digest-mismatch). The document is not the one that was signed" in " ".join(done.stdout.split())
    rates = re.findall(r"^(sign|verify) +([\d.]+) +([\d.]+) +([\d.]+) +([\d,]+)$", done.stdout, re.M)
    assert [name for name, *_ in rates] == ["sign", "verify"]
    for _, each, alone, ratio, rate in rates:
        assert float(ratio) == pytest.approx(float(each) / float(alone), abs=0.02)
        assert float(rate.replace(",", "")) == pytest.approx(1e6 / float(each), rel=0.01)


@pytest.mark.parametrize("columns", ["80", "120"])
def test_it_is_short_and_its_lines_fit(columns: str) -> None:
    lines = run(COLUMNS=columns).stdout.splitlines()
    assert len(lines) < 30
    assert max(map(len, lines)) <= int(columns)


def test_the_commands_that_it_names_work(tmp_path: Path) -> None:
    folder = tmp_path / "a new folder"
    done = run("--folder", folder)
    assert (done.returncode, done.stderr) == (OK, "")
    commands = [line.strip() for line in done.stdout.splitlines() if line.startswith("  duisign ")]
    results = [
        subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            # Long paths: no title is folded.
            env=ENVIRONMENT | {"COLUMNS": "400"},
            capture_output=True,
            text=True,
            check=False,
        )
        for command in commands
    ]
    assert [result.returncode for result in results] == [OK, NOT_VALID, OK]
    assert [result.stderr for result in results] == ["", "", ""]
    for result, title in zip(
        results,
        ("service-request.xml: valid", "tampered.xml: invalid (digest-mismatch)", "standard input: valid"),
        strict=True,
    ):
        assert result.stdout.splitlines()[0].endswith(title)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "user.key"
    file.write_text("precious")
    for folder, sentence in [
        (tmp_path, f"duisign: {tmp_path} is not empty: name a folder that is, or a new one.\n"),
        (file, f"duisign: Cannot write to {file}: not a directory.\n"),
        (file / "below", f"duisign: Cannot write to {file / 'below'}: not a directory.\n"),
    ]:
        done = run("--folder", folder)
        assert (done.returncode, done.stdout, done.stderr) == (ERROR, "", sentence)
    assert [path.name for path in tmp_path.iterdir()] == ["user.key"]
    assert file.read_text() == "precious"


def test_each_run_has_new_keys(shown: tuple[Path, Demonstration], smki: Smki) -> None:
    _, demonstration = shown
    assert demonstration.smki.user.certificate.public_key() != smki.user.certificate.public_key()
