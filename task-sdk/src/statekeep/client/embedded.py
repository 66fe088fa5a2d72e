"""The store in this process, on a file that several processes share."""

from __future__ import annotations

import contextlib
import importlib
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .._shared.state.errors import InternalFaultError, UnsupportedError, error_from
from .._shared.state.wire import refusal_of, to_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .._shared.state.wire import Plain

    class EmbeddedStore(Protocol):
        """What the core offers; plain data only, because the two hold different copies of the contract."""

        path: Path

        def handle_group(self, calls: Sequence[tuple[Plain, str, Plain]]) -> list[Plain]: ...
        def close(self) -> None: ...


# A constant, and no search among entry points: that search alone takes 40 ms of a supervised no-op.
_CORE = "statekeep_core.embedded"


class _Submitted(NamedTuple):
    call: tuple[Plain, str, Plain]
    on_reply: Callable[[Plain], None]


class EmbeddedClient:
    """A :class:`StoreClient` on an embedded store.

    What is waiting while a group commits becomes the next group, so that many requests share one fsync and
    a lone one waits for nothing. The thread that does this starts with the first ``submit``, so that a
    supervisor can still fork safely before.
    """

    def __init__(self, store: EmbeddedStore) -> None:
        self._store = store
        self._waiting: SimpleQueue[_Submitted | None] = SimpleQueue()
        self._worker: Thread | None = None
        self._start_lock = Lock()

    def submit(
        self, claims: Plain, request: Plain, request_id: str, *, on_reply: Callable[[Plain], None]
    ) -> None:
        self._start_worker()
        self._waiting.put(_Submitted((claims, request_id, request), on_reply))

    def ask(self, claims: Plain, request: Plain, request_id: str) -> Plain:
        with self._start_lock:  # the store is used by one thread at a time
            if self._worker is None:
                return self._answers([(claims, request_id, request)])[0]
        replies: SimpleQueue[Plain] = SimpleQueue()
        self.submit(claims, request, request_id, on_reply=replies.put)
        return replies.get()

    def close(self) -> None:
        if self._worker is not None:
            self._waiting.put(None)
            self._worker.join()
        with core_errors():
            self._store.close()

    def _start_worker(self) -> None:
        if self._worker is None:
            with self._start_lock:
                if self._worker is None:
                    worker = Thread(target=self._work, name="statekeep-store", daemon=True)
                    worker.start()
                    self._worker = worker

    def _work(self) -> None:
        open_for_more = True
        while open_for_more:
            group = self._next_group()
            if group[-1] is None:
                open_for_more = False
            submitted = [item for item in group if item is not None]
            for item, reply in zip(submitted, self._answers([item.call for item in submitted]), strict=True):
                item.on_reply(reply)

    def _next_group(self) -> list[_Submitted | None]:
        group = [self._waiting.get()]
        with contextlib.suppress(Empty):
            while group[-1] is not None:
                group.append(self._waiting.get_nowait())
        return group

    def _answers(self, calls: list[tuple[Plain, str, Plain]]) -> list[Plain]:
        try:
            return self._store.handle_group(calls) if calls else []
        except Exception as fault:
            # The store promises not to raise. If it does, whoever waits for an answer must not wait forever.
            problem = f"{type(fault).__name__}: {fault}"
            return [to_plain(refusal_of(InternalFaultError(problem=problem)))] * len(calls)


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
