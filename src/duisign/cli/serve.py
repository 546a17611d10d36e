"""``duisign serve``: the HTTP service."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from duisign.cli.exit_status import ExitStatus, Failure
from duisign.cli.files import note
from duisign.errors import ConfigurationError

__all__ = ["serve"]

_USAGE = frozenset(
    {"service-settings", "service-insecure", "policy", "policies", "entity-id", "schema", "extra-missing"}
)
"""Codes of what is wrong with the settings themselves, and not with the files of keys and certificates they name."""


def serve(
    *,
    config: Annotated[
        str | None, typer.Option("--config", "-c", metavar="FILE", help="The settings, in TOML: docs/service.md.")
    ] = None,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Instead of server.host.")] = None,
    port: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Instead of server.port; 0 is any free one.")
    ] = None,
    workers: Annotated[int | None, typer.Option(metavar="NUMBER", help="Instead of server.workers: processes.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read settings, keys and certificates, say what is wrong, and end.")
    ] = False,
) -> None:
    """Sign and verify over HTTP: with the API of the DCC's tool, and one of its own; needs the extra "service".

    Settings come from the file, and from environment variables DUISIGN_SERVICE_<TABLE>_<NAME>, which go before it. The
    service listens on 127.0.0.1 unless told otherwise, and elsewhere only with bearer tokens or mutual TLS.

    SIGHUP reads keys, certificates, CRLs and tokens again; SIGTERM ends the service when all it has begun is done.

    The exit status is 0 when it was told to end, or if the settings are in order; 3 if keys to sign
    with, or certificates to trust, are missing or unusable; 2 for anything else.
    """
    missing = [
        name for name in ("starlette", "uvicorn", "httptools", "uvloop", "prometheus_client") if not find_spec(name)
    ]
    if missing:
        raise Failure(f"The service needs {' and '.join(missing)}: install it with pip install 'duisign[service]'.")
    from duisign.service import server
    from duisign.service.settings_source import read_settings

    try:
        settings = read_settings(config, host=host, port=port, workers=workers)
        if check:
            for problem in server.check(settings):
                note(problem)
            note("The settings are in order.")
        else:
            server.serve(settings)
    except ConfigurationError as error:
        raise Failure(str(error), ExitStatus.ERROR if error.code in _USAGE else ExitStatus.KEY_MISSING) from None
