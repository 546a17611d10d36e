"""The settings of the service: every name by file and environment, and what is refused with which sentence."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from duisign import ConfigurationError
from duisign.service.authentication import Callers
from duisign.service.settings import TABLES
from duisign.service.settings_source import PREFIX, read_settings

MINIMAL = '[signing]\nkeyring = ["keys"]\n'
NAMES = [(table, one.name, one.default) for table, kind in TABLES.items() for one in dataclasses.fields(kind)]


def read(folder, text, environment=None, **options):
    path = folder / "service.toml"
    path.write_text(text)
    return read_settings(path, environment or {}, **options)


def refusal(*arguments, **options):
    with pytest.raises(ConfigurationError) as found:
        read(*arguments, **options)
    return found.value


def test_defaults_are_of_the_loopback(tmp_path):
    settings = read(tmp_path, MINIMAL)
    assert (settings.server.host, settings.server.port, settings.server.workers) == ("127.0.0.1", 8080, 1)
    assert settings.server.is_loopback
    assert not settings.is_authenticated
    assert settings.signing.keyring == (tmp_path / "keys",)


def test_without_a_file_the_environment_says_all():
    settings = read_settings(None, {f"{PREFIX}SIGNING_KEYRING": '["a", "b"]', f"{PREFIX}SERVER_WORKERS": "3", "X": "1"})
    assert settings.signing.keyring == (Path("a"), Path("b"))
    assert settings.server.workers == 3
    assert read_settings(None, {f"{PREFIX}SIGNING_KEYRING": "a b:c"}).signing.keyring == (Path("a b:c"),)


def test_options_go_before_the_environment_and_that_before_the_file(tmp_path):
    text = MINIMAL + '[server]\nport = 1\nworkers = 1\nhost = "localhost"\n'
    environment = {f"{PREFIX}SERVER_PORT": "2", f"{PREFIX}SERVER_WORKERS": "2"}
    server = read(tmp_path, text, environment, port=3, host=None).server
    assert (server.port, server.workers, server.host) == (3, 2, "localhost")


VALUES = {bool: "true", int: "7", float: "7"}


def outcome(path, environment, table, name):
    """The value that is read, or what is wrong with it."""
    try:
        value = getattr(getattr(read_settings(path, environment), table), name)
    except ConfigurationError as error:
        return str(error)
    return str(value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize(("table", "name", "default"), NAMES)
def test_every_name_is_read_from_both(tmp_path, table, name, default):
    """From the one as from the other, whatever may be wrong with what it then says."""
    word = "localhost" if name == "host" else VALUES.get(type(default), "one")
    written = word if type(default) in VALUES else '["one"]' if isinstance(default, tuple) else f'"{word}"'
    base = {} if table == "signing" else {f"{PREFIX}SIGNING_KEYRING": "keys"}
    by_file, by_variable = tmp_path / "file.toml", tmp_path / "empty.toml"
    by_file.write_text(f"[{table}]\n{name} = {written}\n")
    by_variable.write_text("")
    found = outcome(by_file, base, table, name)
    assert "is no setting" not in found
    assert found == outcome(by_variable, base | {f"{PREFIX}{table}_{name}".upper(): word}, table, name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The service would do nothing"),
        ("[server]\nport = 80", "The service would do nothing"),
        (MINIMAL + "[sever]\nport = 80", "sever, which is no setting"),
        ("server = 1", "must be a table"),
        (MINIMAL + "[server]\nprot = 80", "server.prot is no setting"),
        (MINIMAL + "[server]\nport = 65536", "server.port"),
        (MINIMAL + "[server]\nport = -1", "server.port"),
        (MINIMAL + "[server]\nport = true", "server.port is a whole number"),
        (MINIMAL + '[server]\nport = "80"', "server.port is a whole number"),
        (MINIMAL + "[server]\nworkers = 0", "server.workers"),
        (MINIMAL + "[server]\nworkers = 100000", "server.workers"),
        (MINIMAL + "[server]\nmax_body_octets = 0", "server.max_body_octets"),
        (MINIMAL + "[server]\nmax_concurrent_requests = 0", "server.max_concurrent_requests"),
        (MINIMAL + "[server]\nrequest_timeout = 0", "server.request_timeout"),
        (MINIMAL + "[server]\nrequest_timeout = nan", "server.request_timeout"),
        (MINIMAL + "[server]\nshutdown_timeout = inf", "server.shutdown_timeout"),
        (MINIMAL + '[server]\nhost = ""', "server.host is text"),
        (MINIMAL + '[logging]\nrequests = "no"', "logging.requests is true or false"),
        (MINIMAL + '[trust]\ncertificates = "one.pem"', "trust.certificates is a list"),
        (MINIMAL + "[trust]\ncertificates = [1]", "trust.certificates is a list"),
        (MINIMAL + '[trust]\npolicies = ["1.2"]', "trust.policies says nothing without trust.roots"),
        (MINIMAL + "[trust]\ndangerously_skip_revocation = true", "says nothing without trust.roots"),
        (MINIMAL + '[trust]\nroots = ["root.pem"]', "trust.policies"),
        (MINIMAL + '[trust]\naccept_unsigned = ["acknowledgement"]', "Nobody is trusted"),
        (MINIMAL + 'key = "a"', "and signing.certificate belong together"),
        (MINIMAL + 'token_key = "pkcs11:object=a"', "and signing.certificate belong together"),
        (MINIMAL + 'token_key = "pkcs11:object=a"\ncertificate = "b"', "not both"),
        ('[signing]\nkey = "a"\ntoken_key = "pkcs11:object=a"\ncertificate = "b"', "not both"),
        ('[signing]\ntoken_key = "pkcs11:object=a"\ncertificate = "b"\ncheck_path = true', "give a keyring"),
        (MINIMAL + '[trust]\nschema = "xsd"', "Nobody is trusted"),
        (MINIMAL + '[trust]\ncertificates = ["a"]\nschema_first = true', "says nothing without trust.schema"),
        (MINIMAL + 'key = "a"\ncertificate = "b"', "not both"),
        (MINIMAL + 'password_env = "A"\npassword_file = "b"', "not both"),
        (MINIMAL + "check_path = true", "needs trust.roots"),
        ('[signing]\nkey = "a"\ncertificate = "b"\ncheck_path = true', "give a keyring"),
        (MINIMAL + '[tls]\ncertificate = "a"', "tls.certificate and tls.key"),
        (MINIMAL + '[tls]\nclient_ca = "a"', "says nothing without TLS"),
        (MINIMAL + "[server", "is not TOML: see at "),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, text, words):
    error = refusal(tmp_path, text)
    assert error.code == "service-settings"
    assert words in str(error)
    assert re.search(r"[.)]$", str(error))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read: no such file"):
        read_settings(tmp_path / "none.toml", {})


def test_a_variable_that_means_nothing_is_a_typing_error():
    for name in ("SERVER_PROT", "SEVER_PORT", "SERVER", ""):
        with pytest.raises(ConfigurationError, match="is no setting"):
            read_settings(None, {f"{PREFIX}SIGNING_KEYRING": "a", PREFIX + name: "1"})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_the_loopback_needs_nothing(tmp_path, host):
    assert read(tmp_path, MINIMAL, host=host).server.is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "localhost.example.org"])
def test_anything_else_needs_tokens_or_mutual_tls(tmp_path, host):
    error = refusal(tmp_path, MINIMAL, host=host)
    assert error.code == "service-insecure"
    assert "authentication.token_files" in str(error)
    server_tls = '[tls]\ncertificate = "a"\nkey = "b"\n'
    assert refusal(tmp_path, MINIMAL + server_tls, host=host).code == "service-insecure"
    for text in ('[authentication]\ntoken_env = "T"\n', server_tls + 'client_ca = "c"\n'):
        assert read(tmp_path, MINIMAL + text, host=host).is_authenticated


def test_a_token_that_could_be_guessed_is_refused(tmp_path, monkeypatch):
    settings = read(tmp_path, MINIMAL + '[authentication]\ntoken_files = ["token"]\n')
    for token, code in (
        ("x" * 23, "service-insecure"),
        ("  \n" + "x" * 40, "service-insecure"),
        (None, "service-settings"),
    ):
        if token is None:
            (tmp_path / "token").unlink()
        else:
            (tmp_path / "token").write_text(token)
        with pytest.raises(ConfigurationError) as found:
            Callers(settings)
        assert found.value.code == code
        assert "xxx" not in str(found.value)
    variable = read(tmp_path, MINIMAL + '[authentication]\ntoken_env = "SERVICE_TOKEN"\n')
    monkeypatch.delenv("SERVICE_TOKEN", raising=False)
    with pytest.raises(ConfigurationError, match="is not set"):
        Callers(variable)
    monkeypatch.setenv("SERVICE_TOKEN", "x" * 24)
    assert Callers(variable)
