"""The store in this process, on a file that several processes share."""

from __future__ import annotations

import contextlib
import importlib
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from .._shared.state.errors import UnsupportedError, error_from
from .store_thread import StoreThread, answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .._shared.state.wire import Plain
    from .store_thread import EmbeddedStore


# A constant, and no search among entry points: that search alone takes 40 ms of a supervised no-op.
_CORE = "statekeep_core.embedded"


class EmbeddedClient:
    """A :class:`StoreClient` on an embedded store, which is used in the caller's thread at first.

    A :class:`StoreThread` uses it from the first ``submit`` on, so that a supervisor can still fork safely
    before.
    """

    def __init__(self, store: EmbeddedStore) -> None:
        self._store = store
        self._thread: StoreThread | None = None
        self._start_lock = Lock()

    def submit(
        self, claims: Plain, request: Plain, request_id: str, *, on_reply: Callable[[Plain], None]
    ) -> None:
        self._started_thread().submit(claims, request, request_id, on_reply=on_reply)

    def ask(self, claims: Plain, request: Plain, request_id: str) -> Plain:
        with self._start_lock:  # the store is used by one thread at a time
            if self._thread is None:
                return answers(self._store, [(claims, request_id, request)])[0]
        return self._thread.ask(claims, request, request_id)

    def close(self) -> None:
        with core_errors():
            (self._thread or self._store).close()

    def _started_thread(self) -> StoreThread:
        if self._thread is None:
            with self._start_lock:
                if self._thread is None:
                    self._thread = StoreThread(lambda: self._store)
        return self._thread


class _ApartClient(StoreThread):
    """A store thread whose errors are this copy's own."""

    def close(self) -> None:
        with core_errors():
            super().close()


def store_path(environ: Mapping[str, str]) -> Path:
    """Return where the embedded store is or will be, as the settings have it. Opens nothing."""
    with core_errors():
        return Path(_core().configured_path(environ))


def open_embedded(environ: Mapping[str, str]) -> EmbeddedClient:
    """Open the embedded store that the settings name; make it when it is absent.

    Raises ``StoreUnusableError``, ``UnavailableError``, ``SettingsError``, and ``UnsupportedError`` where the
    embedded store is not installed.
    """
    with core_errors():
        return EmbeddedClient(_core().open_configured(environ))


def open_embedded_apart(environ: Mapping[str, str]) -> StoreThread:
    """As :func:`open_embedded`, with a store that is opened, used and closed in a thread of its own only."""
    with core_errors():
        core = _core()
        return _ApartClient(lambda: core.open_configured(environ))


def _core() -> Any:
    try:
        return importlib.import_module(_CORE)
    except ModuleNotFoundError as error:
        if error.name is None or not _CORE.startswith(error.name):
            raise
        raise UnsupportedError(
            what="the embedded store",
            problem="it is not installed; pip install 'statekeep[embedded]'",
        ) from None


@contextlib.contextmanager
def core_errors() -> Iterator[None]:
    """Raise the core's errors as this copy's own classes: ``except`` cannot match another copy's."""
    try:
        yield
    except Exception as error:
        code, facts = getattr(error, "code", None), getattr(error, "facts", None)
        if isinstance(code, str) and isinstance(facts, dict) and not _is_own(error):
            raise error_from(code, facts) from error
        raise


def _is_own(error: Exception) -> bool:
    return type(error).__module__.startswith("statekeep.")
