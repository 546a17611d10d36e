"""``duisign serve`` as a process: beginning, refusing to begin, signals, workers, TLS, tokens."""

from __future__ import annotations

import base64
import datetime as dt
import errno
import ipaddress
import json
import os
import secrets
import signal
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from service_process import SECONDS, refused, running

# Processes, files and time: nothing for a build with sanitizers, in which test_service_api runs the same code.
pytestmark = pytest.mark.release_build

XML = {"Content-Type": "application/xml"}
START_SECONDS = 1.0
START_TRIES = 15
SETTINGS = """
[server]
port = 0
# Longer than any machine is busy.
request_timeout = 600
shutdown_timeout = 600
[signing]
keyring = ["keys"]
[trust]
certificates = ["keys/user.pem", "keys/dcc.pem"]
"""


@pytest.fixture
def folder(smki, tmp_path):
    smki.write(tmp_path / "keys")
    (tmp_path / "service.toml").write_text(SETTINGS)
    return tmp_path


def sign(service, document, **options):
    return service.ask("POST", "/v1/sign", document, XML, **options)


def test_it_begins_signs_and_ends(folder, request_document, verifier):
    with running("--config", folder / "service.toml") as service:
        status, headers, signed = sign(service, request_document)
        assert (status, headers["Content-Type"]) == (200, "application/xml")
        assert "Server" not in headers
        verifier.verify(signed)
        assert service.ask("POST", "/v1/verify", signed, XML)[0] == 200
        assert service.ask("GET", "/readyz")[0] == 200
        status, headers, body = service.ask("HEAD", "/readyz")
        assert (status, body) == (200, b"")
        assert headers["Content-Length"] != "0"
        assert service.event("listening")["address"].startswith("http://127.0.0.1:")
        assert service.stop() == 0
    assert service.named("stopped")
    assert {one["event"] for one in service.events} == {"listening", "request", "stopped", "end"}


@pytest.mark.timed
def test_it_begins_in_less_than_a_second(folder):
    times = []
    for _ in range(START_TRIES):
        begin = time.monotonic()
        with running("--config", folder / "service.toml") as service:
            assert service.ask("GET", "/healthz")[0] == 200
            times.append(time.monotonic() - begin)
        if times[-1] < START_SECONDS:
            break
    # The quickest of some: the others waited for the machine.
    assert min(times) < START_SECONDS, times


def test_settings_can_be_checked(folder):
    assert refused("-c", folder / "service.toml", "--check") == (0, "duisign: The settings are in order.\n")
    by_environment = {"DUISIGN_SERVICE_SIGNING_KEYRING": "keys", "DUISIGN_SERVICE_SERVER_PORT": "0"}
    assert refused("--check", cwd=folder, env=by_environment) == (0, "duisign: The settings are in order.\n")


def test_a_check_tells_that_all_messages_will_be_refused(folder):
    (folder / "roots.toml").write_text(
        '[trust]\nroots = ["keys/root.pem"]\nintermediates = ["keys/issuing-ca.pem"]\npolicies = ["1.2.3"]\n'
    )
    status, sentences = refused("-c", folder / "roots.toml", "--check", cwd=folder)
    assert status == 0
    assert sentences.splitlines()[0] == (
        "duisign: trust.crls names no CRL: all messages will be refused, for nothing tells what is revoked."
    )
    environment = {"DUISIGN_SERVICE_TRUST_CRLS": "keys/root.crl.pem"}
    assert refused("-c", folder / "roots.toml", "--check", cwd=folder, env=environment)[1].count("\n") == 1


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("options", "env", "status", "words"),
    [
        (["--host", "0.0.0.0"], {}, 2, "On 0.0.0.0 others could have messages signed: give authentication.token_files"),
        (["--host", "::"], {}, 2, "others could have messages signed"),
        (["--port", "70000"], {}, 2, "server.port is a number from 0 to 65535"),
        (["--workers", "0"], {}, 2, "server.workers"),
        ([], {"DUISIGN_SERVICE_SIGNING_KEYRING": "none"}, 3, "none"),
        ([], {"DUISIGN_SERVICE_TRUST_CERTIFICATES": "none.pem"}, 3, "none.pem"),
        ([], {"DUISIGN_SERVICE_TRUST_SCHEMA": "none"}, 2, "its folder cannot be opened"),
        ([], {"DUISIGN_SERVICE_TRUST_ACCEPT_UNSIGNED": "everything"}, 2, "everything, which is no class of messages"),
        ([], {"DUISIGN_SERVICE_TRUST_ACCEPT_UNSIGNED": "dcc-alert"}, 2, "may be accepted unsigned"),
        (
            ["--host", "0.0.0.0"],
            {"DUISIGN_SERVICE_AUTHENTICATION_TOKEN_ENV": "TOKEN", "TOKEN": "guess"},
            2,
            "The token in TOKEN has fewer than 24 characters",
        ),
        (
            [],
            {"DUISIGN_SERVICE_TLS_CERTIFICATE": "service.toml", "DUISIGN_SERVICE_TLS_KEY": "service.toml"},
            2,
            "The files of tls.certificate and tls.key cannot be read",
        ),
    ],
)
def test_it_does_not_begin_with_what_is_wrong_or_insecure(folder, options, env, status, words, check):
    found, sentence = refused(
        "-c", folder / "service.toml", *options, *(["--check"] if check else []), cwd=folder, env=env
    )
    assert (found, sentence.count("\n")) == (status, 1), sentence
    assert sentence.startswith("duisign: ")
    assert words in sentence


