"""Keys on a token of SoftHSM2, by PKCS #11: everyone accepts their signatures, and the token may go away."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import signxml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

import duisign
from duisign import pkcs11_module
from duisign.pkcs11 import Pkcs11Key
from interop.peers import Identity, JavaDriver
from interop.softhsm import PIN, SoftHsm, TokenServer, library, write_configuration
from interop.verifiers import CLOCK, pinned
from interop.xmlsec1 import XmlSec1
from service_process import refused, running
from xml_documents import generate_duis

pytestmark = pytest.mark.release_build

SECONDS = 120
XML = {"Content-Type": "application/xml"}


def pin(where: str) -> bytes:
    assert where == "the token duis"
    return PIN.encode()


@pytest.fixture(scope="module")
def template(duis_templates: list[Path]) -> bytes:
    return duis_templates[0].read_bytes()


@pytest.fixture(scope="module")
def dcc_user(template: bytes, dcc_identity: Callable[[bytes], Identity]) -> Identity:
    """The originator of a template, whose key the DCC's tool knows."""
    return dcc_identity(template)


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory, identity: Identity, dcc_user: Identity) -> Iterator[SoftHsm]:
    """A token "duis": keys "own" and "dcc", two "twin", "p384" on another curve."""
    folder = tmp_path_factory.mktemp("softhsm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(write_configuration(folder)))
        hsm = SoftHsm(library("libsofthsm2.so"))
        hsm.add_token("duis")
        hsm.add_key("duis", "own", "a1", identity.key_file)
        hsm.add_key("duis", "dcc", "a2", _pkcs8(dcc_user.private_key, folder / "dcc.pem"))
        hsm.add_key("duis", "twin", "b1", identity.key_file)
        hsm.add_key("duis", "twin", "b2", _pkcs8(ec.generate_private_key(ec.SECP256R1()), folder / "twin.pem"))
        hsm.add_key("duis", "p384", "c1", _pkcs8(ec.generate_private_key(ec.SECP384R1()), folder / "p384.pem"))
        hsm.add_token("other")
        yield hsm


def _pkcs8(key: ec.EllipticCurvePrivateKey, file: Path) -> Path:
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


@pytest.fixture(scope="module")
def key(hsm: SoftHsm) -> Pkcs11Key:
    return Pkcs11Key(hsm.uri("duis", "own"), pin=pin)


def refusal(uri: str, **options: object) -> duisign.DuisignError:
    with pytest.raises(duisign.DuisignError) as caught:
        Pkcs11Key(uri, **options)  # type: ignore[arg-type]
    assert PIN not in str(caught.value)
    return caught.value


def test_everyone_accepts_its_signatures(
    key: Pkcs11Key, identity: Identity, xmlsec1: XmlSec1, jdk_verify: JavaDriver, tmp_path: Path
) -> None:
    documents = [generate_duis(seed) for seed in range(20)]
    for profile in duisign.Profile:
        signer = duisign.Signer(key, identity.certificate, profile=profile)
        signed = [result.unwrap() for result in signer.sign_many(documents, workers=4)]
        files = []
        for index, one in enumerate(signed):
            assert pinned(identity.certificate).verify(one).profile is profile
            verdict, details, _ = jdk_verify.ask(one, str(identity.certificate_file))
            assert verdict == b"valid", details
            files.append(tmp_path / f"{profile}-{index}.xml")
            files[-1].write_bytes(one)
        assert xmlsec1.accepted(files, identity.certificate_file) == len(files)
    # signxml passes over what stands around the root.
    signed_element = signer.sign(b"<a><b/></a>")
    assert signxml.XMLVerifier().verify(signed_element, x509_cert=identity.certificate)


def test_the_dcc_tool_accepts_its_signatures(
    hsm: SoftHsm, dcc_user: Identity, template: bytes, tool_validate: JavaDriver
) -> None:
    signer = duisign.Signer(
        Pkcs11Key(hsm.uri("duis", "dcc"), pin=pin),
        dcc_user.certificate,
        whitespace="strip",
        existing_signature="replace",
    )
    code, messages, _ = tool_validate.ask(signer.sign(template), str(dcc_user.certificate_file))
    assert (code, b"[I] passed signature check" in messages.splitlines()) == (b"0", True), messages


def test_the_drop_in_for_signxml_takes_it(key: Pkcs11Key, identity: Identity) -> None:
    from duisign.signxml import XMLSigner, methods

    signer = XMLSigner(
        method=methods.enveloped,
        signature_algorithm="ecdsa-sha256",
        digest_algorithm="sha256",
        c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#",
    )
    signed = signer.sign(etree.fromstring(b"<a><b/></a>"), key=key, cert=[identity.certificate])
    assert signxml.XMLVerifier().verify(etree.tostring(signed), x509_cert=identity.certificate)


class TestCommandLine:
    def run(self, hsm: SoftHsm, identity: Identity, *arguments: str, label: str = "own") -> tuple[int, bytes, str]:
        command = [sys.executable, "-m", "duisign", "sign", "-", "--key", hsm.uri("duis", label)]
        command += ["--cert", str(identity.certificate_file), *arguments]
        environment = {**os.environ, "PYTHONWARNINGS": "error", "DUIS_PIN": PIN, "WRONG_PIN": "0000"}
        done = subprocess.run(command, input=b"<a/>", capture_output=True, timeout=SECONDS, env=environment)
        assert PIN.encode() not in done.stderr
        return done.returncode, done.stdout, done.stderr.decode()

    def test_signs(self, hsm: SoftHsm, identity: Identity, tmp_path: Path) -> None:
        file = tmp_path / "pin"
        file.write_text(f"{PIN}\n")
        for arguments in (["--password-env", "DUIS_PIN"], ["--password-file", str(file)]):
            status, signed, said = self.run(hsm, identity, *arguments)
            assert (status, said) == (0, "")
            assert pinned(identity.certificate).verify(signed).signed_bytes == b"<a></a>"

    def test_signs_folders(self, hsm: SoftHsm, identity: Identity, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        for index in range(30):
            (tmp_path / "in" / f"{index}.xml").write_bytes(b"<a>%d</a>" % index)
        command = [sys.executable, "-m", "duisign", "sign", str(tmp_path / "in"), "--key", hsm.uri("duis", "own")]
        command += ["--cert", str(identity.certificate_file), "--password-env", "DUIS_PIN", "--workers", "4"]
        command += ["-o", str(tmp_path / "out")]
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, env={**os.environ, "DUIS_PIN": PIN})
        assert done.returncode == 0, done.stderr
        for index in range(30):
            message = pinned(identity.certificate).verify((tmp_path / "out" / f"{index}.xml").read_bytes())
            assert message.signed_bytes == b"<a>%d</a>" % index

    @pytest.mark.parametrize(
        ("label", "arguments", "sentence"),
        [
            ("none", ["--password-env", "DUIS_PIN"], "No EC private key on the token fits"),
            ("own", [], "give the PIN"),
            ("own", ["--password-env", "WRONG_PIN"], "does not take the PIN (PinIncorrect)"),
            ("own", ["--password-env", "NOT_SET"], "is not set"),
            ("dcc", ["--password-env", "DUIS_PIN"], "does not verify the external key's signature"),
        ],
    )
    def test_a_key_that_cannot_be_used(
        self, hsm: SoftHsm, identity: Identity, label: str, arguments: list[str], sentence: str
    ) -> None:
        status, signed, said = self.run(hsm, identity, *arguments, label=label)
        assert (status, signed) == (3, b"")
        assert sentence in said


class TestRefusals:
    def test_objects(self, hsm: SoftHsm) -> None:
        assert refusal(hsm.uri("duis", "none"), pin=pin).code == "key-object"
        assert refusal(hsm.uri("duis", "twin"), pin=pin).code == "key-object"
        assert refusal(hsm.uri("duis", "p384"), pin=pin).code == "key-curve"
        assert "p384" not in str(refusal(hsm.uri("duis", "p384"), pin=pin))

    def test_an_identifier_tells_keys_apart(self, hsm: SoftHsm, identity: Identity) -> None:
        uri = hsm.uri("duis", "twin").replace(";type", ";id=%B1;type")
        assert duisign.Signer(Pkcs11Key(uri, pin=pin), identity.certificate)

    def test_tokens(self, hsm: SoftHsm) -> None:
        assert refusal(hsm.uri("absent", "own"), pin=pin).code == "key-unavailable"
        assert refusal(f"pkcs11:object=own?module-path={hsm.module}", pin=pin).code == "key-object"
        assert refusal(hsm.uri("duis;slot-id=1", "own"), pin=pin).code == "key-unavailable"

    def test_modules(self, hsm: SoftHsm, tmp_path: Path) -> None:
        assert refusal(hsm.uri("duis", "own", "/nowhere/lib.so")).code == "key-module"
        assert refusal("pkcs11:object=own").code == "key-module"
        assert refusal(hsm.uri("duis", "own"), module=hsm.module).code == "key-module"
        assert Pkcs11Key("pkcs11:token=duis;object=own", module=hsm.module, pin=pin)
        # A library, but of another kind.
        assert refusal(hsm.uri("duis", "own", library("libc.so.6"))).code == "key-module"

    def test_another_system(self, hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pkcs11_module, "os", SimpleNamespace(name="nt", getpid=os.getpid))
        monkeypatch.setattr(pkcs11_module, "_modules", {})
        error = refusal(hsm.uri("duis", "own"), pin=pin)
        assert error.code == "key-module"
        assert "POSIX" in str(error)

    def test_options(self, hsm: SoftHsm, tmp_path: Path) -> None:
        assert refusal(hsm.uri("duis", "own"), pin=PIN).code == "password"
        assert refusal(hsm.uri("duis", "own") + "&pin-source=file:/x", pin=pin).code == "password"
        assert refusal(hsm.uri("duis", "own"), pin=pin, sessions=0).code == "sessions"
        file = tmp_path / "pin"
        file.write_text(PIN)
        assert Pkcs11Key(f"{hsm.uri('duis', 'own')}&pin-source=file:{file}")

    def test_another_key_than_the_certificates(self, hsm: SoftHsm, identity: Identity) -> None:
        with pytest.raises(duisign.ConfigurationError) as caught:
            duisign.Signer(Pkcs11Key(hsm.uri("duis", "dcc"), pin=pin), identity.certificate)
        assert caught.value.code == "key-certificate-mismatch"


def test_the_examples_of_the_documentation_run(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "hsm.md").read_text()
    (commands,) = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    example = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[-1]
    assert "Pkcs11Key" in example
    folder, tokens = tmp_path / "demo", tmp_path / "tokens"
    folder.mkdir()
    tokens.mkdir()
    environment = {**os.environ, "SOFTHSM2_CONF": str(write_configuration(tokens)), "DUIS_PIN": "1234"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    module = library("libsofthsm2.so")
    for command in (
        ["duisign", "demo", "--folder", "."],
        *(["bash", "-euo", "pipefail", "-c", line] for line in commands.splitlines()),
        [sys.executable, "-W", "error", "-c", example],
    ):
        command = [part.replace("/usr/lib/softhsm/libsofthsm2.so", module) for part in command]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=SECONDS)
        assert done.returncode == 0, (command, done.stderr)


PINS = """
import sys
from duisign import DuisignError
from duisign.pkcs11 import Pkcs11Key

asked = []
def answer(where):
    asked.append(where)
    if isinstance(ANSWER, Exception):
        raise ANSWER
    return ANSWER
ANSWER = eval(sys.argv[2])
try:
    Pkcs11Key(sys.argv[1], pin=answer)
except DuisignError as error:
    print(error.code, len(asked), error)
"""


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ("b'wrong'", "key-pin", "PinIncorrect"),
        ("b''", "key-pin", "Pin"),
        ("'text'", "password", "no bytes"),
        ("b'\\xff'", "password", "no bytes"),
        ("OSError('secret')", "password", "OSError"),
        ("None", "key-object", "give the PIN"),
    ],
)
def test_pins_that_are_none(hsm: SoftHsm, answer: str, code: str, words: str) -> None:
    """In a process of its own, since a process is logged in or not."""
    command = [sys.executable, "-W", "error", "-c", PINS, hsm.uri("duis", "own"), answer]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stderr) == (0, "")
    found, asked, sentence = done.stdout.split(" ", 2)
    assert (found, asked) == (code, "1")
    assert words in sentence
    assert "secret" not in sentence


