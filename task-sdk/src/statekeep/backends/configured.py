"""The backends of this process, as ``[workers]`` names them: one that takes values, others that are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .loading import BackendHolder, BackendSetting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .._shared.state import messages as m
    from .._shared.state.backend import BaseStateBackend
    from ..config import Workers

_FROM_SUPERVISOR = "as the supervisor has it"


class Backends:
    """What ``[workers] state_backend`` and ``read_backends`` name. Each is made once in a process, when it is
    first needed, and anew in a forked child. Methods may be called from several threads.

    ``store_id`` is the metastore's, whose references they make; "" as long as it is not known.
    """

    def __init__(
        self,
        *,
        state_backend: str = "",
        read_backends: Sequence[str] = (),
        store_id: str = "",
        sources: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Make nothing yet. ``sources`` says where the two options were set, for messages."""

        def holder(class_path: str, option: str) -> BackendHolder:
            source = (sources or {}).get(option, _FROM_SUPERVISOR)
            return BackendHolder(BackendSetting(class_path, f"[workers] {option}", source), environ)

        self._writer = holder(state_backend, "state_backend") if state_backend else None
        # A class that stands in both would be made twice and never asked.
        others = [holder(path, "read_backends") for path in read_backends if path != state_backend]
        self._holders = tuple(([self._writer] if self._writer else []) + others)
        self.belong_to(store_id)

    @classmethod
    def of_settings(cls, workers: Workers, environ: Mapping[str, str] | None = None) -> Backends:
        """Return those that the settings name."""
        return cls(
            state_backend=workers.state_backend,
            read_backends=workers.read_backends,
            sources=workers.sources,
            environ=environ,
        )

    @classmethod
    def of_context(cls, context: m.Context) -> Backends:
        """Return those that a try's supervisor named, for the store that it asks."""
        return cls(
            state_backend=context.state_backend,
            read_backends=context.read_backends,
            store_id=context.store_id,
        )

    def belong_to(self, store_id: str) -> None:
        """Let them make references of this store."""
        for holder in self._holders:
            holder.belong_to(store_id)

    def writer(self) -> BaseStateBackend | None:
        """Return the backend that takes values; None when only reading is configured, or nothing.

        Raises ``SettingsError``, as all here do, when one cannot be made.
        """
        return None if self._writer is None else self._writer.backend()

    def reader(self, backend_id: str) -> BaseStateBackend | None:
        """Return the backend whose references a record with this id holds; None when none is configured."""
        return next((backend for backend in self._made() if backend_id in ids_of(backend)), None)

    def all(self) -> tuple[BaseStateBackend, ...]:
        """Return all of them, made, the one that takes values first."""
        return tuple(self._made())

    def __bool__(self) -> bool:
        """Whether anything is configured."""
        return bool(self._holders)

    def _made(self) -> Iterator[BaseStateBackend]:
        for holder in self._holders:
            yield from holder.backends()


def ids_of(backend: BaseStateBackend) -> tuple[str, ...]:
    """Return the ids in the records whose references a backend reads, its own first.

    One that encrypts reads those of the backend that it wraps, too, while plaintext is allowed.
    """
    plaintext_id = getattr(backend, "plaintext_backend_id", None)
    own = str(backend.backend_id)
    return (own,) if plaintext_id is None else (own, str(plaintext_id))
