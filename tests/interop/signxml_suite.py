"""Runs signxml's own test module on `duisign.signxml`, as it was published or with its choices moved into the subset.

``python signxml_suite.py FOLDER published|subset`` prints, as JSON, what came of each test: "" if it passed, else the
exception. Tests with subtests have an entry for each of these too. FOLDER is that of signxml's test module.

`published`: only the import is swapped. `subset`: also, keys and certificates are on P-256, algorithms are those of the
subset, and what the module iterates over is cut down to the subset; what the tests ask stays as it is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import re
import sys
import types
import unittest
import warnings
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

import duisign.signxml as swapped


class AbsentError(Exception):
    """The test uses a part of signxml that duisign.signxml does not have."""


@dataclasses.dataclass(frozen=True)
class Move:
    """What the module says, what it says in the subset, how often, and the documented difference if that is why."""

    old: str
    new: str
    count: int
    difference: str | None = None


P256_KEY = "ec.generate_private_key(ec.SECP256R1())"
WITH_COMMENTS = '            "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",\n'
MOVES = (
    Move("signature_algorithm=SignatureMethod.RSA_SHA256)", "signature_algorithm=SignatureMethod.ECDSA_SHA256)", 1),
    Move("method RSA_SHA256 forbidden", "method ECDSA_SHA256 forbidden", 1),
    Move('signature_algorithm="hmac-sha256"', 'signature_algorithm="ecdsa-sha256"', 1),
    Move("SignatureMethod.ECDSA_SHA384", "SignatureMethod.ECDSA_SHA256", 4),
    Move("ec.SECP384R1()", "ec.SECP256R1()", 7),
    Move("hashes.SHA384()", "hashes.SHA256()", 4),
    Move("rsa.generate_private_key(public_exponent=65537, key_size=2048)", P256_KEY, 2),
    Move("dsa.generate_private_key(key_size=1024)", P256_KEY, 1),
    Move("digest_algs = list(DigestAlgorithm)", "digest_algs = [DigestAlgorithm.SHA256]", 1),
    Move("sig_algs = list(SignatureMethod)", "sig_algs = [SignatureMethod.ECDSA_SHA256]", 1),
    Move("product(digest_algs, sig_algs, methods,", "product(digest_algs, sig_algs, [methods.enveloped],", 1),
    Move(WITH_COMMENTS, "", 1),
    Move("for method in methods.enveloped, methods.enveloping:", "for method in (methods.enveloped,):", 1),
    Move('"http://www.w3.org/2006/12/xml-c14n11", t', '"http://www.w3.org/2001/10/xml-exc-c14n#", t', 2),
    Move("(ec.SECP521R1(), (3, 1, 9, 2)),", "", 1),
    Move("verify(signed_data, parser=parser, **verify_kwargs)", "verify(signed_data, **verify_kwargs)", 1, "parser"),
    Move("with self.assertRaises(etree.XMLSyntaxError):", "with self.assertRaises(InvalidInput):", 1, "exceptions"),
    Move('verify("", hmac_key=hmac_key, require', 'verify("", require', 1),
    Move("reset_tree(d, method)", "reset_tree(d, None)", 1, "placement"),
    Move('reference_uri="#target"', "reference_uri=None", 3, "reference"),
    Move("signer._serialize_key_value(mismatched_key, key_info)", "add_key_value(key_info, mismatched_key)", 2, "hook"),
    Move(
        "Expected to find XML element Signature in data using XPath ./foo/bar/ds:Signature", ".location", 1, "location"
    ),
)


def absent(name: str) -> type:
    def refuse(self: object, *args: object, **kwargs: object) -> None:
        raise AbsentError(f"there is no {name}")

    return type(name, (), {"__init__": refuse})


def stand_ins(signer: type) -> dict[str, types.ModuleType]:
    """The modules that the test module imports as signxml's."""
    module = types.ModuleType("signxml")
    vars(module).update({name: getattr(swapped, name) for name in swapped.__all__})
    vars(module).update(XMLSigner=signer, XMLSignatureProcessor=absent("XMLSignatureProcessor"))
    processor = types.ModuleType("signxml.processor")
    util = types.ModuleType("signxml.util")
    xades = types.ModuleType("signxml.xades")
    vars(module).update(processor=processor, util=util, xades=xades)
    vars(util).update(ds_tag=absent("ds_tag"))
    # Made when the module is imported; no test can use them.
    fields = [(name, object, None) for name in ("signature_methods", "digest_algorithms", "verification_time")]
    settings = dataclasses.make_dataclass("Settings", fields)
    record = type("Record", (), {"__init__": lambda self, **values: None})
    vars(xades).update(XAdESSignatureConfiguration=settings, XAdESSignaturePolicy=record, XAdESDataObjectFormat=record)
    for name in ("XAdESSigner", "XAdESVerifier", "XAdESVerifyResult"):
        vars(xades)[name] = absent(name)
    return {"signxml": module, "signxml.processor": processor, "signxml.util": util, "signxml.xades": xades}


