"""SmkiTrust: where certificates come from, what a store remembers, and what it does while it changes."""

from __future__ import annotations

import datetime as dt
import threading
import warnings
from base64 import b64encode
from collections import Counter

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

import duisign
from duisign import KeyRing, PinnedCertificates, SmkiTrust, Verifier
from duisign.testing import TEST_POLICY_OID, Identity, Smki
from forgery import forge
from trust_stores import DAY, EUI, XML_SIGN, make_trust, refused, trust_of_files


def test_a_valid_path_verifies(smki):
    message = Verifier(make_trust(smki)).verify(forge(smki.user))
    assert message.certificate == smki.user.certificate
    path = make_trust(smki).validate(smki.user.certificate)
    assert [one.certificate for one in path.certificates] == [
        smki.user.certificate,
        smki.issuing_ca.certificate,
        smki.root.certificate,
    ]


def test_a_carried_certificate_is_believed_if_its_path_is_valid(smki):
    def carried(identity, *extra):
        der = b64encode(identity.certificate.public_bytes(serialization.Encoding.DER)).decode()
        return forge(
            identity, ("</ds:X509Data>", f"<ds:X509Certificate>{der}</ds:X509Certificate></ds:X509Data>"), *extra
        )

    new = smki.issue(entity_id=EUI, role=XML_SIGN)
    assert Verifier(make_trust(smki)).verify(carried(new)).certificate == new.certificate
    foreign = Smki.create()
    stranger = foreign.issue(entity_id=EUI, role=XML_SIGN)
    with pytest.raises(duisign.CertificatePathError):
        Verifier(make_trust(smki)).verify(carried(stranger))
    # KeyInfo names one certificate and carries another
    with pytest.raises(duisign.UnknownSignerError):
        Verifier(make_trust(smki)).verify(carried(new, ("@SERIAL@", "5")))


@pytest.mark.parametrize("serial", [b"\x00", b"\xff"])
@pytest.mark.parametrize("pem", [False, True])
def test_serial_numbers_that_are_not_positive(smki, serial, pem):
    """Reported or refused, and without a warning: whoever sends messages does not write to the standard error."""
    one = smki.issue(entity_id=EUI, role=XML_SIGN, serial_number=7, private_key=smki.user.private_key)
    octets = one.certificate.public_bytes(serialization.Encoding.DER).replace(b"\x02\x01\x07", b"\x02\x01" + serial, 1)
    text = b64encode(octets)
    form = b"-----BEGIN CERTIFICATE-----\n" + text + b"\n-----END CERTIFICATE-----\n" if pem else octets
    carried = f"<ds:X509Certificate>{text.decode()}</ds:X509Certificate></ds:X509Data>"
    document = forge(smki.user, ("@SERIAL@", "0"), ("</ds:X509Data>", carried))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        options = {"policies": [TEST_POLICY_OID], "check_revocation": False}
        trust = SmkiTrust([smki.root.certificate], [smki.issuing_ca.certificate], [form], **options)
        ring = KeyRing([smki.user.private_key_pem(), smki.user.certificate, form])
        for store in (trust, ring):
            (problem,) = store.problems
            assert problem.sentence.endswith("it was left out.")
        with pytest.raises(duisign.ConfigurationError) as malformed:
            PinnedCertificates([smki.user.certificate_pem() + form if pem else form])
        assert malformed.value.code == "certificate-malformed"
        with pytest.raises(duisign.UnknownSignerError):
            Verifier(trust).verify(document)
    assert caught == []


