"""duisign.signxml's surface: exceptions, enums, subclasses, and that signxml is not needed."""

from __future__ import annotations

import pickle
import subprocess
import sys

import cryptography.exceptions
import pytest
from cryptography.hazmat.primitives import hashes

import duisign
import duisign.signxml as dropin
from duisign.signxml import (
    CanonicalizationMethod,
    DigestAlgorithm,
    InvalidCertificate,
    InvalidDigest,
    InvalidInput,
    InvalidSignature,
    SignatureMethod,
    XMLSigner,
    XMLVerifier,
    methods,
)

EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0


def refusal(call, *arguments, **options):
    with pytest.raises(InvalidInput) as caught:
        call(*arguments, **options)
    return caught.value


def test_exceptions_keep_the_hierarchy_and_are_ours():
    assert issubclass(InvalidInput, ValueError)
    assert not issubclass(InvalidInput, InvalidSignature)
    assert issubclass(InvalidSignature, cryptography.exceptions.InvalidSignature)
    assert issubclass(InvalidDigest, InvalidSignature)
    assert issubclass(InvalidCertificate, InvalidSignature)
    for kind in (InvalidInput, InvalidSignature, InvalidDigest, InvalidCertificate):
        assert issubclass(kind, duisign.DuisignError)
        assert issubclass(kind, dropin.SignXMLException)
        error = pickle.loads(pickle.dumps(kind("a-code", "A sentence.")))
        assert (type(error), error.code, str(error)) == (kind, "a-code", "A sentence.")
        assert error.to_dict()["error"] == kind.__name__


def test_signxml_is_not_imported():
    program = "import sys, duisign.signxml; assert 'signxml' not in sys.modules, 'signxml is loaded'"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_identifiers():
    assert SignatureMethod.of("ecdsa-sha256") is SignatureMethod.ECDSA_SHA256
    assert SignatureMethod(SignatureMethod.ECDSA_SHA256.value) is SignatureMethod.ECDSA_SHA256
    assert repr(DigestAlgorithm.SHA256) == "DigestAlgorithm.SHA256"
    assert DigestAlgorithm.SHA256.implementation is hashes.SHA256
    assert refusal(lambda: DigestAlgorithm.SHA512.implementation).code == "option"
    assert refusal(SignatureMethod, "urn:x#y").code == "algorithm"
    assert refusal(SignatureMethod.from_fragment, "nothing").code == "algorithm"
    assert refusal(CanonicalizationMethod, None).code == "algorithm"


@pytest.mark.parametrize(
    ("options", "named", "instead"),
    [
        ({}, "RSA_SHA256", "ECDSA_SHA256"),
        ({"method": methods.enveloping}, "enveloping", "methods.enveloped"),
        ({"method": methods.detached}, "detached", "methods.enveloped"),
        ({"method": None}, "construction method", "methods.enveloped"),
        ({"method": "enveloped"}, "construction method", "methods.enveloped"),
        ({"signature_algorithm": "hmac-sha256"}, "HMAC_SHA256", "ECDSA_SHA256"),
        ({"signature_algorithm": SignatureMethod.ECDSA_SHA384}, "ECDSA_SHA384", "ECDSA_SHA256"),
        ({"signature_algorithm": "ecdsa-sha1"}, "SHA1", "ECDSA_SHA256"),
        ({"signature_algorithm": "ecdsa-sha256", "digest_algorithm": "sha1"}, "SHA1", "SHA256"),
        ({"signature_algorithm": "ecdsa-sha256", "digest_algorithm": "sha512"}, "SHA512", "SHA256"),
        ({"signature_algorithm": "ecdsa-sha256"}, "CANONICAL_XML_1_1", "CANONICAL_XML_1_0"),
        (
            {"signature_algorithm": "ecdsa-sha256", "c14n_algorithm": EXCLUSIVE.value + "WithComments"},
            "WITH_COMMENTS",
            "EXCLUSIVE",
        ),
    ],
)
def test_constructor_refuses_what_is_outside_the_subset(options, named, instead):
    error = refusal(XMLSigner, **options)
    assert error.code == "option"
    assert named in str(error)
    assert instead in str(error)


def test_unknown_identifiers():
    for options in ({"signature_algorithm": "urn:x#y"}, {"signature_algorithm": "ecdsa-sha256", "digest_algorithm": 5}):
        assert refusal(XMLSigner, **options).code == "algorithm"
    assert refusal(XMLSigner, signature_algorithm="ecdsa-sha256", c14n_algorithm="urn:none").code == "algorithm"


def test_overrides_that_would_never_be_called_are_refused():
    error = refusal(type, "Mine", (XMLVerifier,), {"get_cert_chain_verifier": lambda self: None})
    assert error.code == "hook"
    assert "get_cert_chain_verifier" in str(error)
    assert refusal(type, "Mine", (XMLSigner,), {"_build_sig": None}).code == "hook"
    assert refusal(setattr, XMLVerifier(), "id_attributes", ("X",)).code == "hook"
    assert refusal(setattr, signer(), "excise_empty_xmlns_declarations", True).code == "hook"


def signer():
    return XMLSigner(methods.enveloped, "ecdsa-sha256", "sha256", EXCLUSIVE)


def test_subclasses_may_set_defaults():
    class Mine(XMLSigner):
        def __init__(self):
            super().__init__(methods.enveloped, "ecdsa-sha256", "sha256", EXCLUSIVE)
            self.name = "mine"

    assert Mine().name == "mine"
    assert repr(signer()) == "<XMLSigner EXCLUSIVE_XML_CANONICALIZATION_1_0>"
