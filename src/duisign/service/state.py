"""All that a service has read, and reads again when it is told to."""

from __future__ import annotations

from duisign.service.authentication import Callers
from duisign.service.engine import Engine
from duisign.service.settings import Settings
from duisign.service.tls import ServerTls

__all__ = ["State"]


class State:
    """Keys and trust, tokens, and the certificate of TLS. Raises ConfigurationError.

    Read once, also for several processes: one that begins later has what its siblings have, whatever became of files.
    """

    def __init__(self, settings: Settings) -> None:
        self.callers = Callers(settings)
        self.tls = ServerTls(settings.tls)
        self.engine = Engine(settings)

    def reload(self) -> None:
        """Read all again but the certificate of TLS, which is only checked: `tls.reload` takes it.

        Raises as `Engine.reload` does; what is broken stays as it was, and what stands behind it here.
        """
        self.tls.check()
        self.callers.reload()
        self.engine.reload()