@pytest.mark.parametrize(("parts", "read"), [(250, True), (400, False)])
def test_a_carried_certificate_beyond_measure_is_not_read(smki, parts, read):
    """The time that a name takes is per part, and anybody can send one of a hundred thousand."""
    key, template = smki.user.private_key, smki.user.certificate
    subject = x509.Name([*template.subject, *[x509.NameAttribute(NameOID.COMMON_NAME, "x")] * parts])
    begin, end = template.not_valid_before_utc, template.not_valid_after_utc
    builder = x509.CertificateBuilder(template.issuer, subject, key.public_key(), 5, begin, end)
    for extension in template.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    long = Identity(key, builder.sign(smki.issuing_ca.private_key, hashes.SHA256()))
    der = b64encode(long.certificate.public_bytes(serialization.Encoding.DER)).decode()
    document = forge(long, ("</ds:X509Data>", f"<ds:X509Certificate>{der}</ds:X509Certificate></ds:X509Data>"))
    # What is known is found whatever its length.
    assert Verifier(make_trust(smki, long)).verify(document).certificate == long.certificate
    if read:
        assert Verifier(make_trust(smki)).verify(document).certificate == long.certificate
    else:
        with pytest.raises(duisign.UnknownSignerError):
            Verifier(make_trust(smki)).verify(document)


