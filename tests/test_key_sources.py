"""KeyRing: where keys come from, in which forms, and their passphrases."""

from __future__ import annotations

import json
import pathlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

import duisign
from duisign import KeyRing, PinnedCertificates, SigningKeyError, password_from_environment, password_from_file
from key_rings import DCC, SECOND, SECRET, USER, XML_SIGN, bundle, encrypted, pair, refused, signed_by, statuses, store


def der_key(identity):
    return identity.private_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


class TestSources:
    def test_folders_match_by_public_key(self, smki, second, tmp_path):
        smki.write(tmp_path)
        (tmp_path / "user.key").rename(tmp_path / "of nobody")
        (tmp_path / "everything").write_bytes(second.certificate_pem() + second.private_key_pem())
        (tmp_path / "notes.txt").write_text("neither key nor certificate")
        (tmp_path / ".user.key.swp").write_bytes(b"-----BEGIN PRIVATE KEY-----")
        (tmp_path / "deeper").mkdir()
        (tmp_path / "deeper" / "not-looked-at.key").write_bytes(b"-----BEGIN PRIVATE KEY-----")
        for folder in (tmp_path, str(tmp_path), [tmp_path]):
            ring = KeyRing(folder)
            assert ring.problems == ()
            assert {entry.entity_id: str(entry.status) for entry in ring.entries} == {
                USER: "signs",
                DCC: "signs",
                SECOND: "signs",
                smki.s1sp.entity_id: "wrong-role",
            }
            assert f"{tmp_path}/of nobody, {tmp_path}/user.pem" in [entry.source for entry in ring.entries]

    @pytest.mark.parametrize(
        "made",
        [
            lambda one: pair(one),
            lambda one: (one.private_key_pem(), one.certificate_pem()),
            lambda one: [(der_key(one), der(one.certificate))],
            lambda one: [one.private_key, one.certificate],
            lambda one: [der_key(one), der(one.certificate)],
            lambda one: one.certificate_pem() + b"text between\n" + one.private_key_pem(),
            lambda one: [bundle(one, None)],
            lambda one: json.dumps(store(one)).encode(),
            lambda one: b"\xef\xbb\xbf " + json.dumps(store(one)).encode(),
            lambda one: (source for source in [pair(one)]),
        ],
    )
    def test_every_form(self, smki, samples, made):
        ring = KeyRing(made(smki.user))
        assert ring.problems == ()
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate
        ring.reload()
        assert [(e.entity_id, e.role, e.issuer, e.serial_number, e.valid_from, e.valid_to) for e in ring.entries] == [
            (
                USER,
                XML_SIGN,
                "CN=duisign test CA,OU=07",
                smki.user.certificate.serial_number,
                smki.user.certificate.not_valid_before_utc,
                smki.user.certificate.not_valid_after_utc,
            )
        ]

    def test_files(self, smki, second, tmp_path):
        key, certificate = tmp_path / "a", tmp_path / "b"
        key.write_bytes(smki.user.private_key_pem())
        certificate.write_bytes(smki.user.certificate_pem() + smki.issuing_ca.certificate_pem())
        pfx = tmp_path / "c"
        pfx.write_bytes(bundle(second, None, [smki.issuing_ca.certificate]))
        json_file = tmp_path / "d"
        json_file.write_text(json.dumps(store(smki.dcc)))
        ring = KeyRing([(key, str(certificate)), pfx, json_file])
        assert ring.problems == ()
        assert statuses(ring) == ["signs"] * 3
        assert str(json_file) in ring.entries[2].source

    def test_an_entry_twice_is_one(self, smki):
        assert statuses(KeyRing([pair(smki.user), pair(smki.user), json.dumps(store(smki.user)).encode()])) == ["signs"]

    @pytest.mark.parametrize(
        ("odd", "words"),
        [
            (b"junk", "neither private key nor certificate"),
            (b"", "neither"),
            (b"0\x03\x02\x01\x03", "no password"),
            (b"{", "neither"),
            (b'{"a": {"digitalSignature": []}}', "neither"),
            (b"[" * 100_000, "neither"),
            (b'{"a":' * 100_000, "neither"),
            (b'{"a": {"digitalSignature": {"1": {}}}}', "lacks"),
            (b'{"00db123456780004": {"keyAgreement": {"1": 7}}}', "lacks"),
            (b"-----BEGIN PRIVATE KEY-----\nAAAA", "no end"),
            (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "private key cannot be read"),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "certificate cannot be read"),
            ("another's key", "do not belong together"),
            ("key alone", "no certificate for this private key"),
            ("rsa", "not on P-256"),
            ("p-384", "not on P-256"),
        ],
    )
    def test_one_bad_entry_does_not_sink_the_others(self, smki, second, odd, words):
        made = {
            "another's key": lambda: (second.private_key, smki.dcc.certificate),
            "key alone": lambda: second.private_key_pem(),
            "rsa": lambda: rsa.generate_private_key(65537, 2048),
            "p-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        }
        source = made[odd]() if isinstance(odd, str) else odd
        ring = KeyRing([source, pair(smki.user)])
        assert statuses(ring) == ["signs"]
        assert len(ring.problems) == 1
        assert words in ring.problems[0].sentence
        assert ring.problems[0].where.startswith("source 1")
        assert words in str(refused(KeyRing, [source]))

    def test_a_certificate_that_key_info_cannot_name_does_not_sink_the_others(self, smki, samples):
        key, template = ec.generate_private_key(ec.SECP256R1()), smki.user.certificate
        begin, end = template.not_valid_before_utc, template.not_valid_after_utc
        builder = x509.CertificateBuilder(template.issuer, template.subject, key.public_key(), 5, begin, end)
        usage = template.extensions.get_extension_for_class(x509.KeyUsage).value
        bare = key, builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
        assert statuses(KeyRing([bare, pair(smki.dcc)])) == ["signs", "signs"]
        ring = KeyRing([bare, pair(smki.dcc)], key_info=duisign.KeyInfo.SKI)
        assert statuses(ring) == ["no-key-info", "signs"]
        assert "subject key identifier" in ring.problems[0].sentence
        refused(ring.sign, samples["service-request"].document, error=SigningKeyError, code="signing-key-unusable")
        assert "no-key-info" in str(refused(KeyRing, bare, key_info=duisign.KeyInfo.SKI))

    def test_what_the_reader_of_keys_panics_over(self, smki):
        """cryptography 50 asserts a length of the initialization vector in Rust, and panics."""
        locked = smki.user.private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.BestAvailableEncryption(SECRET),
        )
        start = locked.index(b"DEK-Info: AES-256-CBC,") + len(b"DEK-Info: AES-256-CBC,")
        ring = KeyRing([locked[: start + 28] + locked[start + 32 :], pair(smki.dcc)], password=lambda name: SECRET)
        assert statuses(ring) == ["signs"]
        assert "does not open" in ring.problems[0].sentence

    @pytest.mark.parametrize("kind", ["key", "encrypted", "certificate", "bundle", "store"])
    @given(changes=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=2), st.integers(0, 3)), max_size=3))
    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_damaged_sources(self, smki, second, kind, changes):
        """They are problems or keys, and never an exception of somebody else's."""
        octets = {
            "key": der_key(second),
            "encrypted": encrypted(second) + second.certificate_pem(),
            "certificate": der(second.certificate),
            "bundle": bundle(second),
            "store": json.dumps(store(second)).encode(),
        }[kind]
        for where, new, length in changes:
            at = int(where * len(octets))
            octets = octets[:at] + new + octets[at + length :]
        ring = KeyRing([pair(smki.user), octets, (second.private_key, octets)], password=lambda name: SECRET)
        assert ring.entries[0].status == "signs"

    def test_labels_of_a_key_store_are_believed_only_if_they_are_right(self, smki, second):
        for wrong in (store(second, entity="00db123456780004"), store(second, serial="5")):
            ring = KeyRing([json.dumps(wrong).encode(), pair(smki.user)])
            assert statuses(ring) == ["signs"]
            assert "than its label" in ring.problems[0].sentence
        mixed = store(smki.user, second)
        mixed[SECOND.replace("-", "").lower()]["digitalSignature"]["9"] = {"certificate": "x", "privateKey": 5}
        ring = KeyRing(json.dumps(mixed).encode())
        assert statuses(ring) == ["signs", "signs"]
        assert ring.problems[0].where == f"source 1, {SECOND.replace('-', '').lower()} digitalSignature 9"

    def test_bad_files_of_a_folder(self, smki, tmp_path):
        smki.write(tmp_path)
        (tmp_path / "broken.key").write_bytes(b"junk")
        (tmp_path / "gone.pem").symlink_to(tmp_path / "nowhere")
        (tmp_path / "large.pem").write_bytes(bytes(17 * 1024 * 1024))
        ring = KeyRing(tmp_path)
        assert [problem.where for problem in ring.problems] == [
            str(tmp_path / "broken.key"),
            str(tmp_path / "large.pem"),
        ]

    def test_files_that_cannot_be_opened(self, smki, tmp_path, monkeypatch):
        smki.write(tmp_path)
        denied = {tmp_path / "dcc.key", tmp_path / "alone"}
        opened, listed = pathlib.Path.open, pathlib.Path.iterdir

        def open_(path, *arguments):
            if path in denied:
                raise PermissionError(13, "Permission denied", str(path))
            return opened(path, *arguments)

        monkeypatch.setattr(pathlib.Path, "open", open_)
        ring = KeyRing(tmp_path)
        assert [problem.where for problem in ring.problems] == [str(tmp_path / "dcc.key")]
        assert "Permission denied" in str(refused(KeyRing, tmp_path / "alone", code="source"))

        def iterdir(path):
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(pathlib.Path, "iterdir", iterdir)
        assert str(tmp_path) in str(refused(KeyRing, tmp_path, code="source"))
        assert str(tmp_path) in str(refused(ring.reload, code="source"))
        monkeypatch.setattr(pathlib.Path, "iterdir", listed)
        ring.reload()

    def test_a_certificate_with_an_unreadable_part(self, smki):
        octets = der(smki.user.certificate)
        # keyUsage, a BIT STRING of one octet, becomes an OCTET STRING
        usage = octets.index(bytes.fromhex("0603551d0f0101ff040403020780"))
        broken = octets[: usage + 10] + b"\x04" + octets[usage + 11 :]
        ring = KeyRing([pair(smki.dcc), smki.user.private_key, broken])
        assert statuses(ring) == ["signs"]
        assert [problem.sentence.split(";")[0] for problem in ring.problems] == [
            "A part of this certificate cannot be read",
            "There is no certificate for this private key",
        ]

    @pytest.mark.parametrize(
        ("arguments", "options", "code"),
        [
            (([],), {}, "key-ring"),
            ((7,), {}, "source"),
            (([None],), {}, "source"),
            (([("a", "b", "c")],), {}, "source"),
            (("/nowhere/x.pem",), {}, "source"),
            (("\0",), {}, "source"),
            ((["user", (7, 8)],), {}, "source"),
            (("user",), {"password": SECRET}, "password"),
            (("user",), {"trust": PinnedCertificates([])}, "trust"),
            (("user",), {"now": 5}, "clock"),
            (("user",), {"roles": []}, "roles"),
            (("user",), {"roles": "87"}, "roles"),
            (("user",), {"dcc_roles": [256]}, "roles"),
            (("user",), {"dcc_roles": 5}, "roles"),
            (("user",), {"key_info": etree.Element("x")}, "key-info"),
            (("user",), {"profile": "duis"}, "profile"),
            (("user",), {"whitespace": "x"}, "whitespace"),
            (("user",), {"existing_signature": "x"}, "existing-signature"),
            (("user",), {"max_octets": 0}, "size-limit"),
            (("user",), {"max_depth": 0}, "depth-limit"),
        ],
    )
    def test_what_cannot_be_a_ring(self, smki, arguments, options, code):
        known = {"user": pair(smki.user)}
        (sources,) = arguments
        if isinstance(sources, list):
            sources = [known.get(one, one) if isinstance(one, str) else one for one in sources]
        else:
            sources = [known[sources]] if sources in known else sources
        refused(KeyRing, sources, code=code, **options)
        refused(KeyRing(pair(smki.user)).signers, "x", code="entity-id")


