"""What comes over the connections of ``duisign serve`` before a request is at work, and beside it."""

from __future__ import annotations

import json
import socket

import pytest

from duisign.service.connection import MAX_HEAD_OCTETS
from service_process import SECONDS, running

pytestmark = pytest.mark.release_build

SETTINGS = (
    '[server]\nport = 0\n[signing]\nkeyring = ["keys"]\n[trust]\ncertificates = ["keys/user.pem", "keys/dcc.pem"]\n'
)
QUICK = {"DUISIGN_SERVICE_SERVER_REQUEST_TIMEOUT": "1", "DUISIGN_SERVICE_SERVER_KEEP_ALIVE_TIMEOUT": "1"}
HOST = b"Host: localhost\r\n"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"


@pytest.fixture(scope="module")
def folder(smki, tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    smki.write(folder / "keys")
    (folder / "service.toml").write_text(SETTINGS)
    return folder


@pytest.fixture(scope="module")
def service(folder):
    with running("--config", folder / "service.toml") as service:
        yield service


@pytest.fixture(scope="module")
def quick_service(folder):
    with running("--config", folder / "service.toml", env=QUICK) as service:
        yield service


def until_its_end(connection):
    """All that comes."""
    found = b""
    while True:
        try:
            octets = connection.recv(65536)
        except ConnectionError:
            octets = b""
        if not octets:
            return found
        found += octets


def exchange(service, *parts):
    """All that comes in answer to octets that are sent one after the other."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
        return until_its_end(connection)


def is_closed(connection, octets, times, *, pause=0.001):
    """Whether the other side ends the connection before that much has been sent."""
    connection.settimeout(pause)
    for _ in range(times):
        try:
            connection.sendall(octets)
            if not connection.recv(65536):
                return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False


def post(document, *, extra=OFFER, chunked=False):
    if chunked:
        length = b"Transfer-Encoding: chunked\r\n"
        half = len(document) // 2
        body = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in (document[:half], document[half:], b""))
    else:
        length, body = b"Content-Length: %d\r\n" % len(document), document
    return b"POST /v1/sign HTTP/1.1\r\nContent-Type: application/xml\r\n" + HOST + extra + length + b"\r\n" + body


LAST = b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [1, 100, 1 << 20])
def test_a_request_that_offers_another_protocol_is_answered_in_its_own(
    service, request_document, verifier, size, chunked
):
    """As Java's HttpClient does with the first request of a connection."""
    octets = post(request_document, chunked=chunked) + LAST
    parts = [octets[start : start + size] for start in range(0, len(octets), size)]
    found = exchange(service, *parts)
    assert found.count(b"HTTP/1.1 200 ") == 2
    head, _, rest = found.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    verifier.verify(rest[:length])
    assert rest[length:].endswith(b'{"status": "ok"}')


def test_offers_in_one_packet_are_answered_in_order(service, request_document):
    found = exchange(service, (post(request_document) + post(b"<a>")) * 2 + post(request_document, extra=b"") + LAST)
    statuses = [part.split()[0] for part in found.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"400", b"200", b"400", b"200", b"200"]


@pytest.mark.parametrize(
    "octets",
    [
        b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n",
        post(b"<a/>", extra=OFFER + b"Transfer-Encoding: chunked\r\n"),
        post(b"<a/>", extra=OFFER + b"Content-Length: 5\r\n"),
        post(b"<a/>", extra=b"Content-Length : 4\r\n"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(service, octets):
    found = exchange(service, octets)
    assert found.startswith(b"HTTP/1.1 400 ")
    assert found.count(b"HTTP/1.1 ") == 1


def test_a_head_has_a_limit(service):
    line = b"X: " + b"a" * 1000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST)
        assert is_closed(connection, line, 100 * MAX_HEAD_OCTETS // len(line))


@pytest.mark.parametrize("line", [b"GET /", b"GET /healthz HTTP/1.1\r\nX: "])
def test_the_refusal_of_a_long_head_says_so(service, line):
    found = exchange(service, line + b"a" * (MAX_HEAD_OCTETS + 1 - len(line)))
    head, _, body = found.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert json.loads(body)["code"] == "head-too-large"


def test_a_head_below_the_limit_is_read(service):
    line = b"X: " + b"a" * (MAX_HEAD_OCTETS - 200) + b"\r\n"
    assert exchange(service, LAST.replace(HOST, HOST + line)).startswith(b"HTTP/1.1 200 ")


def test_a_head_that_does_not_come_is_not_waited_for(quick_service):
    found = exchange(quick_service, b"GET /healthz HTTP/1.1\r\n", HOST)
    head, _, body = found.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body)["code"] == "request-timeout"


def test_the_rest_of_a_request_that_is_refused_is_not_waited_for(quick_service):
    """Each octet in time for the one before."""
    with socket.create_connection(("127.0.0.1", quick_service.port), timeout=SECONDS) as connection:
        connection.sendall(b"POST /v1/sign HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n")
        found = connection.recv(65536)
        assert found.startswith(b"HTTP/1.1 415 ")
        assert is_closed(connection, b"x", 5 * SECONDS, pause=0.2)


@pytest.mark.parametrize("octets", [b"", b"\r\n", b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"])
def test_an_idle_connection_ends(quick_service, octets):
    found = exchange(quick_service, octets)
    assert found.count(b"HTTP/1.1 ") == octets.count(b"HTTP/1.1")


def test_a_request_that_takes_long_keeps_its_connection(folder, request_document, verifier):
    """The limit for the head is none for the body."""
    env = {"DUISIGN_SERVICE_SERVER_KEEP_ALIVE_TIMEOUT": "1", "DUISIGN_SERVICE_SERVER_REQUEST_TIMEOUT": "600"}
    with (
        running("--config", folder / "service.toml", env=env) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=SECONDS) as connection,
    ):
        octets = post(request_document, extra=b"Connection: close\r\n")
        connection.sendall(octets[:-1])
        connection.settimeout(2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(SECONDS)
        connection.sendall(octets[-1:])
        verifier.verify(until_its_end(connection).partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("name", [b"Host", b"Origin", b"Authorization"])
def test_a_header_that_decides_stands_once(service, name):
    line = b"%b: localhost\r\n" % name
    found = exchange(service, LAST.replace(b"/healthz", b"/docs").replace(HOST, HOST.replace(b"Host", b"X") + line * 2))
    assert found.startswith(b"HTTP/1.1 400 ")
    assert b'"header-repeated"' in found