def test_it_tells_nothing_and_closes(key: Pkcs11Key, hsm: SoftHsm, identity: Identity) -> None:
    assert repr(key) == "<Pkcs11Key 'own' on 'duis'>"
    signer = duisign.Signer(key, identity.certificate)
    key.close()
    assert pinned(identity.certificate).verify(signer.sign(b"<a/>"))


@pytest.mark.parametrize("workers", [1, 2])
def test_the_service_signs_with_it(hsm: SoftHsm, identity: Identity, tmp_path: Path, workers: int) -> None:
    settings = (
        f"[server]\nport = 0\nworkers = {workers}\n"
        f'[signing]\ntoken_key = "{hsm.uri("duis", "own")}"\ncertificate = "{identity.certificate_file}"\n'
        'password_env = "DUIS_PIN"\npreserve_counter = true\n'
    )
    (tmp_path / "service.toml").write_text(settings)
    verifier = pinned(identity.certificate)
    documents = [generate_duis(seed) for seed in range(40)]
    own = duisign.Signer(identity.private_key, identity.certificate, whitespace="strip", existing_signature="replace")
    expected = [verifier.verify(own.sign(document)).signed_bytes for document in documents]

    with running("--config", tmp_path / "service.toml", env={**os.environ, "DUIS_PIN": PIN}) as service:
        for turn in range(2):
            with ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(partial(service.ask, "POST", "/v1/sign", headers=XML), documents))
            assert {status for status, _, _ in answers} == {200}
            assert [verifier.verify(signed).signed_bytes for _, _, signed in answers] == expected
            if not turn:
                service.send(signal.SIGHUP)
                service.event("reloaded", workers)
    assert PIN not in str(service.events)


