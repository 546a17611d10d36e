"""An adversary's tries: to be taken for somebody else, to have a message taken for another, to outlive a revocation.

The adversary has a key of a valid User or Device-facing role, and writes documents, KeyInfo and files at will.
"""

from __future__ import annotations

import datetime as dt
import threading
from base64 import b64encode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

import duisign
from duisign import KeyRing, MessageClass, Policy, RemotePartyRole, Signer, SmkiTrust, Verifier, message_class
from duisign.distinguished_name import rfc2253
from duisign.policy import MAY_BE_UNSIGNED
from duisign.testing import TEST_POLICY_OID, Identity, Smki
from forgery import TEMPLATE, forge

SR = "http://www.dccinterface.co.uk/ServiceUserGateway"
USER, DCC, METER = "00-DB-12-34-A5-00-00-01", "00-DB-12-34-A5-00-00-02", "00-DB-12-35-00-00-C3-50"
VICTIM = "00-DB-12-34-A5-00-00-7E"
DAY = dt.timedelta(days=1)
SMKI = Smki.create()
VICTIM_KEY = ec.generate_private_key(ec.SECP256R1())


def trust_in(*identities, roots=None, authorities=None, crls=None, **options):
    return SmkiTrust(
        [SMKI.root.certificate] if roots is None else roots,
        [SMKI.issuing_ca.certificate] if authorities is None else authorities,
        [one.certificate for one in identities],
        [SMKI.crl(), SMKI.crl(issuer=SMKI.root)] if crls is None else crls,
        **{"policies": [TEST_POLICY_OID], **options},
    )


def signed_by(identity, document):
    return Signer(identity.private_key, identity.certificate).sign(document)


ATTACKER = SMKI.user
VERIFIER = Verifier(trust_in(ATTACKER, SMKI.dcc))
SIGNER = Signer(ATTACKER.private_key, ATTACKER.certificate)
RECEIVER = Verifier(trust_in(ATTACKER, SMKI.dcc), policy=Policy(accept_unsigned=MAY_BE_UNSIGNED))

# What the adversary puts into a Header, to be read as the victim's by somebody.
PIECES = (
    USER,
    VICTIM,
    ":",
    f":{METER}:7",
    "7",
    " ",
    "\n",
    "<!---->",
    f"<!--{VICTIM}-->",
    "<?x y?>",
    "<x/>",
    f"<x>{VICTIM}</x>",
    f"<sr:RequestID>{VICTIM}:{METER}:7</sr:RequestID>",
    "<![CDATA[7]]>",
    f"<![CDATA[{VICTIM}]]>",
    "&#x20;",
    "&#48;",
    "\u200b",
    "\u0660",
)
IDENTIFIERS = (
    "<sr:RequestID>{}</sr:RequestID>",
    "<RequestID>{}</RequestID>",
    "<sr:requestID>{}</sr:requestID>",
    "<x:RequestID xmlns:x='urn:x'>{}</x:RequestID>",
    f"<y:RequestID xmlns:y='{SR}'>{{}}</y:RequestID>",
    "<sr:RequestID xmlns='urn:x' a='b'>{}</sr:RequestID>",
    "<sr:ResponseID>{}</sr:ResponseID>",
    "<sr:Nested><sr:RequestID>{}</sr:RequestID></sr:Nested>",
)
GOOD = f"<sr:RequestID>{USER}:{METER}:7</sr:RequestID>"


@st.composite
def headers(draw):
    found = [GOOD] if draw(st.booleans()) else []
    for form in draw(st.lists(st.sampled_from(IDENTIFIERS), min_size=0, max_size=2)):
        whole = draw(st.sampled_from([f"{USER}:{METER}:7", f"{VICTIM}:{METER}:7", None]))
        text = "".join(draw(st.lists(st.sampled_from(PIECES), max_size=4)))
        at = draw(st.integers(0, len(whole))) if whole else 0
        found.append(form.format(text if whole is None else whole[:at] + text + whole[at:]))
    return "".join(draw(st.permutations(found)))


