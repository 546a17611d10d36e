"""Hooks: what signxml's classes let subclasses override and callers set, and these do not call.

An override that is never called would turn a stricter check of the caller's off without a word.
"""

from __future__ import annotations

from duisign.signxml.exceptions import InvalidInput

__all__ = ["HOOKS", "Hookless"]

HOOKS = frozenset(
    {
        "_add_key_info",
        "_apply_transforms",
        "_build_sig",
        "_build_signature_properties",
        "_build_transforms_for_reference",
        "_c14n",
        "_check_cert_validity",
        "_check_der_key_value_matches_cert_public_key",
        "_check_key_value_matches_cert_public_key",
        "_default_parser",
        "_ds_tag",
        "_encode_dss_signature",
        "_find",
        "_findall",
        "_fromstring",
        "_get_c14n_inputs_from_references",
        "_get_cert_chain",
        "_get_cert_description",
        "_get_cert_validity_error",
        "_get_cert_verification_time",
        "_get_digest",
        "_get_inclusive_ns_prefixes",
        "_get_long",
        "_get_signature",
        "_match_key_values",
        "_parser",
        "_preprocess_reference_uri",
        "_resolve_reference",
        "_schemas",
        "_schemas_lock",
        "_serialize_key_value",
        "_tostring",
        "_unpack",
        "_verify_reference",
        "_verify_signature_with_pubkey",
        "c14n_alg",
        "check_digest_alg_expected",
        "check_signature_alg_expected",
        "config",
        "construction_method",
        "digest_alg",
        "excise_empty_xmlns_declarations",
        "get_cert_chain_verifier",
        "get_root",
        "hmac_key",
        "id_attributes",
        "known_ecdsa_curve_oids",
        "known_ecdsa_curves",
        "parser",
        "schema_files",
        "schemas",
        "sign_alg",
        "validate_schema",
        "x509_cert",
    }
)
"""Attributes of signxml 5.2's classes that are not looked at here."""


class Hookless:
    """Refuses overrides of `HOOKS` by a subclass, and settings of them on an object."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in vars(cls):
            _refuse(name)

    def __setattr__(self, name: str, value: object) -> None:
        _refuse(name)
        super().__setattr__(name, value)


def _refuse(name: str) -> None:
    if name in HOOKS:
        raise InvalidInput(
            "hook",
            f"{name} is a hook of signxml's that duisign.signxml does not call: use the options of the constructor, of "
            "sign() and of verify(), or signature_annotators.",
        )