def test_the_service_says_what_a_token_lacks(hsm: SoftHsm, identity: Identity, tmp_path: Path) -> None:
    for uri, variable, words in (
        (hsm.uri("duis", "own"), "123456", "PIN"),
        (hsm.uri("duis", "none"), PIN, "key"),
        ("pkcs11:nonsense", PIN, "PKCS #11 URI"),
    ):
        settings = f'[signing]\ntoken_key = "{uri}"\ncertificate = "{identity.certificate_file}"\npassword_env = "P"\n'
        (tmp_path / "service.toml").write_text(settings)
        status, said = refused("--config", tmp_path / "service.toml", "--check", env={**os.environ, "P": variable})
        assert status != 0
        assert words.lower() in said.lower()
        assert variable not in said


FORK = """
import os, pathlib, sys
import duisign
from duisign.pkcs11 import Pkcs11Key

uri, certificate = sys.argv[1], pathlib.Path(sys.argv[2]).read_bytes()
make = lambda: duisign.Signer(Pkcs11Key(uri, pin=duisign.password_from_environment("DUIS_PIN")), certificate)
verify = duisign.Verifier(duisign.PinnedCertificates([certificate])).verify
signer = make()
child = os.fork()
if child == 0:
    try:
        signer.sign(b"<a/>")
    except duisign.ConfigurationError as error:
        os._exit(0 if error.code == "key-process" and verify(make().sign(b"<a/>")) else 1)
    os._exit(2)
assert os.waitpid(child, 0)[1] == 0
assert verify(signer.sign(b"<a/>"))
"""