def readings(root):
    """How those who do not ask `request_id` may look for the originator."""
    sr = f"{{{SR}}}"
    children = [one for one in root.find(f"{sr}Header") if isinstance(one.tag, str)]
    named = [one for one in children if etree.QName(one).localname == "RequestID"]
    yield root.findtext(f"{sr}Header/{sr}RequestID")
    yield root.xpath("string(//*[local-name()='Header']/*[local-name()='RequestID'])")
    yield from (one.text for one in named)
    yield from ("".join(one.itertext()) for one in named)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(
    header=headers(), beside=st.sampled_from(["", "", "<sr:Header/>", f"<x:Header xmlns:x='urn:x'>{GOOD}</x:Header>"])
)
def test_nobody_reads_a_request_as_another_s(header, beside):
    document = (
        f'<sr:Request xmlns:sr="{SR}"><sr:Header>{header}</sr:Header>{beside}<sr:Body><sr:A/></sr:Body></sr:Request>'
    )
    try:
        message = VERIFIER.verify(SIGNER.sign(document.encode()))
    except duisign.DuisignError:
        return
    assert str(message.request_id.originator) == message.entity_id == USER
    for text in readings(message.element):
        assert duisign.RequestId.parse(text) == message.request_id, text


BODIES = (
    "<sr:ResponseMessage>{}</sr:ResponseMessage>",
    "<sr:DeviceAlertMessage>{}</sr:DeviceAlertMessage>",
    "<sr:DCCAlertMessage>{}</sr:DCCAlertMessage>",
    "<sr:SMETS1ResponseMessage>{}</sr:SMETS1ResponseMessage>",
    "<x:ResponseMessage xmlns:x='urn:x'>{}</x:ResponseMessage>",
)
CONTENTS = (
    "<sr:ServiceReference>4.1</sr:ServiceReference>",
    "<sr:ServiceReferenceVariant>4.1.1</sr:ServiceReferenceVariant>",
    "<sr:ServiceReferenceVariant>6.<!---->21</sr:ServiceReferenceVariant>",
    "<sr:GBCSPayload>3wkB</sr:GBCSPayload>",
    "<sr:PreCommand><sr:GBCSPayload>3wkB</sr:GBCSPayload></sr:PreCommand>",
    "<sr:FutureDatedDeviceAlertMessage/>",
    "<sr:DSPInventory/>",
    "<PreCommand/>",
    "<x:PreCommand xmlns:x='urn:x'/>",
    "<!-- -->",
    " ",
    "text",
    "<?x?>",
    "<sr:ServiceReference><sr:PreCommand/></sr:ServiceReference>",
)
MUST_BE_SIGNED = ("PreCommand", "DSPInventory", "LocalCommand")


@st.composite
def responses(draw):
    bodies = []
    for form in draw(st.lists(st.sampled_from(BODIES), min_size=1, max_size=2)):
        bodies.append(form.format("".join(draw(st.lists(st.sampled_from(CONTENTS), max_size=5)))))
    body = "".join(bodies)
    split = draw(st.sampled_from(["", "", "</sr:Body><sr:Body>", "</sr:Body><x/><sr:Body>"]))
    beside = draw(st.sampled_from(["", "", "", *CONTENTS]))
    return f'<sr:Response xmlns:sr="{SR}"><sr:Body>{body}{split}</sr:Body>{beside}</sr:Response>'.encode()


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(document=responses())
def test_nothing_that_must_be_signed_comes_unsigned(document):
    """And a message is of the class that its canonical octets are of: what is handed out is what was judged."""
    canonical = duisign.canonicalize(document)
    assert message_class(document) == message_class(canonical) == message_class(etree.fromstring(document))
    try:
        message = RECEIVER.receive(document)
    except duisign.UnsignedMessageError:
        return
    assert message.message_class in MAY_BE_UNSIGNED
    assert message.octets == canonical
    names = {etree.QName(one).localname for one in message.element.iter("*")}
    assert names.isdisjoint(MUST_BE_SIGNED)
    if message.message_class is MessageClass.ACKNOWLEDGEMENT:
        assert names <= {"Response", "Body", "ResponseMessage", "ServiceReference", "ServiceReferenceVariant"}
        assert "3wkB" not in "".join(message.element.itertext())


