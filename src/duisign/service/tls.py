"""The certificate and key that the service shows, and the CA of its callers' certificates."""

from __future__ import annotations

import ssl
from typing import NoReturn

from duisign.service.settings import TlsSettings, refusal

__all__ = ["ServerTls"]


class ServerTls:
    """`context` is None without TLS. Raises ConfigurationError."""

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self.context = None if settings.certificate is None else self._new()

    def check(self) -> None:
        """Raise ConfigurationError unless `reload` would do."""
        if self.context is not None:
            self._new()

    def reload(self) -> None:
        """Show the certificate that is there now; raises ConfigurationError, and the old one stays.

        Not while another thread makes connections. The CA stays as it is.
        """
        if self.context is not None:
            # What fails half-way leaves a context with a certificate and no key: no connection is made any more.
            self._new()
            self._load(self.context)

    def _new(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load(context)
        if self._settings.client_ca is not None:
            try:
                context.load_verify_locations(self._settings.client_ca)
            except (OSError, ssl.SSLError):
                raise refusal("The file of tls.client_ca cannot be read: give certificates of CAs in PEM.") from None
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(str(self._settings.certificate), self._settings.key, _refuse_encrypted)
        except (OSError, ssl.SSLError):
            raise refusal(
                "The files of tls.certificate and tls.key cannot be read, or do not belong together: give a "
                "certificate and its key, each in PEM."
            ) from None


def _refuse_encrypted() -> NoReturn:
    # OpenSSL would ask whoever sits at the terminal, and wait.
    raise refusal("The key of tls.key is encrypted: give it without a passphrase, readable for the service alone.")
