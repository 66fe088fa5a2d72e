"""A server that is measured, and the requests that it is loaded with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from benchmarks.wrk_load import Asked

# As many tasks as there are connections, each with some keys, which are written and read over and over.
TASKS = 64
KEYS_PER_TASK = 16
TEXT = "x" * 98  # 100 bytes as JSON text


class Served(NamedTuple):
    """Where a server listens, its process, and what it is asked by operation (`set`, `get`)."""

    name: str
    port: int
    process_id: int
    asked: dict[str, list[Asked]]