@pytest.mark.parametrize("missing", ["key", "certificate", "token_key"])
def test_one_key_that_is_missing(smki, tmp_path, missing):
    smki.write(tmp_path / "keys")
    settings = {"key": '"keys/user.key"', "certificate": '"keys/user.pem"'}
    if missing == "token_key":
        del settings["key"]
    settings[missing] = '"pkcs11:token=a;object=b?module-path=/none.so"' if missing == "token_key" else '"none.pem"'
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    (tmp_path / "service.toml").write_text(f"[signing]\n{lines}")
    status, sentence = refused("-c", tmp_path / "service.toml", "--check", cwd=tmp_path)
    assert (status, sentence.count("\n")) == (3, 1), sentence
    assert ("The PKCS #11 module cannot be loaded" if missing == "token_key" else "none.pem") in sentence


def test_refusals_name_settings_and_no_options(folder, smki):
    key = serialization.load_pem_private_key((folder / "keys" / "user.key").read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"secret")
    encrypted = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
    (folder / "encrypted.key").write_bytes(encrypted)
    (folder / "both.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(b"key", key, smki.user.certificate, None, secret)
    )
    for text, name in (
        ('key = "encrypted.key"\ncertificate = "keys/user.pem"', "signing.password_env or signing.password_file"),
        ('key = "both.p12"\ncertificate = "keys/user.pem"', "signing.keyring"),
        ('keyring = ["keys"]\ndcc_entity_id = "nonsense"', "signing.dcc_entity_id"),
    ):
        (folder / "wrong.toml").write_text(f"[signing]\n{text}\n")
        status, sentence = refused("-c", folder / "wrong.toml", "--check")
        assert status != 0
        assert name in sentence
        assert "--" not in sentence


def test_a_port_that_is_taken(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, sentence = refused("-c", folder / "service.toml", "--port", port)
    assert (status, sentence) == (
        2,
        f"duisign: The service cannot listen on 127.0.0.1, port {port}: {os.strerror(errno.EADDRINUSE).lower()}.\n",
    )


class Load:
    """Signs all the time on open connections, and compares each answer with its request."""

    def __init__(self, service, document, verifier, threads=3):
        self.wrong, self.done = [], 0
        self._stop = threading.Event()
        self._service, self._document, self._verifier = service, document, verifier
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(threads)]

    def _work(self, number):
        connection = self._service.connection()
        counter = number * 1_000_000
        while not self._stop.is_set():
            counter += 1
            document = self._document.replace(b":4102444800017<", b":%d<" % counter)
            try:
                connection.request("POST", "/v1/sign", document, XML)
                response = connection.getresponse()
                body = response.read()
                assert response.status == 200, body
                assert self._verifier.verify(body).request_id.counter == counter
            except Exception as error:  # noqa: BLE001 - told by the main thread
                self.wrong.append(repr(error))
                return
            self.done += 1
        connection.close()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(SECONDS)

    def more(self, number):
        end = time.monotonic() + SECONDS
        goal = self.done + number
        while self.done < goal and not self.wrong and time.monotonic() < end:
            time.sleep(0.005)
        assert not self.wrong
        assert self.done >= goal


@pytest.fixture
def counted(request_document):
    assert b":4102444800017<" in request_document
    return request_document


