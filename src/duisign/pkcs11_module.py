"""A PKCS #11 library in this process.

Its state is one for the whole process, whoever uses it (PKCS #11 v2.40 section 5.4): C_Finalize ends every session. So
there is one `Module` for each library, which is all that this package keeps for itself. python-pkcs11 initializes
libraries for one thread alone (C_Initialize without arguments); here they are initialized for many.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pkcs11

from duisign.errors import ConfigurationError, ExternalKeyError

if TYPE_CHECKING:
    from pkcs11.types import Session, Slot, Token

__all__ = ["Module", "loaded_module", "unavailable"]

_OK = 0
_ALREADY_INITIALIZED = 0x191
_OS_LOCKING_OK = 2


class _InitializeArguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS."""

    _fields_ = [
        ("mutexes", ctypes.c_void_p * 4),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    ]


class _FunctionList(ctypes.Structure):
    """The beginning of CK_FUNCTION_LIST."""

    _fields_ = [
        ("version", ctypes.c_ubyte * 2),
        ("initialize", ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)),
        ("finalize", ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)),
    ]


def unavailable(reason: str) -> ExternalKeyError:
    """The error of a token that is not there, or does not answer."""
    return ExternalKeyError(
        "key-unavailable", f"The token of the key does not answer ({reason}): see that it is there, and sign again."
    )


class Module:
    """One library. `generation` counts how often it was initialized: sessions belong to one generation."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.generation = 0
        self._functions = _functions(path)
        try:
            self._library = pkcs11.lib(path)
        except pkcs11.PKCS11Error as error:
            raise unavailable(type(error).__name__) from None
        self._process = os.getpid()
        self._turn = threading.Condition()
        self._calls = 0
        self._restarting = False
        self._login_lock = threading.Lock()
        self._logins: dict[int, Session | None] = {}
        self._initialize()

    def _initialize(self) -> None:
        """Have the library ready for many threads, after python-pkcs11 has initialized it for one."""
        arguments = _InitializeArguments(flags=_OS_LOCKING_OK)
        result = self._functions.initialize(ctypes.addressof(arguments))
        if result == _ALREADY_INITIALIZED:
            self._functions.finalize(None)
            result = self._functions.initialize(ctypes.addressof(arguments))
        elif result == _OK:
            # That of p11-kit gives everyone a state of his own, which many threads may use in any case.
            self._functions.finalize(None)
        if result != _OK:
            raise unavailable(f"C_Initialize gave {result:#x}")

    @contextlib.contextmanager
    def calls(self) -> Iterator[int]:
        """While this is entered the library is not initialized anew; the generation."""
        if os.getpid() != self._process:
            raise ConfigurationError(
                "key-process", "A token is no longer open in a process that was forked: make its key in each process."
            )
        with self._turn:
            while self._restarting:
                self._turn.wait()
            self._calls += 1
            generation = self.generation
        try:
            yield generation
        finally:
            with self._turn:
                self._calls -= 1
                self._turn.notify_all()

    def restart(self, generation: int) -> None:
        """Initialize the library anew, unless that has been done since `generation`; raises ExternalKeyError."""
        with self._turn:
            while self._restarting:
                self._turn.wait()
            if generation != self.generation:
                return
            self._restarting = True
            try:
                while self._calls:
                    self._turn.wait()
                self._logins = {}
                self.generation += 1
                with contextlib.suppress(pkcs11.PKCS11Error):
                    # It cannot end properly when the token is gone.
                    self._library.finalize()
                self._library.initialize()
                self._initialize()
            except pkcs11.PKCS11Error as error:
                raise unavailable(type(error).__name__) from None
            finally:
                self._restarting = False
                self._turn.notify_all()

    def tokens(self) -> list[Token]:
        """The tokens that are there; raises PKCS11Error."""
        return [token for slot in self._library.get_slots(token_present=True) if (token := _token_in(slot)) is not None]

    def log_in(self, token: Token, ask: Callable[[], str | None]) -> None:
        """Log in to the token, unless it was done in this generation; `ask` tells the PIN, or None for none.

        Raises PKCS11Error, and what `ask` raises.
        """
        slot: int = token.slot.slot_id
        with self._login_lock:
            if slot in self._logins:
                return
            pin = ask()
            if pin is not None:
                try:
                    # Kept open: the login ends with the last session.
                    self._logins[slot] = token.open(user_pin=pin)
                except pkcs11.UserAlreadyLoggedIn:
                    self._logins[slot] = None


def _token_in(slot: Slot) -> Token | None:
    try:
        return slot.get_token()
    except (pkcs11.TokenNotPresent, pkcs11.TokenNotRecognised):
        return None


def _functions(path: str) -> Any:
    if os.name != "posix":
        # Structures are packed there (PKCS #11 v2.40 section 2.1), and those above are not.
        raise ConfigurationError("key-module", "PKCS #11 modules are used on POSIX systems alone: sign on one of them.")
    functions = ctypes.POINTER(_FunctionList)()
    try:
        ctypes.CDLL(path).C_GetFunctionList(ctypes.byref(functions))
    except (OSError, AttributeError):
        raise ConfigurationError(
            "key-module", "The PKCS #11 module cannot be loaded: give the path of the token's library."
        ) from None
    return functions.contents


_modules: dict[str, Module] = {}
_modules_lock = threading.Lock()


def loaded_module(path: str) -> Module:
    """The library with this path; raises ConfigurationError, ExternalKeyError."""
    with _modules_lock:
        module = _modules.get(path)
        if module is None or module._process != os.getpid():
            module = _modules[path] = Module(path)
        return module
