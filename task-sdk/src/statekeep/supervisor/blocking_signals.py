"""Signals held back while a process is forked: its copy of the handlers would answer them for its parent."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@contextlib.contextmanager
def blocked(numbers: Iterable[int]) -> Iterator[set[signal.Signals]]:
    """Hold these signals back for the block; give the mask from before, for the forked process to take."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield {signal.Signals(number) for number in before if number in signal.valid_signals()}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