def test_the_tries_above_reach_every_verdict():
    """A generator that makes only what is refused would prove nothing."""
    for header, code in (
        (GOOD, None),
        (GOOD.replace(USER, f"<!--{VICTIM}-->{USER}"), None),
        (GOOD.replace(USER, VICTIM), "signer-entity"),
        (GOOD + GOOD, "request-id"),
        (GOOD + "<RequestID/>", "message-class"),
    ):
        document = f'<sr:Request xmlns:sr="{SR}"><sr:Header>{header}</sr:Header><sr:Body><sr:A/></sr:Body></sr:Request>'
        try:
            VERIFIER.verify(SIGNER.sign(document.encode()))
            found = None
        except duisign.SignerRoleError as error:
            found = error.code
        assert found == code, header
    form = (
        f'<sr:Response xmlns:sr="{SR}"><sr:Body><sr:ResponseMessage>{{}}</sr:ResponseMessage></sr:Body></sr:Response>'
    )
    assert RECEIVER.receive(form.format(CONTENTS[1] + CONTENTS[3]).encode()).message_class == "device-response"
    assert RECEIVER.receive(form.format(CONTENTS[0]).encode()).message_class == "acknowledgement"


class TestPaths:
    """A valid certificate is no CA, and a CA that is no root is no root."""

    def under(self, issuer, **options):
        return SMKI.issue(entity_id=VICTIM, role=RemotePartyRole.XML_SIGN, issuer=issuer, **options)

    def refused(self, trust, identity):
        for document in (self.naming(identity), self.carrying(identity)):
            with pytest.raises(duisign.CertificatePathError):
                Verifier(trust).verify(document)
        assert trust.certificate_status(identity.certificate).state == "no-path"

    def naming(self, identity, *changes):
        return forge(identity, (USER, VICTIM), ("@ISSUER@", rfc2253(identity.certificate.issuer)), *changes)

    def carrying(self, identity):
        der = b64encode(identity.certificate.public_bytes(serialization.Encoding.DER)).decode()
        end = "</ds:X509Data>"
        return self.naming(identity, (end, f"<ds:X509Certificate>{der}</ds:X509Certificate>{end}"))

    @pytest.mark.parametrize(
        "role", [RemotePartyRole.XML_SIGN, RemotePartyRole.ISSUING_AUTHORITY, RemotePartyRole.ROOT]
    )
    def test_a_user_as_ca(self, role):
        """Also where all certificates of a folder are given as CAs, or even as roots."""
        user = SMKI.issue(entity_id=USER, role=role)
        made = self.under(user)
        every = [SMKI.issuing_ca.certificate, user.certificate, made.certificate]
        crls = [SMKI.crl(), SMKI.crl(issuer=SMKI.root)]
        for roots in ([SMKI.root.certificate], [SMKI.root.certificate, *every]):
            for check in (True, False):
                self.refused(
                    trust_in(user, made, roots=roots, authorities=every, crls=crls, check_revocation=check), made
                )

    def test_a_ca_that_the_user_made(self):
        """Name, role and extensions are a CA's; only nobody certified it."""
        stranger = Smki.create()
        made = stranger.issue(entity_id=VICTIM, role=RemotePartyRole.XML_SIGN)
        for roots in ([SMKI.root.certificate], [SMKI.root.certificate, stranger.issuing_ca.certificate]):
            authorities = [SMKI.issuing_ca.certificate, stranger.issuing_ca.certificate]
            self.refused(trust_in(made, roots=roots, authorities=authorities, crls=[], check_revocation=False), made)

    def test_a_chain_without_its_root(self):
        """An issuing CA given as a root is no root: it is not self-signed, and its own CRL says nothing of it."""
        for roots in ([SMKI.issuing_ca.certificate], [SMKI.user.certificate], [SMKI.dcc.certificate]):
            trust = trust_in(SMKI.user, roots=roots, crls=[], check_revocation=False)
            with pytest.raises(duisign.CertificatePathError):
                trust.validate(SMKI.user.certificate)

    def test_the_whole_folder_as_roots(self):
        """Sloppy, and neither dangerous nor in the way."""
        every = [one.certificate for one in (SMKI.root, SMKI.issuing_ca, SMKI.user, SMKI.dcc)]
        trust = trust_in(SMKI.user, roots=every, authorities=every)
        assert len(trust.validate(SMKI.user.certificate).certificates) == 3

    def test_a_signer_that_is_its_own_root(self):
        key = ec.generate_private_key(ec.SECP256R1())
        template = SMKI.user.certificate
        builder = x509.CertificateBuilder(
            template.subject, template.subject, key.public_key(), 5, SMKI.now - DAY, SMKI.now + DAY
        )
        for extension in template.extensions:
            if isinstance(extension.value, (x509.KeyUsage, x509.CertificatePolicies)):
                builder = builder.add_extension(extension.value, extension.critical)
        own = Identity(key, builder.sign(key, hashes.SHA256()))
        for roots in ([own.certificate], [SMKI.root.certificate, own.certificate]):
            trust = trust_in(own, roots=roots, authorities=[own.certificate], crls=[], check_revocation=False)
            with pytest.raises(duisign.CertificatePathError):
                trust.validate(own.certificate)

    def test_two_carried_certificates(self):
        """KeyInfo that carries the attacker's certificate beside the victim's."""
        victim = SMKI.issue(entity_id=VICTIM, role=RemotePartyRole.XML_SIGN)
        pair = [
            b64encode(one.certificate.public_bytes(serialization.Encoding.DER)).decode() for one in (victim, ATTACKER)
        ]
        carried = "".join(f"<ds:X509Certificate>{one}</ds:X509Certificate>" for one in pair)
        for known in ((), (victim,), (ATTACKER,), (victim, ATTACKER)):
            for serial in (victim, ATTACKER):
                document = forge(
                    ATTACKER,
                    (USER, VICTIM),
                    ("@SERIAL@", str(serial.certificate.serial_number)),
                    ("</ds:X509Data>", f"{carried}</ds:X509Data>"),
                )
                with pytest.raises(duisign.VerificationError) as caught:
                    Verifier(trust_in(*known)).verify(document)
                assert caught.value.code in (
                    "signature-mismatch",
                    "signer-entity",
                    "unknown-signer",
                    "ambiguous-signer",
                )

    def test_two_carried_certificates_and_none_named(self):
        """One that stands alone is believed; of two nobody can say which is meant, whoever signed."""
        named = TEMPLATE[TEMPLATE.index("<ds:X509IssuerSerial>") : TEMPLATE.index("</ds:X509Data>")]
        second = SMKI.issue(entity_id=USER, role=RemotePartyRole.XML_SIGN)
        first = SMKI.issue(entity_id=USER, role=RemotePartyRole.XML_SIGN)
        carried = [
            "<ds:X509Certificate>"
            f"{b64encode(one.certificate.public_bytes(serialization.Encoding.DER)).decode()}</ds:X509Certificate>"
            for one in (first, second)
        ]
        alone = forge(first, template=TEMPLATE.replace(named, carried[0]))
        assert Verifier(trust_in()).verify(alone).certificate == first.certificate
        for signer in (first, second):
            with pytest.raises(duisign.UnknownSignerError):
                Verifier(trust_in()).verify(forge(signer, template=TEMPLATE.replace(named, "".join(carried))))

    def test_the_names_of_a_known_certificate_on_another(self):
        """The same issuer and serial number under a CA of the same name, carried by the message."""
        stranger = Smki.create()
        serial = ATTACKER.certificate.serial_number
        twin = stranger.issue(entity_id=VICTIM, role=RemotePartyRole.XML_SIGN, serial_number=serial)
        both = [SMKI.root.certificate, stranger.root.certificate]
        authorities = [SMKI.issuing_ca.certificate, stranger.issuing_ca.certificate]
        trust = trust_in(ATTACKER, roots=both, authorities=authorities, crls=[], check_revocation=False)
        for document in (self.carrying(twin), forge(twin, (USER, VICTIM))):
            with pytest.raises(duisign.VerificationError) as caught:
                Verifier(trust).verify(document)
            assert caught.value.code in ("ambiguous-signer", "signature-mismatch")


