"""PKCS #11 URIs: what they may say, and that the PIN is not among it."""

from __future__ import annotations

import pytest

from duisign import ConfigurationError
from duisign.pkcs11_uri import parse_key_uri


def test_all_parts():
    found = parse_key_uri(
        "pkcs11:token=The%20Token;serial=0f1;manufacturer=M;model=X;slot-id=7;object=k%c3%a9y;id=%00%FFa;type=private"
        "?module-path=/usr/lib/x%20y.so&pin-source=file:/run/pin%20file"
    )
    assert found.token == {"token": "The Token", "serial": "0f1", "manufacturer": "M", "model": "X", "slot-id": "7"}
    assert (found.label, found.identifier) == ("kéy", b"\x00\xffa")
    assert (found.module, found.pin_file) == ("/usr/lib/x y.so", "/run/pin file")


def test_nothing_said():
    assert parse_key_uri("pkcs11:") == ({}, None, None, None, None)
    assert parse_key_uri("pkcs11:?pin-source=file:///run/pin").pin_file == "/run/pin"
    assert parse_key_uri("pkcs11:?pin-source=/run/pin").pin_file == "/run/pin"


@pytest.mark.parametrize(
    "uri",
    [
        None,
        b"pkcs11:token=a",
        "",
        "token=a",
        "PKCS11:token=a",
        "pkcs11:token",
        "pkcs11:token=a;",
        "pkcs11:;",
        "pkcs11:=a",
        "pkcs11:token=a;token=b",
        "pkcs11:token=%",
        "pkcs11:token=%zz",
        "pkcs11:token=a b",
        "pkcs11:token=é",
        "pkcs11:token=%ff",
        "pkcs11:Token=a",
        "pkcs11:library-version=1",
        "pkcs11:x-vendor=1",
        "pkcs11:object=a?x-vendor=1",
        "pkcs11:object=a?module-name=softhsm2",
        "pkcs11:object=a?token=b",
        "pkcs11:module-path=/x",
        "pkcs11:type=public",
        "pkcs11:slot-id=x",
        "pkcs11:slot-id=٣",
        "pkcs11:?pin-source=|cat",
        "pkcs11:?pin-source=relative",
        "pkcs11:?pin-source=https://example.org/pin",
        "pkcs11:object=a?pin-value=s3cret",
        "pkcs11:object=a;pin-value=s3cret",
        "pkcs11:object=" + "a" * 4096,
    ],
    ids=lambda uri: repr(uri)[:40],
)
def test_what_is_refused(uri):
    with pytest.raises(ConfigurationError) as caught:
        parse_key_uri(uri)
    assert caught.value.code == "key-uri"
    assert "s3cret" not in str(caught.value)
