"""SmkiTrust: what CRLs say, and what their absence does."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import duisign
from duisign import Verifier
from forgery import forge
from trust_stores import DAY, EUI, XML_SIGN, make_trust, refused, trust_of_files


class TestRevocation:
    def test_revoked(self, smki):
        trust = make_trust(smki, crls=[smki.crl([smki.user]), smki.crl(issuer=smki.root)])
        refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")
        trust.validate(smki.dcc.certificate)

    def test_revoked_ca(self, smki):
        trust = make_trust(smki, crls=[smki.crl(), smki.crl([smki.issuing_ca], issuer=smki.root)])
        refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")

    @pytest.mark.parametrize("which", ["none", "leaf-only", "root-only"])
    def test_no_crl_fails_closed(self, smki, which):
        crls = {"none": [], "leaf-only": [smki.crl()], "root-only": [smki.crl(issuer=smki.root)]}[which]
        refused(make_trust(smki, crls=crls), smki.user, duisign.RevocationUnknownError, "revocation-unknown")
        Verifier(make_trust(smki, crls=crls, check_revocation=False)).verify(forge(smki.user))
        Verifier(make_trust(smki, crls=crls, dangerously_accept_unknown_revocation=True)).verify(forge(smki.user))

    def crl(
        self,
        smki,
        *,
        number=1,
        issuer=None,
        this_update=None,
        next_update=None,
        revoked=(),
        extension=None,
        key=None,
        critical=True,
        entry=None,
    ):
        authority = issuer or smki.issuing_ca
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.certificate.subject)
            .last_update(this_update or smki.now - DAY)
            .next_update(next_update or smki.now + DAY)
        )
        if number is not None:
            builder = builder.add_extension(x509.CRLNumber(number), critical=False)
        if extension is not None:
            builder = builder.add_extension(extension, critical=critical)
        for one in revoked:
            made = (
                x509.RevokedCertificateBuilder()
                .serial_number(one.certificate.serial_number)
                .revocation_date(smki.now - DAY)
            )
            if entry is not None:
                made = made.add_extension(entry, critical=True)
            builder = builder.add_revoked_certificate(made.build())
        return builder.sign(key or authority.private_key, hashes.SHA256())

    def test_outdated_and_future_crls_fail_closed(self, smki):
        root = smki.crl(issuer=smki.root)
        for crl in (
            self.crl(smki, this_update=smki.now - 3 * DAY, next_update=smki.now - DAY),
            self.crl(smki, this_update=smki.now + DAY, next_update=smki.now + 2 * DAY),
        ):
            refused(
                make_trust(smki, crls=[crl, root]), smki.user, duisign.RevocationUnknownError, "revocation-outdated"
            )
            lenient = make_trust(smki, crls=[crl, root], dangerously_accept_unknown_revocation=True)
            Verifier(lenient).verify(forge(smki.user))

    @pytest.mark.parametrize("how", ["together", "the other way", "added", "added twice"])
    def test_a_crl_loaded_before_its_time_leaves_the_earlier_in_force(self, smki, how):
        """As by a clock that is some seconds slow; what the new one revokes is revoked at once."""
        root, other = smki.crl(issuer=smki.root), smki.issue(entity_id=EUI, role=XML_SIGN)
        held = smki.issue(entity_id=EUI, role=XML_SIGN)
        first = self.crl(smki, number=1, revoked=[held])
        second = self.crl(smki, number=2, revoked=[other], this_update=smki.now + DAY / 4)
        lists = {"together": [first, second], "the other way": [second, first]}.get(how, [first])
        moment = [smki.now]
        trust = make_trust(smki, smki.user, other, held, crls=[*lists, root], now=lambda: moment[0])
        if how.startswith("added"):
            Verifier(trust).verify(forge(smki.user))
            for crl in [second, first] if how == "added twice" else [second]:
                trust.add_crls([crl])
        for _ in range(2):
            Verifier(trust).verify(forge(smki.user))
        refused(trust, other, duisign.CertificateRevokedError, "certificate-revoked")
        refused(trust, held, duisign.CertificateRevokedError, "certificate-revoked")
        moment[0] += DAY / 2
        Verifier(trust).verify(forge(smki.user))
        Verifier(trust).verify(forge(held))
        # The earlier one ends; the later one is past its end too then, and the earlier does not come back.
        moment[0] = smki.now + 2 * DAY
        refused(trust, smki.user, duisign.RevocationUnknownError, "revocation-outdated")

    def test_an_earlier_crl_that_is_over_does_not_stand_in(self, smki):
        over = self.crl(smki, number=1, next_update=smki.now - DAY / 2)
        ahead = self.crl(smki, number=2, this_update=smki.now + DAY / 4)
        for lists in (
            [over, ahead],
            [ahead, over],
            [self.crl(smki, number=1), smki.crl(number=2, next_update=smki.now)],
        ):
            moment = smki.now + DAY / 8
            trust = make_trust(smki, crls=[*lists, smki.crl(issuer=smki.root)], now=moment)
            refused(trust, smki.user, duisign.RevocationUnknownError, "revocation-outdated")

    def test_an_outdated_crl_still_revokes(self, smki):
        old = self.crl(smki, this_update=smki.now - 3 * DAY, next_update=smki.now - DAY, revoked=[smki.user])
        trust = make_trust(smki, crls=[old, smki.crl(issuer=smki.root)], dangerously_accept_unknown_revocation=True)
        refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")

    def test_crls_that_do_not_count_are_refused(self, smki):
        stranger = ec.generate_private_key(ec.SECP256R1())
        partial = x509.IssuingDistributionPoint(None, None, False, False, None, False, True)
        for crl in (
            self.crl(smki, key=stranger),
            self.crl(smki, number=None),
            self.crl(smki, extension=x509.DeltaCRLIndicator(1)),
            self.crl(smki, extension=partial),
            self.crl(smki, revoked=[smki.user], entry=x509.CertificateIssuer([x509.DNSName("x")])),
        ):
            with pytest.raises(duisign.ConfigurationError) as caught:
                make_trust(smki, crls=[crl])
            assert caught.value.code == "crl"
        # Who is no CA of the store has nothing to say in it.
        crls = [self.crl(smki, issuer=smki.user, revoked=[smki.dcc]), smki.crl(), smki.crl(issuer=smki.root)]
        trust = make_trust(smki, crls=crls)
        assert [problem.where for problem in trust.problems] == ["CRL 1"]
        trust.validate(smki.dcc.certificate)

    def test_partial_crls_are_refused_whatever_their_criticality(self, smki):
        trust = make_trust(smki)
        Verifier(trust).verify(forge(smki.user))
        trust.add_crls([smki.crl([smki.user], number=2)])
        partial = x509.IssuingDistributionPoint(None, None, False, False, None, False, True)
        for extension in (x509.DeltaCRLIndicator(2), partial):
            with pytest.raises(duisign.ConfigurationError) as caught:
                trust.add_crls([self.crl(smki, number=3, extension=extension, critical=False)])
            assert caught.value.code == "crl"
        refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")

    @pytest.mark.parametrize("spoil", [lambda pem: pem[:-12], lambda pem: pem.replace(b"X509 CRL", b"CRL")])
    def test_crls_that_are_cut_short_or_mislabelled_are_refused(self, smki, tmp_path, spoil):
        smki.write(tmp_path)
        trust = trust_of_files(tmp_path)
        newer = smki.crl([smki.user], number=2).public_bytes(serialization.Encoding.PEM)
        (tmp_path / "newer.pem").write_bytes(spoil(newer))
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.reload()
        assert caught.value.code == "source"
        with pytest.raises(duisign.ConfigurationError):
            make_trust(smki, crls=[smki.crl().public_bytes(serialization.Encoding.PEM) + spoil(newer)])

    def test_crls_of_an_issuer_that_cannot_be_read(self, smki):
        octets = smki.crl().public_bytes(serialization.Encoding.DER)
        # The first OU of the issuer: a UTF8String becomes a type that is none.
        at = octets.index(bytes.fromhex("0603 55040b 0c02".replace(" ", ""))) + 5
        trust = make_trust(smki)
        with pytest.raises(duisign.ConfigurationError) as caught:
            trust.add_crls([octets[:at] + b"\x0e" + octets[at + 1 :]])
        assert caught.value.code == "crl"

    @given(
        changes=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=2), st.integers(0, 3)), min_size=1, max_size=2)
    )
    @settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_damaged_certificates_and_crls(self, smki, changes):
        """None of them counts, and nothing but a refusal leaves a call."""
        trust = make_trust(smki, crls=[smki.crl([smki.dcc], number=3), smki.crl(issuer=smki.root)])
        for whole in (smki.user.certificate, smki.issuing_ca.certificate, smki.root.certificate, smki.crl(number=4)):
            octets = original = whole.public_bytes(serialization.Encoding.DER)
            for where, new, length in changes:
                at = int(where * len(octets))
                octets = octets[:at] + new + octets[at + length :]
            if octets == original:
                continue
            try:
                if isinstance(whole, x509.CertificateRevocationList):
                    trust.add_crls([octets])
                    # The signature may be spelled otherwise, what it signs may not.
                    assert x509.load_der_x509_crl(octets).tbs_certlist_bytes == whole.tbs_certlist_bytes
                else:
                    status = trust.certificate_status(octets)
                    assert (
                        status.state != "valid" or status.path[0].tbs_certificate_bytes == whole.tbs_certificate_bytes
                    )
            except duisign.ConfigurationError as error:
                assert error.code in ("certificate-malformed", "crl", "source")  # noqa: PT017

    def test_revocation_takes_effect_at_once(self, smki):
        trust = make_trust(smki)
        verifier = Verifier(trust)
        document = forge(smki.user)
        verifier.verify(document)
        trust.add_crls([smki.crl([smki.user], number=2)])
        with pytest.raises(duisign.CertificateRevokedError):
            verifier.verify(document)

    def test_paths_that_are_kept_are_few(self, smki, monkeypatch):
        """And are looked for anew as often as need be."""
        monkeypatch.setattr("duisign.smki_trust._CACHED_PATHS", 3)
        trust, key = make_trust(smki), ec.generate_private_key(ec.SECP256R1())
        leaves = [smki.issue(entity_id=EUI, role=XML_SIGN, private_key=key) for _ in range(10)]
        for leaf in leaves + leaves:
            trust.validate(leaf.certificate)
            assert len(trust._state.paths) <= 3

    def test_a_lower_number_never_replaces_a_higher_one(self, smki):
        revoking = smki.crl([smki.user], number=5)
        for trust in (
            make_trust(smki, crls=[revoking, smki.crl(number=4), smki.crl(issuer=smki.root)]),
            make_trust(smki, crls=[smki.crl(number=4), revoking, smki.crl(issuer=smki.root)]),
        ):
            trust.add_crls([smki.crl(number=3), smki.crl(number=5)])
            refused(trust, smki.user, duisign.CertificateRevokedError, "certificate-revoked")
            trust.add_crls([smki.crl(number=6)])
            Verifier(trust).verify(forge(smki.user))

    def test_time_goes_on_after_the_path_was_found(self, smki):
        moment = [smki.now]
        verifier = Verifier(make_trust(smki, crls=[self.crl(smki), smki.crl(issuer=smki.root)], now=lambda: moment[0]))
        document = forge(smki.user)
        verifier.verify(document)
        moment[0] = smki.now + 2 * DAY
        with pytest.raises(duisign.RevocationUnknownError):
            verifier.verify(document)
        moment[0] = smki.user.certificate.not_valid_after_utc + DAY
        with pytest.raises(duisign.CertificateError) as caught:
            verifier.verify(document)
        assert caught.value.code == "certificate-expired"