class TestPasswords:
    @pytest.fixture(params=["pkcs8", "traditional", "der", "pkcs12", "json", "pair"])
    def locked(self, request, smki, tmp_path):
        """The user's key, encrypted, in a file of each kind."""
        user = smki.user
        pem, file = user.certificate_pem(), tmp_path / "locked.pem"
        json_store = store(user)
        json_store[USER.replace("-", "").lower()]["digitalSignature"][str(user.certificate.serial_number)][
            "privateKey"
        ] = encrypted(user).decode()
        contents = {
            "pkcs8": lambda: pem + encrypted(user),
            "traditional": lambda: encrypted(user, form="TraditionalOpenSSL") + pem,
            "der": lambda: encrypted(user, encoding=serialization.Encoding.DER),
            "pkcs12": lambda: bundle(user),
            "json": lambda: json.dumps(json_store).encode(),
            "pair": lambda: encrypted(user),
        }
        file.write_bytes(contents[request.param]())
        if request.param == "pair":
            return file, (file, user.certificate)
        return (file, [file, user.certificate]) if request.param == "der" else (file, file)

    def test_from_a_function(self, smki, samples, locked):
        file, sources = locked
        asked = []

        def password(name):
            asked.append(name)
            return SECRET

        ring = KeyRing(sources if isinstance(sources, list) else [sources], password=password)
        assert ring.problems == ()
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate
        assert asked == [str(file)]

    def test_from_the_environment_and_from_a_file(self, locked, tmp_path, monkeypatch):
        _, sources = locked
        sources = sources if isinstance(sources, list) else [sources]
        monkeypatch.setenv("DUISIGN_TEST_PASSWORD", SECRET.decode())
        assert statuses(KeyRing(sources, password=password_from_environment("DUISIGN_TEST_PASSWORD"))) == ["signs"]
        file = tmp_path / "secret"
        for end in (b"", b"\n", b"\r\nanother line"):
            file.write_bytes(SECRET + end)
            assert statuses(KeyRing(sources, password=password_from_file(file))) == ["signs"]
            assert statuses(KeyRing(sources, password=password_from_file(str(file)))) == ["signs"]

    def broken(name):
        raise RuntimeError(SECRET.decode())

    @pytest.mark.parametrize(
        ("password", "words"),
        [
            (None, "no password"),
            (lambda name: None, "no password"),
            (lambda name: b"wrong", "does not open"),
            (lambda name: b"", ""),
            (lambda name: SECRET.decode(), "did not return bytes"),
            (broken, "RuntimeError"),
            (password_from_environment("DUISIGN_TEST_NOT_SET"), "is not set"),
            (password_from_file("/nowhere/secret"), "cannot be read"),
            (password_from_file("\0"), "cannot be read"),
        ],
    )
    def test_wrong_or_missing(self, smki, second, locked, password, words):
        file, sources = locked
        ring = KeyRing([*(sources if isinstance(sources, list) else [sources]), pair(second)], password=password)
        assert statuses(ring) == ["signs"]
        (problem,) = [one for one in ring.problems if "no private key" not in one.sentence]
        assert words in problem.sentence
        assert str(file) in problem.sentence
        error = refused(KeyRing, sources, password=password)
        for text in (problem.sentence, problem.where, str(error), repr(error)):
            assert SECRET.decode() not in text

    def test_each_file_has_its_own(self, smki, second, tmp_path):
        (tmp_path / "1.p12").write_bytes(bundle(smki.user, b"one"))
        (tmp_path / "2.p12").write_bytes(bundle(second, b"two"))
        secrets = {str(tmp_path / "1.p12"): b"one", str(tmp_path / "2.p12"): b"two"}
        assert statuses(KeyRing(tmp_path, password=secrets.get)) == ["signs", "signs"]

    def test_a_file_s_passphrase_is_asked_for_once(self, smki, second, tmp_path):
        (tmp_path / "both.pem").write_bytes(
            b"".join(encrypted(one) + one.certificate_pem() for one in (smki.user, second))
        )
        (tmp_path / "store.json").write_text(json.dumps(store(smki.dcc)))
        asked = []
        ring = KeyRing(tmp_path, password=lambda name: asked.append(name) or SECRET)
        assert statuses(ring) == ["signs"] * 3
        assert asked == [str(tmp_path / "both.pem")]

    def test_nobody_is_asked_without_need(self, smki):
        def never(name):
            raise AssertionError(name)

        assert KeyRing([pair(smki.user), bundle(smki.dcc, None)], password=never).problems == ()

    @pytest.mark.parametrize("wrong", ["", "A=B", "A\0", None, b"A"])
    def test_what_is_no_variable_or_path(self, wrong):
        refused(password_from_environment, wrong, code="password")
        if not isinstance(wrong, str):
            refused(password_from_file, wrong, code="password")
