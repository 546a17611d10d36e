"""The measurement of the service holds its bars against what it finds, and a bar without a figure is not met."""

from __future__ import annotations

import pytest

import bench_service
import summary
from bars import Figures, Spread, read_verdicts
from interop import peers


def test_what_is_not_measured_fails_the_check(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench_service, "templates", list)
    monkeypatch.setattr(peers.shutil, "which", lambda name: None)
    output = ["--output", str(tmp_path)]
    for ci in ("", "true"):
        monkeypatch.setenv("CI", ci)
        assert bench_service.main(["--check", *output]) == 1
        printed = capsys.readouterr().out
        assert "Not measured: javac is not installed" in printed
        assert printed.count("**no figure**") == len(bench_service.BARS)
    assert bench_service.main(output) == 0
    assert summary.main(["--check", *output]) == 1


def test_a_soak_that_does_not_run_fails_and_writes_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(bench_service, "templates", list)
    monkeypatch.setattr(peers.shutil, "which", lambda name: None)
    assert bench_service.main(["--soak", "1", "--output", str(tmp_path)]) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("rate", "milliseconds", "met"),
    [(6, 10, [True, True]), (5.9, 10, [False, True]), (6, 10.1, [True, False])],
)
def test_the_bars_are_those_of_the_issue(rate, milliseconds, met, monkeypatch, tmp_path):
    async def compare(documents, folder, *, workers, fast):
        found = {bench_service.RATE: Spread.of([rate]), bench_service.P99: Spread.of([milliseconds])}
        return Figures(found)

    monkeypatch.setattr(bench_service, "templates", list)
    monkeypatch.setattr(peers, "require_program", lambda name: name)
    monkeypatch.setattr(bench_service, "compare", compare)
    output = ["--output", str(tmp_path)]
    assert bench_service.main(["--check", *output]) == (not all(met))
    assert bench_service.main(output) == 0
    assert [verdict.met for verdict in read_verdicts(tmp_path / "service.bars.json")] == met
    assert summary.main(["--check", *output]) == (not all(met))


def test_both_servers_are_measured(competitors_installed, tmp_path):
    peers.DCCBOXED_KEYSTORE.install()
    assert bench_service.main(["--fast", "--output", str(tmp_path)]) == 0
    verdicts = read_verdicts(tmp_path / "service.bars.json")
    assert [verdict.bar for verdict in verdicts] == [str(bar) for bar in bench_service.BARS]
    assert all(verdict.found is not None and verdict.found.median > 0 for verdict in verdicts)