class TestClocks:
    """At the edges of every period the verdict is one, whether or not a path was found before."""

    NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)

    @pytest.fixture(scope="class")
    @classmethod
    def pki(cls):
        return Smki.create(now=cls.NOW)

    @pytest.mark.parametrize("edge", ["notBefore", "notAfter", "thisUpdate", "nextUpdate", "root nextUpdate"])
    def test_edges(self, pki, edge):
        now = self.NOW
        options = {"notBefore": {"not_before": now}, "notAfter": {"not_after": now}}.get(edge, {})
        user = pki.issue(entity_id=USER, role=RemotePartyRole.XML_SIGN, **options)
        of_crl = {"thisUpdate": {"this_update": now}, "nextUpdate": {"next_update": now}}.get(edge, {})
        of_root = {"next_update": now} if edge == "root nextUpdate" else {}
        crls = [pki.crl(**of_crl), pki.crl(issuer=pki.root, **of_root)]
        begins = edge in ("notBefore", "thisUpdate")
        code = {"notBefore": "certificate-not-yet-valid", "notAfter": "certificate-expired"}.get(
            edge, "revocation-outdated"
        )
        document = forge(user)
        for microseconds in (-1_000_000, -1, 0, 1, 1_000_000):
            moment = now + dt.timedelta(microseconds=microseconds)
            inside = microseconds >= 0 if begins else microseconds <= 0
            verdicts = []
            for first in ([], [now + (DAY if begins else -DAY) / 2]):
                clock = [moment]
                trust = SmkiTrust(
                    [pki.root.certificate], [pki.issuing_ca.certificate], [user.certificate], crls,
                    policies=[TEST_POLICY_OID], now=lambda clock=clock: clock[0],
                )  # fmt: skip
                for clock[0] in first:
                    Verifier(trust).verify(document)
                clock[0] = moment
                try:
                    Verifier(trust).verify(document)
                    verdicts.append(None)
                except duisign.CertificateError as error:
                    verdicts.append(error.code)
            assert verdicts == [None if inside else code] * 2, (edge, microseconds)

    def test_times_at_the_ends_of_the_calendar(self, pki):
        for moment in (
            dt.datetime.min.replace(tzinfo=dt.UTC),
            dt.datetime.max.replace(tzinfo=dt.UTC),
            dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=14))),
            dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-12))),
        ):
            trust = SmkiTrust(
                [pki.root.certificate], [pki.issuing_ca.certificate], policies=[TEST_POLICY_OID], now=moment
            )
            for one in (pki.user, pki.issuing_ca, pki.root):
                assert trust.certificate_status(one.certificate).state in ("expired", "not-yet-valid")


