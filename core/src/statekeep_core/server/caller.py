"""Who asks, once that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .tokens import TaskToken


class Caller(NamedTuple):
    """Whoever asks. ``token`` is set for a try; else ``name`` and ``role`` are those of its credential."""

    name: str = ""
    role: str = ""
    token: TaskToken | None = None