@pytest.mark.parametrize("workers", [1, 2])
def test_a_reload_drops_no_request(folder, counted, verifier, samples, workers):
    dcc = folder / "keys" / "dcc.key"
    aside = dcc.rename(folder / "dcc.key")
    unsigned = samples["dcc-alert"].document
    with running("-c", folder / "service.toml", "--workers", workers) as service:
        assert json.loads(sign(service, unsigned)[2])["code"] == "signing-key-unknown"
        with Load(service, counted, verifier) as load:
            load.more(20)
            aside.rename(dcc)
            service.send(signal.SIGHUP)
            for number in range(1, workers + 1):
                service.event("reloaded", number)
            load.more(20)
            (folder / "keys" / "user.key").write_bytes(b"broken")
            service.send(signal.SIGHUP)
            assert service.event("reload-failed")["code"] == "key-ring"
            load.more(20)
        assert not load.wrong
        assert sign(service, unsigned)[0] == 200
        assert service.stop() == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_it_ends_when_what_it_began_is_done(folder, request_document, verifier, workers):
    with running("-c", folder / "service.toml", "--workers", workers) as service:
        begun = socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS)
        idle = service.connection()
        idle.request("GET", "/healthz")
        assert idle.getresponse().read()
        begun.sendall(head_of(len(request_document)) + request_document[:100])
        wait_until(lambda: in_flight(service) >= 2)
        service.send(signal.SIGTERM)
        wait_until(lambda: not can_connect(service.port))
        assert service.process.poll() is None
        begun.sendall(request_document[100:])
        answer = b""
        while chunk := begun.recv(65536):
            answer += chunk
        begun.close()
        idle.close()
        assert service.process.wait(SECONDS) == 0
    assert answer.startswith(b"HTTP/1.1 200 ")
    verifier.verify(answer.partition(b"\r\n\r\n")[2])


def head_of(octets):
    return (
        "POST /v1/sign HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/xml\r\n"
        f"Content-Length: {octets}\r\n\r\n"
    ).encode()


def wait_until(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def in_flight(service):
    text = service.ask("GET", "/metrics")[2].decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("duisign_requests_in_flight "))


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=SECONDS).close()
    except OSError:
        return False
    return True


def test_what_does_not_end_is_cut_off(folder, request_document):
    env = {"DUISIGN_SERVICE_SERVER_SHUTDOWN_TIMEOUT": "1"}
    with running("-c", folder / "service.toml", env=env) as service:
        begun = socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS)
        begun.sendall(head_of(10))
        wait_until(lambda: in_flight(service) >= 2)
        assert service.stop() == 0
        begun.close()


def test_a_worker_that_dies_is_replaced_and_loses_no_connection_that_waits(folder, request_document, verifier):
    with running("-c", folder / "service.toml", "--workers", 2) as service:
        workers = set()
        while len(workers) < 2:
            sign(service, request_document)
            workers = {one["process"] for one in service.named("request")}
        # So that it is no worker that has just begun.
        time.sleep(1.1)
        os.kill(min(workers), signal.SIGKILL)
        assert service.event("worker-ended")["status"] == -signal.SIGKILL
        for _ in range(20):
            verifier.verify(sign(service, request_document)[2])
        assert service.stop() == 0


def test_workers_end_with_their_supervisor(folder):
    with running("-c", folder / "service.toml", "--workers", 2) as service:
        port = service.port
        assert can_connect(port)
        service.process.kill()
        service.process.wait(SECONDS)
        wait_until(lambda: not can_connect(port))


def test_workers_count_together(folder, request_document):
    with running("-c", folder / "service.toml", "--workers", 2) as service:
        for _ in range(20):
            sign(service, request_document)
        text = service.ask("GET", "/metrics")[2].decode()
        assert 'duisign_messages_total{code="ok",operation="/v1/sign"} 20.0' in text
        assert text.count("# TYPE duisign_key_expiry_timestamp_seconds gauge") == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_numbers_of_another_program_are_left_alone(folder, tmp_path, workers):
    env = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "absent")}
    with running("-c", folder / "service.toml", "--workers", workers, env=env) as service:
        assert service.ask("GET", "/metrics")[0] == 200
        assert service.stop() == 0