class SignerOfSubset(swapped.XMLSigner):
    """XMLSigner whose defaults are in the subset."""

    def __init__(
        self,
        method=swapped.methods.enveloped,
        signature_algorithm=swapped.SignatureMethod.ECDSA_SHA256,
        digest_algorithm=swapped.DigestAlgorithm.SHA256,
        c14n_algorithm=swapped.CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    ):
        super().__init__(method, signature_algorithm, digest_algorithm, c14n_algorithm)


def example_keys() -> tuple[bytes, bytes]:
    """Certificate and key in PEM, valid when the module's own RSA ones are."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "*.example.com")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2014, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2034, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM), pem


def add_key_value(key_info: etree._Element, key: ec.EllipticCurvePrivateKey) -> None:
    """What the module has a private method of signxml's do: the KeyValue of a key behind what KeyInfo holds."""
    signer = SignerOfSubset()
    signed = signer.sign(etree.Element("a"), key=key)
    key_info.append(signed.find(".//{*}KeyValue"))


def moved(source: str) -> tuple[str, dict[str, list[str]]]:
    """The module in the subset, and the documented differences that each changed test passes but for."""
    differences: dict[str, list[str]] = {}
    for move in MOVES:
        assert source.count(move.old) == move.count, (move.old, source.count(move.old))
        if move.difference is not None:
            for place in re.finditer(re.escape(move.old), source):
                test = re.findall(r"^    def (test_\w+)", source[: place.start()], re.MULTILINE)[-1]
                differences.setdefault(test, []).append(move.difference)
        source = source.replace(move.old, move.new)
    return source, differences


class Outcomes(unittest.TestResult):
    """What came of each test, and of each of its subtests."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: dict[str, list[str]] = {}

    def _note(self, test: unittest.TestCase, error) -> None:
        said = "" if error is None else f"{error[0].__name__}: {error[1]}"
        self.outcomes.setdefault(test._testMethodName, []).append(said)

    def addSuccess(self, test):
        # Of a test with subtests these are the outcomes.
        if test._testMethodName not in self.outcomes:
            self._note(test, None)

    def addError(self, test, error):
        self._note(test, error)

    addFailure = addError

    def addSubTest(self, test, subtest, error):
        self._note(test, error)


def run(folder: Path, mode: str) -> dict[str, object]:
    path = folder / "test.py"
    source, signer = path.read_text(encoding="utf-8"), swapped.XMLSigner
    differences: dict[str, list[str]] = {}
    if mode == "subset":
        (source, differences), signer = moved(source), SignerOfSubset
    # The module puts signxml's own folder in front, and would import that.
    source = re.sub(r"^sys\.path\.insert.*$", "", source, flags=re.MULTILINE)
    sys.modules.update(stand_ins(signer))
    module = types.ModuleType("test_module")
    module.__file__ = str(path)
    sys.modules["test_module"] = module
    exec(compile(source, str(path), "exec"), vars(module))
    vars(module).update(add_key_value=add_key_value)
    if mode == "subset":
        keys = example_keys()
        for name in ("load_example_keys", "load_example_ecdsa_keys"):
            setattr(module.LoadExampleKeys, name, lambda self: keys)
    result = Outcomes()
    unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    return {"outcomes": result.outcomes, "differences": differences}


if __name__ == "__main__":
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        found = run(Path(sys.argv[1]), sys.argv[2])
    json.dump(found, sys.stdout, indent=1)
