"""The supervisor's event loop: descriptors, deadlines, signals, and calls from other threads."""

from __future__ import annotations

import contextlib
import heapq
import os
import selectors
import signal
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

_WAKE = b"\0"  # no signal has the number 0


class StoppedError(BaseException):
    """A signal came that ends what the main thread waits for. No mere Exception, which others would catch."""


class Deadline:
    """A call that is due at an instant of the monotonic clock, unless it is cancelled before."""

    def __init__(self, at: float, callback: Callable[[], None]) -> None:
        self.at = at
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        """Not to be called any more. No effect afterwards."""
        self.is_cancelled = True

    def __lt__(self, other: Deadline) -> bool:
        return self.at < other.at


class Loop:
    """Runs callbacks one at a time in the thread that calls :meth:`run_until`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._deadlines: list[Deadline] = []
        self._calls: deque[Callable[[], None]] = deque()
        self._is_woken = False
        self._on_signal: Callable[[int], None] | None = None
        self._interrupting: tuple[int, ...] = ()
        self._pipe, self._wake_end = os.pipe()
        for descriptor in (self._pipe, self._wake_end):
            os.set_blocking(descriptor, False)
        self.watch(self._pipe, READ, self._read_pipe)

    def watch(self, descriptor: int, events: int, callback: Callable[[int], None]) -> None:
        """Call ``callback`` with the events that are ready, whenever some are; replaces an earlier watch."""
        try:
            self._selector.modify(descriptor, events, callback)
        except KeyError:
            self._selector.register(descriptor, events, callback)

    def unwatch(self, descriptor: int) -> None:
        """End a watch. No effect when there is none."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(descriptor)

    def call_after(self, seconds: float, callback: Callable[[], None]) -> Deadline:
        """Call ``callback`` once, ``seconds`` from now."""
        deadline = Deadline(time.monotonic() + seconds, callback)
        heapq.heappush(self._deadlines, deadline)
        return deadline

    def call_from_thread(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` soon, in the loop's thread. Callable from any thread, in order."""
        self._calls.append(callback)
        if not self._is_woken:
            self._is_woken = True
            os.write(self._wake_end, _WAKE)

    @contextlib.contextmanager
    def signals(self, numbers: Iterable[int], on_signal: Callable[[int], None]) -> Iterator[None]:
        """Call ``on_signal`` in the loop for each of these signals while the block runs. Main thread only.

        A signal that this process was started to ignore (``nohup``) stays ignored, except SIGCHLD: ignoring
        that would hide how children end.
        """
        self._on_signal = on_signal
        wakeup = signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False)
        handlers = {}
        for number in numbers:
            if number == signal.SIGCHLD or signal.getsignal(number) is not signal.SIG_IGN:
                handlers[number] = signal.signal(number, self._interrupt)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(wakeup)
            self._on_signal = None

    @contextlib.contextmanager
    def interruptible(self, numbers: Iterable[int]) -> Iterator[None]:
        """Raise :class:`StoppedError` in the block when one of these signals comes, besides the usual call.

        For what blocks the main thread and bears to be left anywhere.
        """
        self._interrupting = tuple(numbers)
        try:
            yield
        finally:
            self._interrupting = ()

    def run_until(self, is_done: Callable[[], bool]) -> None:
        """Run callbacks until ``is_done()``, which is asked after each round of them."""
        while not is_done():
            for key, events in self._selector.select(self._seconds_to_deadline()):
                key.data(events)
            self._run_due()
            self._run_calls()

    def pause(self, seconds: float, *, unless: Callable[[], bool]) -> None:
        """Run callbacks for so long, or until ``unless()``."""
        is_over = False

        def end() -> None:
            nonlocal is_over
            is_over = True

        deadline = self.call_after(seconds, end)
        self.run_until(lambda: is_over or unless())
        deadline.cancel()

    def close(self) -> None:
        """Let go of the loop's own descriptors."""
        self._selector.close()
        os.close(self._pipe)
        os.close(self._wake_end)

    def _seconds_to_deadline(self) -> float | None:
        while self._deadlines and self._deadlines[0].is_cancelled:
            heapq.heappop(self._deadlines)
        if self._calls:
            return 0
        return max(0.0, self._deadlines[0].at - time.monotonic()) if self._deadlines else None

    def _run_due(self) -> None:
        now = time.monotonic()
        while self._deadlines and self._deadlines[0].at <= now:
            deadline = heapq.heappop(self._deadlines)
            if not deadline.is_cancelled:
                deadline.callback()

    def _run_calls(self) -> None:
        self._is_woken = False  # before the queue is emptied: what is added from here on wakes again
        while self._calls:
            self._calls.popleft()()

    def _read_pipe(self, _: int) -> None:
        try:
            numbers = os.read(self._pipe, 4096)
        except BlockingIOError:
            return
        for number in numbers:
            if number and self._on_signal is not None:
                self._on_signal(number)

    def _interrupt(self, number: int, _frame: object) -> None:
        # Python writes the number to the pipe besides, which it does for signals with a handler only.
        if number in self._interrupting:
            raise StoppedError
