"""Several processes that serve at one address, and their parent, which starts, replaces and ends them.

The parent opens no store and answers nobody, so that no request can end it, and a new worker is forked from a
process that has neither threads nor connections.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import selectors
import signal
import socket
import time
from typing import TYPE_CHECKING

from .pulse import READY, Pulse, Watch
from .telemetry.logs import event, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # Serves until it is told to stop; given what ends when the parent does, and what that hears.
    Work = Callable[[int, Pulse], int]

_log = logging.getLogger(__name__)

_ENDING = (signal.SIGTERM, signal.SIGINT)
_NOTED = (*_ENDING, signal.SIGCHLD)
# The first death is answered at once; who goes on dying is started ever more rarely, up to twice a minute.
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
# Who has served for so long has not died of its start.
_STEADY_SECONDS = 60.0
# Past its grace, a worker commits what is at the store.
_AFTER_GRACE_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 60.0
_FAULT_STATUS = 70


class Worker:
    """One place among the workers, and the process that has it. ``process_id`` is 0 while nobody does."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process_id = 0
        self.is_ready = False
        self.start_at = 0.0
        self._started_at = 0.0
        self._early_deaths = 0

    def started(self, process_id: int, now: float) -> None:
        self.process_id = process_id
        self.is_ready = False
        self._started_at = now

    def ended(self, now: float) -> None:
        """Note that its process is gone, and from when on another may take its place."""
        self.process_id = 0
        is_early = now - self._started_at < _STEADY_SECONDS
        self._early_deaths = self._early_deaths + 1 if is_early else 1
        self.start_at = now + _pause_seconds(self._early_deaths)


def _pause_seconds(early_deaths: int) -> float:
    """Return how long to wait after so many deaths in a row, each soon after its start."""
    if early_deaths < 2:
        return 0.0
    return float(min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(early_deaths - 2, 10)))