def test_tokens(folder, request_document):
    tokens = [secrets.token_urlsafe(32) for _ in range(3)]
    (folder / "token").write_text(tokens[0] + "\n")
    env = {
        "DUISIGN_SERVICE_AUTHENTICATION_TOKEN_FILES": str(folder / "token"),
        "DUISIGN_SERVICE_AUTHENTICATION_TOKEN_ENV": "SERVICE_TOKEN",
        "SERVICE_TOKEN": tokens[1],
    }
    with running("-c", folder / "service.toml", "--host", "0.0.0.0", env=env) as service:

        def status(authorization, path="/v1/sign"):
            headers = XML | ({} if authorization is None else {"Authorization": authorization})
            return service.ask("POST", path, request_document, headers)

        assert "in the clear" in service.event("problem")["sentence"]
        assert [status(f"Bearer {token}")[0] for token in tokens] == [200, 200, 401]
        for wrong in (
            None,
            "",
            "Bearer",
            "Bearer ",
            tokens[0],
            f"Basic {tokens[0]}",
            f"Bearer {tokens[0]}x",
            "Bearer é",
        ):
            found, headers, body = status(wrong)
            assert (found, headers["WWW-Authenticate"]) == (401, 'Bearer realm="duisign"')
            assert json.loads(body)["code"] == "unauthorized"
        assert json.loads(status(None, "/sign")[2])["errorCode"] == "unauthorized"
        assert service.ask("GET", "/healthz")[0] == 200
        assert service.ask("GET", "/readyz")[0] == 200
        assert service.ask("GET", "/metrics")[0] == 401
        assert service.ask("GET", "/nothing")[0] == 401
        (folder / "token").write_text(tokens[2] + "\n")
        service.send(signal.SIGHUP)
        service.event("reloaded")
        assert [status(f"Bearer {token}")[0] for token in tokens] == [401, 200, 200]
    said = json.dumps(service.events)
    assert not any(token in said for token in tokens)


def make_tls(folder):
    """A CA, and certificates of the server and of a client, as PEM files."""
    now = dt.datetime.now(dt.UTC)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])

    def make(name, public, *extensions):
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )
        # RFC 5280 wants key identifiers, and callers on Python 3.13 and later do too.
        identifiers = (
            x509.SubjectKeyIdentifier.from_public_key(public),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()),
        )
        for extension, critical in (*extensions, *((one, False) for one in identifiers)):
            builder = builder.add_extension(extension, critical)
        certificate = builder.sign(ca_key, hashes.SHA256())
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def save(name, key):
        octets = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.key").write_bytes(octets)

    signs = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    make("test CA", ca_key.public_key(), (x509.BasicConstraints(True, None), True), (signs, True))
    for name in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        save(name, key)
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
        make(name, key.public_key(), (names, False))


def test_mutual_tls(folder, request_document, verifier):
    make_tls(folder)
    env = {
        "DUISIGN_SERVICE_TLS_CERTIFICATE": str(folder / "server.pem"),
        "DUISIGN_SERVICE_TLS_KEY": str(folder / "server.key"),
        "DUISIGN_SERVICE_TLS_CLIENT_CA": str(folder / "test CA.pem"),
    }
    with running("-c", folder / "service.toml", "--host", "0.0.0.0", env=env) as service:
        stranger = ssl.create_default_context(cafile=folder / "test CA.pem")
        known = ssl.create_default_context(cafile=folder / "test CA.pem")
        known.load_cert_chain(folder / "client.pem", folder / "client.key")
        verifier.verify(sign(service, request_document, context=known)[2])
        with pytest.raises(OSError):
            sign(service, request_document, context=stranger)
        service.send(signal.SIGHUP)
        service.event("reloaded")
        assert sign(service, request_document, context=known)[0] == 200
    assert "request" in {one["event"] for one in service.events}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_certificate_without_its_key_leaves_the_old_one_in_force(folder, request_document, workers):
    """As between the two steps of a renewal."""
    make_tls(folder)
    env = {
        "DUISIGN_SERVICE_TLS_CERTIFICATE": str(folder / "server.pem"),
        "DUISIGN_SERVICE_TLS_KEY": str(folder / "server.key"),
    }
    caller = ssl.create_default_context(cafile=folder / "test CA.pem")
    with running("-c", folder / "service.toml", "--workers", workers, env=env) as service:

        def serial_numbers():
            found = set()
            for _ in range(20):
                with (
                    socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS) as plain,
                    caller.wrap_socket(plain, server_hostname="localhost") as connection,
                ):
                    octets = connection.getpeercert(binary_form=True)
                found.add(x509.load_der_x509_certificate(octets).serial_number)
            return found

        old = (folder / "server.pem").read_bytes()
        new = (folder / "client.pem").read_bytes()
        assert serial_numbers() == {x509.load_pem_x509_certificate(old).serial_number}
        (folder / "server.pem").write_bytes(new)
        service.send(signal.SIGHUP)
        assert "tls.key" in service.event("reload-failed")["sentence"]
        assert serial_numbers() == {x509.load_pem_x509_certificate(old).serial_number}
        (folder / "server.key").write_bytes((folder / "client.key").read_bytes())
        service.send(signal.SIGHUP)
        for number in range(1, workers + 1):
            service.event("reloaded", number)
        assert serial_numbers() == {x509.load_pem_x509_certificate(new).serial_number}
        assert sign(service, request_document, context=caller)[0] == 200


