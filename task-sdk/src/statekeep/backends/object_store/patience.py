"""How long a backend waits for its store."""

from __future__ import annotations

from typing import NamedTuple

MAX_PAUSE_SECONDS = 5.0


class Patience(NamedTuple):
    """Bounds in seconds, and in repetitions of one request; see ``ObjectStoreBackend``."""

    connect_seconds: float
    answer_seconds: float
    max_retries: int
    retry_seconds: float