def test_a_forked_process_needs_a_key_of_its_own(hsm: SoftHsm, identity: Identity) -> None:
    """In a process that has no threads yet."""
    command = [sys.executable, "-W", "error", "-c", FORK, hsm.uri("duis", "own"), str(identity.certificate_file)]
    done = subprocess.run(command, capture_output=True, timeout=SECONDS, env={**os.environ, "DUIS_PIN": PIN})
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.fixture(scope="module")
def token_server(hsm: SoftHsm) -> Iterator[TokenServer]:
    # One for all tests: the client reads the address once. The path of a socket has at most 107 octets.
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("P11_KIT_SERVER_ADDRESS", f"unix:path={folder}/token")
        yield TokenServer(hsm, "duis", Path(folder) / "token")


@pytest.fixture
def server(token_server: TokenServer) -> Iterator[TokenServer]:
    with token_server.running():
        yield token_server


class Observed:
    """An ExternalKey around another: tells at once what became of a digest, long before its document comes out."""

    def __init__(self, key: duisign.ExternalKey) -> None:
        self.key = key
        self.signed = threading.Event()
        self.failed = threading.Event()

    def sign_digest(self, digest: bytes) -> bytes:
        try:
            raw = self.key.sign_digest(digest)
        except duisign.ExternalKeyError:
            self.failed.set()
            # Whoever fails at once would otherwise fill the processor that the server needs.
            time.sleep(0.001)
            raise
        self.signed.set()
        return raw


