"""KeyRing: what it keeps to itself, how it signs, and what it does while it changes."""

from __future__ import annotations

import copy
import datetime as dt
import json
import pickle
import threading

import pytest
from lxml import etree

import duisign
from duisign import KeyRing, PinnedCertificates, Profile, Signer, SigningKeyError, Verifier
from key_rings import (
    DAY,
    DCC,
    SECOND,
    SECRET,
    USER,
    XML_SIGN,
    encrypted,
    make_trust,
    pair,
    refused,
    signed_by,
    store,
    unsigned_for,
)


class TestSecrets:
    def test_nothing_shows_a_key(self, smki, second, tmp_path):
        pem = smki.user.private_key_pem()
        (tmp_path / "x.pem").write_bytes(encrypted(second) + second.certificate_pem())
        ring = KeyRing([(pem, smki.user.certificate), tmp_path], password=lambda name: SECRET)
        number = smki.user.private_key.private_numbers().private_value
        secrets = [SECRET.decode(), str(number), f"{number:x}", *pem.decode().splitlines()[1:-1]]
        shown = repr(ring) + str(ring) + repr(ring.entries) + repr(ring.problems) + repr(ring.signers(USER))
        assert not any(secret in shown for secret in secrets)

    @pytest.mark.parametrize("form", ["pem", "base64", "store", "null"])
    def test_a_key_mistaken_for_a_path_is_not_quoted(self, smki, form):
        pem = smki.user.private_key_pem().decode()
        mistaken = {
            "pem": pem,
            "base64": "".join(pem.splitlines()[1:-1]),
            # Longer than the name of a file can be.
            "store": json.dumps(store(smki.user)).replace("/", "\\u002f"),
            "null": f"{pem}\0",
        }[form]
        for sources in (mistaken, [mistaken], [(mistaken, smki.user.certificate)]):
            error = refused(KeyRing, sources, code="source")
            assert pem.splitlines()[1][:20] not in str(error)
            assert error.__cause__ is None
            assert error.__suppress_context__

    def test_a_ring_is_not_copied_out_of_its_process(self, smki):
        ring = KeyRing(pair(smki.user))
        assert repr(ring) == "<KeyRing of 1 keys, by validity alone>"
        without = make_trust(smki, check_revocation=False)
        assert "revocation NOT checked" in repr(KeyRing(pair(smki.user), trust=without))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            refused(pickle.dumps, ring, protocol, code="key-ring-pickle")
        refused(copy.copy, ring, code="key-ring-pickle")
        refused(copy.deepcopy, ring, code="key-ring-pickle")

    def test_errors_cross_processes(self, smki, samples):
        error = refused(KeyRing(pair(smki.dcc)).sign, samples["service-request"].document,
            error=SigningKeyError, code="signing-key-unknown")  # fmt: skip
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), again.code, str(again), again.check) == (SigningKeyError, error.code, str(error), "signer")


class TestSigning:
    """A ring gives what the chosen Signer gives."""

    @pytest.mark.parametrize("whitespace", ["preserve", "strip"])
    @pytest.mark.parametrize("profile", list(Profile))
    def test_as_signer_does(self, smki, samples, whitespace, profile):
        options = {"whitespace": whitespace, "profile": profile, "deterministic": True}
        ring = KeyRing([pair(smki.user), pair(smki.dcc)], **options)
        indented = (
            samples["service-request"]
            .document.replace(b"><sr:", b">\n  <sr:")
            .replace(b"</sr:Request", b"\n</sr:Request")
        )
        utf8 = samples["service-request"].document.decode()
        utf16 = utf8.replace('"UTF-8"', '"UTF-16"').encode("utf-16")
        for name, document in (
            ("user", indented),
            ("user", utf16),
            ("user", utf8.encode()),
            ("dcc", samples["pre-command"].document),
        ):
            signer = Signer(*pair(getattr(smki, name)), **options)
            assert ring.sign(document) == signer.sign(document)
            root = etree.fromstring(document)
            assert etree.tostring(ring.sign_element(root)) == etree.tostring(signer.sign_element(root))

    def test_an_existing_signature(self, smki, samples):
        ring = KeyRing(pair(smki.user))
        signed = ring.sign(samples["service-request"].document)
        refused(ring.sign, signed, error=duisign.SignatureExistsError, code="signature-exists")
        again = KeyRing(pair(smki.user), existing_signature="replace").sign(signed)
        Verifier(PinnedCertificates([smki.user.certificate])).verify(again)

    def test_limits(self, smki, samples):
        document = samples["service-request"].document
        ring = KeyRing(pair(smki.user), max_octets=len(document))
        refused(ring.sign, document, error=duisign.DocumentError, code="document-too-large")
        refused(ring.sign, document + b"\n", error=duisign.DocumentError, code="document-too-large")
        deep = document.replace(b"<sr:Body>", b"<sr:Body>" + b"<sr:a>" * 5).replace(
            b"</sr:Body>", b"</sr:a>" * 5 + b"</sr:Body>"
        )
        refused(KeyRing(pair(smki.user), max_depth=6).sign, deep, error=duisign.DocumentError, code="too-deep")
        refused(KeyRing, pair(smki.user), max_depth=5, error=duisign.ConfigurationError, code="depth-limit")

    def test_signers_are_made_once(self, smki, samples):
        ring = KeyRing([pair(smki.user), pair(smki.dcc)])
        signer = ring.signer_for(samples["service-request"].document)
        assert ring.signer_for(etree.fromstring(samples["service-request"].document)) is signer
        assert ring.signers(USER.lower()) == ring.signers(USER.replace("-", "")) == (signer,)
        assert ring.signers(SECOND) == ()
        ring.reload()
        assert ring.signer_for(samples["service-request"].document) is signer

    def test_key_info(self, smki, samples):
        ring = KeyRing(pair(smki.user), key_info=duisign.KeyInfo.CERTIFICATE)
        assert b"<ds:X509Certificate>" in ring.sign(samples["service-request"].document)