class Workers:
    """Keeps a number of worker processes at work until SIGTERM or SIGINT.

    The first worker is alone until it serves: it waits for the database, migrates it, makes the first
    credential, and says what keeps it from that. If it ends before, so does the parent, with its status.
    ``are_ready`` is called once, when all have served. One that is silent for ``silence_seconds`` is killed
    and replaced; with 0, nobody listens.
    """

    def __init__(
        self,
        count: int,
        work: Work,
        *,
        grace_seconds: float,
        are_ready: Callable[[], None],
        silence_seconds: float = 0.0,
    ) -> None:
        self._work = work
        self._silence_seconds = silence_seconds
        self._watch = Watch(silence_seconds, time.monotonic())
        self._grace_seconds = grace_seconds
        self._are_ready = are_ready
        self._workers = [Worker(number) for number in range(1, count + 1)]
        self._unready = {worker.number for worker in self._workers}
        self._has_served = False
        self._is_stopping = False
        self._kill_at: float | None = None
        self._status = 0
        self._selector = selectors.DefaultSelector()
        # Only the parent has the other end open. It ends with it, however that dies.
        self._lifeline, self._held_end = os.pipe()
        self._noted, self._notes = socket.socketpair()

    def run(self) -> int:
        """Keep the workers until the end, and return the exit status, in the parent only."""
        gc.freeze()  # what is not touched stays shared with the workers
        with self._notes_of_signals():
            while True:
                self._fill()
                if self._is_stopping and not self._running():
                    return self._status
                self._wait()
                self._bury()
                self._kill_the_silent()

    def _wanted(self) -> list[Worker]:
        """Return whose places a process is to have by now."""
        if self._is_stopping:
            return []
        return self._workers if self._has_served else self._workers[:1]

    def _running(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.process_id]

    # --- starting ----------------------------------------------------------------------------------------

    def _fill(self) -> None:
        now = time.monotonic()
        for worker in self._wanted():
            if not worker.process_id and worker.start_at <= now:
                try:
                    self._start(worker)
                except OSError as error:  # too many processes or files, or too little memory, for now
                    self._note_no_start(worker, error)

    def _start(self, worker: Worker) -> None:
        ready, says_ready = os.pipe()
        # A signal that comes before the child has handlers of its own must not pass for one of the parent's.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _NOTED)
        try:
            # Before the fork: after it, nothing may fail, or the process would be nobody's.
            self._selector.register(ready, selectors.EVENT_READ, worker)
            process_id = os.fork()
        except OSError:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            with contextlib.suppress(KeyError):
                self._selector.unregister(ready)
            os.close(ready)
            os.close(says_ready)
            raise
        if process_id == 0:
            os._exit(self._status_of_child(mask, says_ready))
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(says_ready)
        worker.started(process_id, time.monotonic())

    def _note_no_start(self, worker: Worker, error: OSError) -> None:
        now = time.monotonic()
        worker.started(0, now)
        worker.ended(now)
        _log.error(
            "worker %d could not be started: %s; another attempt in %.1f s",
            worker.number,
            error.strerror,
            worker.start_at - now,
            extra=event("worker_not_started", worker=worker.number),
        )

    def _status_of_child(self, mask: set[int | signal.Signals], says_ready: int) -> int:
        try:
            signal.set_wakeup_fd(-1)
            for number in _NOTED:
                signal.signal(number, signal.SIG_DFL)
            self._leave_pipes_of_others()
            os.close(self._held_end)
            self._noted.close()
            self._notes.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            return self._work(self._lifeline, Pulse(says_ready, self._silence_seconds))
        # Nothing of a child's may reach what is further up the parent's stack.
        except BaseException:
            _log.exception("a worker met a fault", extra=event("fault"))
            return _FAULT_STATUS
        finally:
            finish()

    def _leave_pipes_of_others(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, Worker):
                os.close(key.fd)
        self._selector.close()

    # --- what happens ------------------------------------------------------------------------------------

    def _wait(self) -> None:
        for key, _ in self._selector.select(self._wait_seconds()):
            if isinstance(key.data, Worker):
                self._hear(key.fd, key.data)
            else:
                for number in self._noted.recv(4096):
                    if number in _ENDING:
                        self._stop()
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            _log.error("workers did not end within their grace, and are killed", extra=event("killing"))
            self._kill()

    def _wait_seconds(self) -> float:
        until = [worker.start_at for worker in self._wanted() if not worker.process_id]
        if self._kill_at is not None:
            until.append(self._kill_at)
        left_seconds = min(until, default=float("inf")) - time.monotonic()
        return max(0.0, min(_LONGEST_WAIT_SECONDS, self._watch.longest_wait_seconds, left_seconds))

    def _hear(self, pipe: int, worker: Worker) -> None:
        """Note that a worker is alive, that it serves, or that it has ended."""
        said = os.read(pipe, 4096)
        if not said:
            self._selector.unregister(pipe)
            os.close(pipe)
            return
        self._watch.heard(worker.number)
        if READY not in said:
            return
        worker.is_ready = self._has_served = True
        if worker.number in self._unready:
            self._unready.discard(worker.number)
            if not self._unready and not self._is_stopping:
                self._are_ready()

    def _kill_the_silent(self) -> None:
        """Kill who hangs; the next turn finds it dead, and another takes its place."""
        numbers = self._watch.silent(time.monotonic())
        for worker in self._running():
            if worker.number in numbers and not self._is_stopping:
                _log.error(
                    "worker %d (process %d) has hung for %g s, and is killed",
                    worker.number,
                    worker.process_id,
                    self._silence_seconds,
                    extra=event("worker_hung", worker=worker.number, worker_pid=worker.process_id),
                )
                os.kill(worker.process_id, signal.SIGKILL)

    def _bury(self) -> None:
        for worker in self._running():
            process_id, wait_status = os.waitpid(worker.process_id, os.WNOHANG)
            if process_id:
                self._note_death(worker, wait_status)

    def _note_death(self, worker: Worker, wait_status: int) -> None:
        dead, status = worker.process_id, os.waitstatus_to_exitcode(wait_status)
        worker.ended(time.monotonic())
        self._watch.leave(worker.number)
        if self._is_stopping:
            return
        # Who cannot start will not be helped by trying, unless others serve meanwhile.
        if not self._has_served or (status > 0 and not self._running()):
            self._status, self._is_stopping = (status if status >= 0 else _FAULT_STATUS), True
            return
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        pause_seconds = max(0.0, worker.start_at - time.monotonic())
        _log.warning(
            "worker %d (process %d) %s; the next one starts in %.1f s",
            worker.number,
            dead,
            how,
            pause_seconds,
            extra=event("worker_died", worker=worker.number, worker_pid=dead, status=status),
        )

    # --- ending ------------------------------------------------------------------------------------------

    def _stop(self) -> None:
        """At the first signal, let the workers finish; at the second one, do not."""
        if self._is_stopping:
            self._kill()
            return
        self._is_stopping = True
        self._kill_at = time.monotonic() + self._grace_seconds + _AFTER_GRACE_SECONDS
        for worker in self._running():
            os.kill(worker.process_id, signal.SIGTERM)

    def _kill(self) -> None:
        self._kill_at = None
        for worker in self._running():
            os.kill(worker.process_id, signal.SIGKILL)

    @contextlib.contextmanager
    def _notes_of_signals(self) -> Iterator[None]:
        """Have signals written to where :meth:`_wait` reads them."""
        self._noted.setblocking(False)
        self._notes.setblocking(False)
        self._selector.register(self._noted, selectors.EVENT_READ)
        before = {number: signal.signal(number, lambda *_: None) for number in _NOTED}
        wakeup = signal.set_wakeup_fd(self._notes.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._selector.close()
            for descriptor in (self._lifeline, self._held_end):
                os.close(descriptor)
            self._noted.close()
            self._notes.close()