def test_killing_the_token_process_under_load_loses_no_message(
    server: TokenServer, hsm: SoftHsm, identity: Identity
) -> None:
    pins = []

    def counted(where: str) -> bytes:
        pins.append(where)
        return pin(where)

    # One session: in p11-kit's client a thread may wait forever for an answer when the server dies under several.
    key = Observed(Pkcs11Key(hsm.uri("duis", "own", library("p11-kit-client.so")), pin=counted, sessions=1))
    signer = duisign.Signer(key, identity.certificate)
    verify = pinned(identity.certificate, clock=CLOCK).verify
    kills, given = 3, 0
    done = threading.Event()
    troubles: list[str] = []

    def seen(event: threading.Event) -> None:
        event.clear()
        if not event.wait(SECONDS):
            troubles.append("signs no more" if event is key.signed else "does not fail")

    def disturb() -> None:
        try:
            for _ in range(kills):
                seen(key.signed)
                server.kill()
                seen(key.failed)
                server.start()
            seen(key.signed)
        finally:
            done.set()

    def documents() -> Iterator[bytes]:
        nonlocal given
        while not done.is_set():
            given += 1
            yield b"<a>%d</a>" % (given - 1)

    thread = threading.Thread(target=disturb)
    thread.start()
    outcomes = []
    for index, result in enumerate(signer.sign_many(documents(), workers=4)):
        assert result.index == index
        if result.ok:
            assert verify(result.unwrap()).signed_bytes == b"<a>%d</a>" % index
        else:
            assert (type(result.error), result.error.code) == (duisign.ExternalKeyError, "key-unavailable")
        outcomes.append(result.ok)
    thread.join()
    assert not troubles
    assert len(outcomes) == given
    assert not all(outcomes)
    assert len(pins) >= 1 + kills
    assert verify(signer.sign(b"<a/>"))


def test_a_token_that_is_not_there_at_first(server: TokenServer, hsm: SoftHsm, identity: Identity) -> None:
    uri = hsm.uri("duis", "own", library("p11-kit-client.so"))
    server.kill()
    assert refusal(uri, pin=pin).code == "key-unavailable"
    server.start()
    signer = duisign.Signer(Pkcs11Key(uri, pin=pin), identity.certificate)
    server.kill()
    with pytest.raises(duisign.ExternalKeyError) as caught:
        signer.sign(b"<a/>")
    assert caught.value.code == "key-unavailable"
    server.start()
    assert pinned(identity.certificate).verify(signer.sign(b"<a/>"))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_token_that_goes_away_from_the_service(
    server: TokenServer, hsm: SoftHsm, identity: Identity, tmp_path: Path, workers: int
) -> None:
    """Each request has an answer, a reload without the token changes nothing, and what comes back signs again."""
    uri = hsm.uri("duis", "own", library("p11-kit-client.so"))
    settings = (
        f"[server]\nport = 0\nworkers = {workers}\n"
        f'[signing]\ntoken_key = "{uri}"\ncertificate = "{identity.certificate_file}"\npassword_env = "DUIS_PIN"\n'
    )
    (tmp_path / "service.toml").write_text(settings)
    verify = pinned(identity.certificate).verify
    environment = {**os.environ, "DUIS_PIN": PIN}
    with running("--config", tmp_path / "service.toml", env=environment) as service:
        ask = partial(service.ask, "POST", "/v1/sign", b"<a/>", XML)
        assert verify(ask()[2])
        server.kill()
        status, _, problem = ask()
        assert (status, json.loads(problem)["code"]) == (503, "key-unavailable")
        service.send(signal.SIGHUP)
        assert service.event("reload-failed")["code"] == "key-unavailable"
        if workers > 1:
            # One that begins while the token is away.
            os.kill(service.named("request")[-1]["process"], signal.SIGKILL)
            service.event("worker-ended")
        for _ in range(4 * workers):
            assert ask()[0] == 503
        server.start()
        for _ in range(4 * workers):
            assert verify(ask()[2])
        service.send(signal.SIGHUP)
        service.event("reloaded", workers)
        assert not service.named("failure")
        assert not service.named("worker-failed")
    server.kill()
    code, said = refused("--config", tmp_path / "service.toml", "--check", env=environment)
    assert code != 0
    assert "The token of the key does not answer" in said