class TestReloading:
    @pytest.fixture
    def folder(self, smki, tmp_path):
        smki.write(tmp_path)
        return tmp_path

    def test_keys_come_and_go(self, smki, samples, second, folder):
        ring = KeyRing(folder)
        document = unsigned_for(samples, SECOND)
        refused(ring.sign, document, error=SigningKeyError, code="signing-key-unknown")
        (folder / "new").write_bytes(second.certificate_pem() + second.private_key_pem())
        refused(ring.sign, document, error=SigningKeyError, code="signing-key-unknown")
        assert ring.reload() == ()
        assert signed_by(ring, document) == second.certificate
        (folder / "new").unlink()
        ring.reload()
        refused(ring.sign, document, error=SigningKeyError, code="signing-key-unknown")

    def test_the_caller_s_list_is_not_followed(self, smki, second):
        sources = [pair(smki.user)]
        ring = KeyRing(sources)
        sources[:] = [pair(second)]
        ring.reload()
        assert [entry.entity_id for entry in ring.entries] == [USER]

    @pytest.mark.parametrize("name", ["user.key", "user.pem"])
    def test_a_broken_file_leaves_the_old_state(self, smki, samples, folder, name):
        ring = KeyRing(folder)
        before = ring.entries
        (folder / name).write_bytes((folder / name).read_bytes()[:100])
        error = refused(ring.reload)
        assert "user." in str(error)
        assert (ring.entries, ring.problems) == (before, ())
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate

    @pytest.mark.parametrize("left", [1, 10, 11, 20, 26, 27, 60])
    def test_a_file_that_ends_within_its_last_block_leaves_the_old_state(self, smki, samples, tmp_path, left):
        file = tmp_path / "keys.pem"
        parts = [smki.dcc.certificate_pem(), smki.dcc.private_key_pem(), smki.user.certificate_pem()]
        file.write_bytes(b"".join([*parts, smki.user.private_key_pem()]))
        ring = KeyRing(file)
        file.write_bytes(b"".join([*parts, smki.user.private_key_pem()[:left]]))
        error = refused(ring.reload)
        assert str(file) in str(error)
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate

    def test_a_shared_key_leaves_the_old_state(self, smki, samples, folder):
        ring = KeyRing(folder)
        shared = smki.issue(entity_id=SECOND, role=XML_SIGN, private_key=smki.user.private_key)
        (folder / "shared.pem").write_bytes(shared.certificate_pem())
        refused(ring.reload)
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate

    def test_an_expired_key_is_none_to_fall_back_on(self, smki, samples, folder):
        expired = smki.issue(entity_id=USER, role=XML_SIGN, not_after=smki.now - DAY)
        (folder / "expired.pem").write_bytes(expired.private_key_pem() + expired.certificate_pem())
        ring = KeyRing(folder)
        (folder / "user.key").write_bytes(b"junk")
        assert "user.key" in str(refused(ring.reload))
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate

    def test_a_problem_of_nobody_s_only_key_is_none_for_the_others(self, folder):
        ring = KeyRing(folder)
        (folder / "odd.key").write_bytes(b"junk")
        assert ring.reload() == ring.problems != ()
        (folder / "user.key").unlink()
        ring.reload()
        assert USER not in [entry.entity_id for entry in ring.entries]

    def test_an_empty_or_vanished_folder_leaves_the_old_state(self, smki, samples, tmp_path):
        folder = tmp_path / "keys"
        smki.write(folder)
        ring = KeyRing(folder)
        for file in folder.iterdir():
            file.unlink()
        refused(ring.reload)
        folder.rmdir()
        assert str(folder) in str(refused(ring.reload, code="source"))
        assert signed_by(ring, samples["service-request"].document) == smki.user.certificate

    def test_the_dcc_party_must_stay(self, smki, samples, folder):
        ring = KeyRing(folder, dcc_entity_id=DCC)
        (folder / "dcc.key").unlink()
        refused(ring.reload)
        assert signed_by(ring, samples["dcc-alert"].document) == smki.dcc.certificate

    def test_while_others_sign(self, smki, samples, second, folder):
        """Eight threads sign while the ring reloads 100 times between two states: every signature is of its sender."""
        newer = smki.issue(entity_id=USER, role=XML_SIGN, not_before=smki.now - dt.timedelta(hours=1))
        ring = KeyRing(folder, trust=make_trust(smki))
        verifier = Verifier(PinnedCertificates([smki.user.certificate, newer.certificate, smki.dcc.certificate]))
        documents = [
            (samples["service-request"].document, {smki.user.certificate, newer.certificate}),
            (samples["dcc-alert"].document, {smki.dcc.certificate}),
        ]
        stop, failures, seen = threading.Event(), [], set()

        def work():
            while not stop.is_set():
                try:
                    for document, allowed in documents:
                        certificate = verifier.verify(ring.sign(document)).certificate
                        seen.add(certificate)
                        assert certificate in allowed
                    ring.entries  # noqa: B018
                except BaseException as error:  # noqa: BLE001
                    failures.append(repr(error))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for number in range(100):
            if number % 2:
                (folder / "newer").unlink()
            else:
                (folder / "newer").write_bytes(newer.certificate_pem() + newer.private_key_pem())
            ring.reload()
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert seen == {smki.user.certificate, newer.certificate, smki.dcc.certificate}