class TestSources:
    def test_files_folders_and_bundles(self, smki, tmp_path):
        smki.write(tmp_path)
        (tmp_path / "junk.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        (tmp_path / "notes.txt").write_text("not looked at")
        trust = SmkiTrust(
            [tmp_path / "root.pem"],
            [str(tmp_path / "issuing-ca.pem")],
            [tmp_path],
            [tmp_path],
            policies=[TEST_POLICY_OID],
        )
        Verifier(trust).verify(forge(smki.user))
        assert [problem.where for problem in trust.problems] == [str(tmp_path / "junk.pem")]
        # Once, though the folder is read for two lists.
        both = SmkiTrust([tmp_path / "root.pem"], [tmp_path], [tmp_path], [tmp_path], policies=[TEST_POLICY_OID])
        assert both.problems == trust.problems
        bundle = b"".join(one.certificate_pem() for one in (smki.user, smki.dcc))
        make_trust(smki, crls=None).validate(smki.dcc.certificate)
        (
            SmkiTrust(
                [smki.root.certificate_pem()],
                [smki.issuing_ca.certificate.public_bytes(serialization.Encoding.DER)],
                [bundle],
                [
                    smki.crl().public_bytes(serialization.Encoding.DER),
                    smki.crl(issuer=smki.root).public_bytes(serialization.Encoding.PEM),
                ],
                policies=[TEST_POLICY_OID],
            )
        ).validate(smki.dcc.certificate)

    def test_a_folder_of_der_that_serves_for_certificates_and_crls(self, smki, tmp_path):
        """What begins as a certificate or a key is no CRL, though it cannot be read: it sinks no store."""
        smki.write(tmp_path)
        trusted = ([tmp_path / "root.pem"], [tmp_path / "issuing-ca.pem"], [tmp_path], [tmp_path])
        whole = smki.user.certificate.public_bytes(serialization.Encoding.DER)
        (tmp_path / "ca.crl").write_bytes(smki.crl([smki.dcc], number=2).public_bytes(serialization.Encoding.DER))
        (tmp_path / "damaged.cer").write_bytes(whole.replace(b"\x30\x13\x06\x07", b"\x31\x13\x06\x07"))
        (tmp_path / "short.der").write_bytes(whole[:200])
        (tmp_path / "whole.der").write_bytes(whole)
        (tmp_path / "key.der").write_bytes(
            smki.user.private_key.private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        trust = SmkiTrust(*trusted, policies=[TEST_POLICY_OID])
        Verifier(trust).verify(forge(smki.user))
        refused(trust, smki.dcc, duisign.CertificateRevokedError, "certificate-revoked")
        left_out = [str(tmp_path / name) for name in ("damaged.cer", "key.der", "short.der")]
        assert [problem.where for problem in trust.problems] == left_out
        # A CRL that is damaged leaves nothing to be passed over.
        (tmp_path / "ca.crl").write_bytes((tmp_path / "ca.crl").read_bytes()[:-20])
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.reload()
        assert str(tmp_path / "ca.crl") in str(caught.value)

    @pytest.mark.parametrize("left", [1, 5, 10, 11, 12, 26, 27])
    def test_files_that_end_within_the_first_line_of_a_block(self, smki, tmp_path, left):
        """A line that is no block yet is a certificate or CRL that is lost, and is not passed over."""
        smki.write(tmp_path)
        folder = ([tmp_path / "root.pem"], [tmp_path / "issuing-ca.pem"], [tmp_path], [tmp_path])
        first = smki.issue(entity_id=EUI, role=XML_SIGN).certificate_pem()
        bundle = tmp_path / "bundle.pem"
        bundle.write_bytes(first + smki.user.certificate_pem()[:left])
        trust = SmkiTrust(*folder, policies=[TEST_POLICY_OID])
        assert [problem.where for problem in trust.problems] == [str(bundle)]
        lists = [crl.public_bytes(serialization.Encoding.PEM) for crl in (smki.crl(issuer=smki.root), smki.crl())]
        bundle.write_bytes(lists[0] + lists[1][:left])
        with pytest.raises(duisign.ConfigurationError) as caught:
            SmkiTrust(*folder, policies=[TEST_POLICY_OID])
        assert "cut short" in str(caught.value)

    @pytest.mark.parametrize(
        ("arguments", "options", "code"),
        [
            (([],), {}, "root"),
            (([b"junk"],), {}, "root"),
            (([7],), {}, "source"),
            ((["/nowhere/x.pem"],), {}, "source"),
            (("R", [b"-----BEGIN X-----"]), {}, "source"),
            (("R", (), (), [b"junk"]), {}, "source"),
            (("R",), {"policies": []}, "policies"),
            (("R",), {"policies": "1.2"}, "policies"),
            (("R",), {"policies": ["x"]}, "policies"),
            (("R",), {"policies": [["1.2"]]}, "policies"),
            (("R",), {"policies": ["1.2.3", "1..2"]}, "policies"),
            (("R",), {"policies": ["\u0661.\u0662"]}, "policies"),
            (("R",), {"policies": None}, "policies"),
        ],
    )
    def test_what_cannot_be_a_store(self, smki, arguments, options, code):
        arguments = [[smki.root.certificate] if one == "R" else one for one in arguments]
        with pytest.raises(duisign.ConfigurationError) as caught:
            SmkiTrust(*arguments, **{"policies": ["1.2.3"], **options})
        assert caught.value.code == code

    @pytest.mark.parametrize("form", ["pem", "long", "null", "no text"])
    def test_contents_mistaken_for_a_path_are_not_quoted(self, smki, form):
        pem = smki.user.private_key_pem().decode()
        mistaken = {"pem": pem, "long": pem.replace("/", "") * 9, "null": f"{pem}\0", "no text": f"{pem}\ud800"}[form]
        root = [smki.root.certificate]
        for arguments in ([[mistaken]], [root, [mistaken]], [root, [], [mistaken]], [root, [], [], [mistaken]]):
            with pytest.raises(duisign.ConfigurationError) as caught:
                SmkiTrust(*arguments, policies=[TEST_POLICY_OID])
            assert caught.value.code == "source"
            assert pem.splitlines()[1][:20] not in str(caught.value)
            assert caught.value.__suppress_context__

    def test_reload_is_all_or_nothing(self, smki, tmp_path):
        smki.write(tmp_path)
        trust = trust_of_files(tmp_path)
        document = forge(smki.user)
        Verifier(trust).verify(document)
        crl = tmp_path / "issuing-ca.crl.pem"
        good = crl.read_bytes()
        crl.write_bytes(b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.reload()
        assert str(crl) in str(caught.value)
        Verifier(trust).verify(document)
        crl.write_bytes(smki.crl([smki.user], number=9).public_bytes(serialization.Encoding.PEM))
        trust.reload()
        refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")
        crl.write_bytes(good)
        trust.reload()
        refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")
        (tmp_path / "user.pem").write_bytes(smki.dcc.certificate_pem())
        trust.reload()
        refused(trust, smki.user, duisign.UnknownSignerError, "unknown-signer", "signer")


class TestReloadingCertificates:
    """A file that breaks leaves the old state; one that goes, or that never held more, does not."""

    @pytest.fixture
    def folder(self, smki, tmp_path):
        smki.write(tmp_path)
        return tmp_path

    def make(self, folder):
        return SmkiTrust(
            [folder / "root.pem"], [folder / "issuing-ca.pem"], [folder], [folder], policies=[TEST_POLICY_OID]
        )

    @pytest.mark.parametrize("name", ["root.pem", "issuing-ca.pem", "user.pem"])
    @pytest.mark.parametrize("kept", [0, 1, 100, -20])
    def test_a_certificate_cut_short(self, smki, folder, name, kept):
        trust, file = self.make(folder), folder / name
        whole = file.read_bytes()
        file.write_bytes(whole[:kept])
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.reload()
        assert name in str(caught.value)
        assert caught.value.code in ("source", "root")
        Verifier(trust).verify(forge(smki.user))
        assert trust.problems == ()
        file.write_bytes(whole)
        assert trust.reload() == ()

    def test_one_of_a_bundle(self, smki, folder):
        (folder / "user.pem").unlink()
        bundle = folder / "bundle.pem"
        bundle.write_bytes(smki.dcc.certificate_pem() + smki.user.certificate_pem())
        trust = self.make(folder)
        broken = smki.user.certificate_pem().replace(b"MII", b"AAA", 1)
        bundle.write_bytes(smki.dcc.certificate_pem() + broken)
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.reload()
        assert f"{bundle}, certificate 2" in str(caught.value)
        Verifier(trust).verify(forge(smki.user))

    @pytest.mark.parametrize("left", [1, 14, 26, 100])
    def test_a_bundle_cut_short(self, smki, folder, left):
        (folder / "user.pem").unlink()
        bundle = folder / "bundle.pem"
        bundle.write_bytes(smki.dcc.certificate_pem() + smki.user.certificate_pem())
        trust = self.make(folder)
        bundle.write_bytes(smki.dcc.certificate_pem() + smki.user.certificate_pem()[:left])
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.reload()
        assert str(bundle) in str(caught.value)
        Verifier(trust).verify(forge(smki.user))

    @pytest.mark.parametrize("name", ["root.pem", "issuing-ca.pem"])
    def test_a_path_over_what_is_gone_is_forgotten(self, smki, folder, name):
        """Also the path of a certificate whose messages were verified by it."""
        (folder / "more").mkdir()
        other = Smki.create()
        (folder / "more" / "root.pem").write_bytes(smki.root.certificate_pem() + other.root.certificate_pem())
        (folder / "more" / "issuing-ca.pem").write_bytes(smki.issuing_ca.certificate_pem())
        trust = SmkiTrust(
            [folder / "more" / "root.pem"],
            [folder / "more"],
            [folder / "user.pem"],
            policies=[TEST_POLICY_OID],
            check_revocation=False,
        )
        Verifier(trust).verify(forge(smki.user))
        if name == "root.pem":
            (folder / "more" / name).write_bytes(other.root.certificate_pem())
        else:
            (folder / "more" / name).unlink()
        trust.reload()
        refused(trust, smki.user, duisign.CertificatePathError, "certificate-path")

    def test_what_goes_and_what_was_never_good(self, smki, folder):
        trust = self.make(folder)
        (folder / "user.pem").unlink()
        (folder / "junk.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        # Newly broken is a file that never had a certificate: no reason to keep what was taken away.
        assert [problem.where for problem in trust.reload()] == [str(folder / "junk.pem")]
        refused(trust, smki.user, duisign.UnknownSignerError, "unknown-signer", "signer")

    def test_revocation_comes_into_force_in_spite_of_junk(self, smki, folder):
        trust = self.make(folder)
        (folder / "junk.pem").write_bytes(b"junk")
        revoking = smki.crl([smki.user], number=2).public_bytes(serialization.Encoding.PEM)
        (folder / "issuing-ca.crl.pem").write_bytes(revoking)
        # "junk.pem" may be a CRL for all that can be told: nothing is left out that could revoke.
        with pytest.raises(duisign.ConfigurationError):
            trust.reload()
        (folder / "junk.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        trust.reload()
        refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")


def test_reloading_under_load(smki, tmp_path):
    """Eight threads verify while the store reloads 200 times: no wrong verdict, and nothing but verdicts.

    The signer's certificate comes and goes: who asks after a reload has returned gets the verdict of the new state.
    """
    smki.write(tmp_path)
    trust = SmkiTrust(
        [tmp_path / "root.pem"], [tmp_path / "issuing-ca.pem"], [tmp_path], [tmp_path], policies=[TEST_POLICY_OID]
    )
    verifier = Verifier(trust)
    good, wrong = forge(smki.user), forge(Identity(smki.dcc.private_key, smki.user.certificate))
    stop, failures, verdicts = threading.Event(), [], Counter()

    def verdict(document):
        try:
            verifier.verify(document)
        except duisign.DuisignError as error:
            return error.code
        return "valid"

    def work():
        while not stop.is_set():
            try:
                verdicts[verdict(good)] += 1
                if verdict(wrong) not in ("signature-mismatch", "unknown-signer"):
                    failures.append("a forged message verified")
            except Exception as error:  # noqa: BLE001
                failures.append(repr(error))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(200):
        if number % 2:
            (tmp_path / "user.pem").write_bytes(smki.user.certificate_pem())
        else:
            (tmp_path / "user.pem").unlink()
        trust.reload()
        if verdict(good) != ("valid" if number % 2 else "unknown-signer"):
            failures.append(number)
        if number % 50 == 0:
            trust.add_crls([smki.crl(number=2 + number)])
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set(verdicts) == {"valid", "unknown-signer"}
    assert verdicts.total() > 100


class TestWhatIsRemembered:
    """Between two messages: a path that was fine is so only as long as nothing has changed, to the second."""

    @staticmethod
    def moving(smki, **options):
        # As certificates and CRLs have it.
        start = smki.now.replace(microsecond=0)
        moment = [start]
        trust = SmkiTrust(
            [smki.root.certificate],
            [smki.issuing_ca.certificate],
            [smki.user.certificate],
            [smki.crl(next_update=start + DAY), smki.crl(issuer=smki.root, next_update=start + 2 * DAY)],
            policies=[TEST_POLICY_OID],
            now=lambda: moment[0],
            **options,
        )
        hint = "issuer-serial", "CN=duisign test CA,OU=07", str(smki.user.certificate.serial_number)
        (signatory,) = trust.signatories([hint])

        def code():
            try:
                trust.check(signatory)
            except duisign.CertificateError as error:
                return error.code
            return "fine"

        for _ in range(3):
            assert code() == "fine"
        return trust, moment, code

    def test_time_goes_on_and_back(self, smki):
        _, moment, code = self.moving(smki)
        (start,) = moment
        second = dt.timedelta(seconds=1)
        for offset, expected in (
            (DAY, "fine"),
            (DAY + second, "revocation-outdated"),
            (dt.timedelta(), "fine"),
            (2 * DAY + second, "revocation-outdated"),
            (-dt.timedelta(days=36500), "certificate-not-yet-valid"),
            (dt.timedelta(), "fine"),
            (dt.timedelta(days=36500), "certificate-expired"),
            (DAY, "fine"),
        ):
            moment[0] = start + offset
            assert code() == expected, offset
            assert code() == expected, offset

    def test_what_is_unknown_and_accepted_is_not_taken_for_known(self, smki):
        _, moment, code = self.moving(smki, dangerously_accept_unknown_revocation=True)
        (start,) = moment
        for offset in (3 * DAY, dt.timedelta(), 3 * DAY):
            moment[0] = start + offset
            assert code() == "fine"
        moment[0] = start + dt.timedelta(days=36500)
        assert code() == "certificate-expired"

    @pytest.mark.parametrize("of_the_root", [False, True])
    def test_a_revocation_counts_at_once(self, smki, of_the_root):
        trust, _, code = self.moving(smki)
        revoked, issuer = (smki.issuing_ca, smki.root) if of_the_root else (smki.user, None)
        trust.add_crls([smki.crl([revoked], issuer=issuer, number=2)])
        assert code() != "fine"
        assert code() != "fine"

    def test_without_revocation_the_periods_count(self, smki):
        _, moment, code = self.moving(smki, check_revocation=False)
        (start,) = moment
        moment[0] = start + 3 * DAY
        assert code() == "fine"
        moment[0] = start + dt.timedelta(days=36500)
        assert code() == "certificate-expired"