class TestRevocationUnderWay:
    """Whoever starts after a revocation was loaded meets it, whatever else goes on."""

    def rounds(self, work, revoke, count=30):
        """`work(round)` in four threads until `revoke(round)` has returned, and once more then: it must not succeed."""
        failures = []

        def run(number, revoked):
            while True:
                late = revoked.is_set()
                if work(number) and late:
                    failures.append(number)
                if late:
                    return

        for number in range(count):
            revoked = threading.Event()
            threads = [threading.Thread(target=run, args=(number, revoked)) for _ in range(4)]
            for thread in threads:
                thread.start()
            revoke(number)
            revoked.set()
            for thread in threads:
                thread.join()
        assert failures == []

    @pytest.mark.parametrize("how", ["add_crls", "reload"])
    def test_verifying(self, how, tmp_path):
        document, crl = forge(ATTACKER), tmp_path / "ca.crl"
        root_crl = SMKI.crl(issuer=SMKI.root)

        def written(number, *revoked):
            crl.write_bytes(SMKI.crl(revoked, number=number).public_bytes(serialization.Encoding.PEM))

        trusts = []
        for _ in range(30):
            written(1)
            trusts.append(trust_in(ATTACKER, crls=[crl, root_crl]))

        def work(number):
            try:
                return Verifier(trusts[number]).verify(document)
            except duisign.CertificateRevokedError:
                return None

        def revoke(number):
            if how == "add_crls":
                trusts[number].add_crls([SMKI.crl([ATTACKER], number=2)])
            else:
                written(2, ATTACKER)
                trusts[number].reload()

        self.rounds(work, revoke)

    def test_signing(self):
        document = forge(ATTACKER)
        trusts = [trust_in() for _ in range(30)]
        pairs = [(one.private_key, one.certificate) for one in (ATTACKER, SMKI.dcc)]
        rings = [KeyRing(pairs, trust=trust, existing_signature="replace") for trust in trusts]

        def work(number):
            try:
                return rings[number].sign(document)
            except duisign.SigningKeyError:
                return None

        self.rounds(work, lambda number: trusts[number].add_crls([SMKI.crl([ATTACKER], number=2)]))

    def test_a_reload_does_not_undo_what_was_added_meanwhile(self, tmp_path):
        """Files still hold the old CRL while newer ones are added by hand."""
        SMKI.write(tmp_path)
        for _ in range(20):
            trust = SmkiTrust(
                [tmp_path / "root.pem"], [tmp_path / "issuing-ca.pem"], [tmp_path], [tmp_path],
                policies=[TEST_POLICY_OID],
            )  # fmt: skip
            stop = threading.Event()

            def reload(trust=trust, stop=stop):
                while not stop.is_set():
                    trust.reload()

            thread = threading.Thread(target=reload)
            thread.start()
            trust.add_crls([SMKI.crl([SMKI.user], number=2)])
            with pytest.raises(duisign.CertificateRevokedError):
                trust.validate(SMKI.user.certificate)
            stop.set()
            thread.join()
            with pytest.raises(duisign.CertificateRevokedError):
                trust.validate(SMKI.user.certificate)


