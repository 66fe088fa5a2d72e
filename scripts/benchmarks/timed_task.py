"""The task that the operations benchmark supervises: times every call by itself, and writes what it took."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import statekeep

if TYPE_CHECKING:
    from collections.abc import Callable

_CALLS = 1000
_WARM_UP = 100
_VALUE = "x" * 98  # 100 bytes as JSON text


def _timed(operation: Callable[[], object]) -> list[float]:
    figures = []
    for _ in range(_WARM_UP + _CALLS):
        started = time.perf_counter()
        operation()
        figures.append((time.perf_counter() - started) * 1000)
    return figures[_WARM_UP:]


def main() -> None:
    """Time each operation; the report's path is the first argument."""
    context = statekeep.current_context()
    state, watermark = context.task_state, context.asset_state["bench"]
    figures = {
        "set": _timed(lambda: state.set("key", _VALUE)),
        "get": _timed(lambda: state.get("key")),
        "increment (with its request id)": _timed(lambda: state.increment("count")),
        "staged set_max of an asset": _timed(lambda: watermark.set_max("watermark", time.time_ns())),
    }
    Path(sys.argv[1]).write_text(json.dumps(figures), encoding="utf-8")


main()
