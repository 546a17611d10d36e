"""The page of the service and the examples of its deployment: what they say runs, and names what there is."""

from __future__ import annotations

import configparser
import dataclasses
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from duisign.service.description import description
from duisign.service.settings import TABLES
from duisign.service.settings_source import read_settings
from pages import DOCS, ROOT, blocks_of, rows_of, run
from service_process import running

pytestmark = pytest.mark.release_build

PAGE = (DOCS / "service.md").read_text()


def test_the_examples_of_the_service_run(tmp_path):
    assert run(["duisign", "demo", "--folder", "."], tmp_path).returncode == 0
    blocks = blocks_of(PAGE)
    settings, *others = (body for kind, body in blocks if kind == "toml")
    assert not others
    (tmp_path / "service.toml").write_text(settings)
    lines = [line for kind, body in blocks if kind == "sh" for line in body.splitlines()]
    assert lines[1] == "duisign serve --config service.toml"
    for line in lines:
        if line.startswith("python bench/"):
            assert (ROOT / line.split()[1]).exists()
        elif line != lines[1]:
            done = run(["bash", "-euo", "pipefail", "-c", line], tmp_path)
            assert done.returncode == 0, f"{line}\n{done.stderr}"
    outputs = []
    with running("--config", tmp_path / "service.toml", "--port", "0") as service:
        for kind, body in blocks:
            if kind == "python":
                code = body.replace("127.0.0.1:8080", f"127.0.0.1:{service.port}")
                # The example leaves the answer open, which Python remarks upon when it ends.
                done = run([sys.executable, "-c", code], tmp_path)
                assert (done.returncode, done.stderr) == (0, ""), code
                outputs.append(done.stdout)
    assert re.fullmatch(r"[0-9]+ octets signed, [0-9]+ verified\n", outputs[0])
    assert outputs[1].startswith('422 {"type": "urn:duisign:code:unsigned"')


def test_the_page_of_the_service_names_every_setting_and_address():
    rows = rows_of(PAGE, "setting", "default", "meaning")
    defaults = {name: default for names, default, _ in rows for name in re.findall(r"`([\w.]+)`", names)}
    fields = {f"{name}.{one.name}": one.default for name, kind in TABLES.items() for one in dataclasses.fields(kind)}
    assert defaults.keys() == fields.keys()
    for name, default in fields.items():
        expected = {tuple: "`[]`", type(None): "", bool: str(default).lower(), str: f'`"{default}"`'}
        expected = expected.get(type(default), str(default))
        assert defaults[name] == expected, name
    for path in description()["paths"]:
        assert f" {path}`" in PAGE or path in ("/sign", "/verify"), path


def test_the_examples_of_deployment_fit(tmp_path):
    deploy = ROOT / "deploy"
    assert run(["duisign", "demo", "--folder", "."], tmp_path).returncode == 0
    (tmp_path / "etc").mkdir()
    (tmp_path / "smki").rename(tmp_path / "etc" / "keys")
    (tmp_path / "etc" / "trust").symlink_to("keys")
    settings = tmp_path / "etc" / "service.toml"
    settings.write_bytes((deploy / "service.toml").read_bytes())
    unit = configparser.RawConfigParser()
    unit.optionxform = str
    unit.read(deploy / "duisign.service")
    commands = [unit["Service"][name] for name in ("ExecStartPre", "ExecStart")]
    container = (deploy / "Containerfile").read_text()
    start, arguments = (
        json.loads(re.findall(rf"^{word} (.*)$", container, re.MULTILINE)[0]) for word in ("ENTRYPOINT", "CMD")
    )
    for program, *options in (*map(shlex.split, commands), start + arguments):
        assert Path(program).name == "duisign"
        options[options.index("--config") + 1] = str(settings)
        options = options if "--check" in options else [*options, "--check"]
        done = run(["duisign", *options], tmp_path)
        assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "duisign: The settings are in order.")
    variables = dict(re.findall(r"(DUISIGN_SERVICE_\w+)=(\S+)", container))
    in_container = read_settings(settings, variables)
    assert not in_container.server.is_loopback
    assert in_container.has_tokens
    assert re.search(rf"^EXPOSE {in_container.server.port}$", container, re.MULTILINE)
    assert int(unit["Service"]["TimeoutStopSec"]) > in_container.server.shutdown_timeout
