"""The KeyInfo of the wire profile as text, and a Signature whose values are still empty: for those who fill them in."""

from __future__ import annotations

from duisign.testing import Identity

DSIG = "http://www.w3.org/2000/09/xmldsig#"


def key_info(identity: Identity, *, declare: bool) -> str:
    """A KeyInfo that names the certificate; `declare`: with the declaration of its prefix."""
    issuer, serial = identity.certificate.issuer.rfc4514_string(), identity.certificate.serial_number
    declaration = f' xmlns:ds="{DSIG}"' if declare else ""
    return (
        f"<ds:KeyInfo{declaration}><ds:X509Data><ds:X509IssuerSerial>"
        f"<ds:X509IssuerName>{issuer}</ds:X509IssuerName><ds:X509SerialNumber>{serial}</ds:X509SerialNumber>"
        "</ds:X509IssuerSerial></ds:X509Data></ds:KeyInfo>"
    )


def empty_signature(identity: Identity) -> str:
    """A Signature of profile DUIS without DigestValue and SignatureValue."""
    return (
        f'<ds:Signature xmlns:ds="{DSIG}"><ds:SignedInfo>'
        '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
        '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/>'
        '<ds:Reference URI=""><ds:Transforms>'
        f'<ds:Transform Algorithm="{DSIG}enveloped-signature"/></ds:Transforms>'
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/>'
        "</ds:Reference></ds:SignedInfo><ds:SignatureValue/>"
        f"{key_info(identity, declare=False)}</ds:Signature>"
    )