def test_nobody_is_asked_for_the_passphrase_of_tls(folder):
    make_tls(folder)
    key = serialization.load_pem_private_key((folder / "server.key").read_bytes(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (folder / "server.key").write_bytes(encrypted)
    env = {
        "DUISIGN_SERVICE_TLS_CERTIFICATE": str(folder / "server.pem"),
        "DUISIGN_SERVICE_TLS_KEY": str(folder / "server.key"),
    }
    status, sentence = refused("-c", folder / "service.toml", "--check", env=env)
    assert status == 2
    assert sentence.startswith("duisign: The key of tls.key is encrypted")


def test_a_worker_begins_with_what_its_siblings_have(folder, request_document):
    """Whatever became of the files since."""
    token = secrets.token_urlsafe(32)
    (folder / "token").write_text(token)
    env = {"DUISIGN_SERVICE_AUTHENTICATION_TOKEN_FILES": str(folder / "token")}
    with running("-c", folder / "service.toml", "--workers", 2, env=env) as service:

        def ask(path="/metrics"):
            return service.ask("GET", path, headers={"Authorization": f"Bearer {token}"})

        def processes():
            return {one["process"] for one in service.named("request")}

        while len(processes()) < 2:
            assert ask()[0] == 200
        (folder / "token").write_text("short")
        service.send(signal.SIGHUP)
        service.event("reload-failed")
        assert b'duisign_reloads_total{outcome="failed"} 1.0' in ask()[2]
        old = processes()
        # So that it is no worker that has just begun.
        time.sleep(1.1)
        os.kill(min(old), signal.SIGKILL)
        service.event("worker-ended")
        end = time.monotonic() + SECONDS
        while processes() <= old:
            assert time.monotonic() < end
            assert ask()[0] == 200
        assert not service.named("worker-failed")
        assert len(service.named("reload-failed")) == 1


def test_the_log_has_no_payload(folder, request_document, signed):
    with running("-c", folder / "service.toml") as service:
        sign(service, request_document)
        service.ask("POST", "/sign", json.dumps({"message": base64.b64encode(signed).decode()}))
        service.ask("POST", "/v1/verify", signed.replace(b"sr:Body", b"sr:Bodi"), XML)
        service.ask("POST", "/sign", b'{"message": "secret')
        with socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS) as other:
            other.sendall(b"secret secret secret\r\n\r\n")
            assert b"400" in other.recv(1000)
    said = json.dumps(service.events)
    for word in ("secret", "RequestID", "PD94", "00-DB-12"):
        assert word not in said


def test_without_its_extra_it_says_what_is_missing(folder):
    done = refused("--check", env={"PYTHONPATH": str(hide(folder, "uvloop", "starlette"))})
    assert done[0] == 2
    assert done[1].startswith("duisign: The service needs starlette")
    assert "pip install 'duisign[service]'" in done[1]


def hide(folder, *names):
    """A folder for PYTHONPATH in which a start-up file hides packages."""
    path = folder / "hidden"
    path.mkdir()
    (path / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        f"hidden, found = {names!r}, u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name in hidden else found(name, package)\n"
    )
    return path


def test_the_library_and_the_command_import_nothing_of_it():
    import subprocess
    import sys

    script = (
        "import sys, duisign, duisign.cli.serve, duisign.cli.sign, duisign.cli.verify\n"
        "names = ('starlette', 'uvicorn', 'uvloop', 'prometheus_client', 'duisign.service')\n"
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=SECONDS, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("octets", [10, 300_000])
def test_a_refusal_before_the_body_is_read_leaves_the_connection_in_order(folder, request_document, verifier, octets):
    with running("-c", folder / "service.toml") as service:
        connection = service.connection()
        for path, status in (("/v1/sign", 415), ("/nothing", 404), ("/healthz", 405)) * 2:
            connection.request("POST", path, b"x" * octets)
            refusal = connection.getresponse()
            assert (refusal.status, refusal.read()[:1]) == (status, b"{")
            connection.request("POST", "/v1/sign", request_document, XML)
            answer = connection.getresponse()
            assert answer.status == 200
            verifier.verify(answer.read())
        connection.close()


def test_versions_of_http_and_pipelines(folder, request_document):
    """Two requests in one packet get two answers in order."""
    with running("-c", folder / "service.toml") as service:
        one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        two = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS) as other:
            other.sendall(one + two)
            answer = b""
            while chunk := other.recv(65536):
                answer += chunk
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.index(b'"ok"') < answer.index(b'"ready"')