class TestCrls:
    """Nobody but the CA takes a revocation back, and not by an older list."""

    def test_lists_that_others_sign(self):
        revoking = [SMKI.crl([ATTACKER], number=5), SMKI.crl(issuer=SMKI.root)]
        trust = trust_in(ATTACKER, crls=revoking)
        stranger = Smki.create()
        own_key = Identity(ATTACKER.private_key, SMKI.issuing_ca.certificate)
        for crl in (
            SMKI.crl(number=9, issuer=own_key),
            SMKI.crl(number=9, issuer=ATTACKER),
            stranger.crl(number=9),
            SMKI.crl(number=9, issuer=Identity(SMKI.root.private_key, SMKI.issuing_ca.certificate)),
        ):
            with pytest.raises(duisign.ConfigurationError) as caught:
                trust.add_crls([crl])
            assert caught.value.code == "crl"
        for crl in (SMKI.crl(number=4), SMKI.crl(number=5), SMKI.crl(number=0)):
            trust.add_crls([crl])
        # One that is refused takes the others with it.
        with pytest.raises(duisign.ConfigurationError):
            trust.add_crls([SMKI.crl(number=6), stranger.crl(number=9)])
        with pytest.raises(duisign.CertificateRevokedError):
            Verifier(trust).verify(forge(ATTACKER))

    def test_a_list_of_a_stranger_s_ca_that_is_loaded_too(self):
        """Two SMKIs in one store, whose CAs have one name: a serial number counts under its own CA alone."""
        stranger = Smki.create(now=SMKI.now)
        serial = ATTACKER.certificate.serial_number
        twin = stranger.issue(entity_id=VICTIM, role=RemotePartyRole.XML_SIGN, serial_number=serial)
        both = ([SMKI.root.certificate, stranger.root.certificate],
                [SMKI.issuing_ca.certificate, stranger.issuing_ca.certificate])  # fmt: skip
        crls = [
            SMKI.crl([ATTACKER]), SMKI.crl(issuer=SMKI.root), stranger.crl(), stranger.crl(issuer=stranger.root),
        ]  # fmt: skip
        trust = trust_in(roots=both[0], authorities=both[1], crls=crls)
        assert trust.certificate_status(ATTACKER.certificate).state == "revoked"
        assert trust.certificate_status(twin.certificate).state == "valid"


class TestKeyRings:
    """A ring signs for the originator that every reader of the message reads, or not at all."""

    @settings(max_examples=600, deadline=None, derandomize=True)
    @given(header=headers())
    def test_requests_with_odd_headers(self, header):
        victim = SMKI.issue(entity_id=VICTIM, role=RemotePartyRole.XML_SIGN, private_key=VICTIM_KEY)
        ring = KeyRing([(one.private_key, one.certificate) for one in (ATTACKER, victim)])
        document = f'<sr:Request xmlns:sr="{SR}"><sr:Header>{header}</sr:Header><sr:Body><sr:A/></sr:Body></sr:Request>'
        try:
            signed = ring.sign(document.encode())
        except duisign.DuisignError:
            return
        message = Verifier(trust_in(ATTACKER, victim)).verify(signed)
        for text in readings(message.element):
            assert duisign.RequestId.parse(text).originator == message.entity_id

    @settings(max_examples=600, deadline=None, derandomize=True)
    @given(document=responses())
    def test_the_dcc_signs_nothing_that_has_no_class(self, document):
        ring = KeyRing([(SMKI.dcc.private_key, SMKI.dcc.certificate)])
        try:
            ring.sign(document)
        except duisign.DuisignError:
            assert message_class(document) is None
        else:
            assert message_class(document) is not None
