"""The supervisor: runs a job as one try or several, each started, supervised and finished at the store."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

from .._shared.state import messages as m
from .._shared.state.errors import StatekeepError
from .._shared.state.wire import refusal_of
from ..client.store_client import call
from ..tracing.following import NO_TRACING
from . import exit_status
from .descriptors import check_descriptors
from .guardian import Guardian
from .job import Job, Outcome, shown
from .loop import Loop
from .socket_directory import SocketDirectory, choose_socket_directory, remove_left_behind
from .starting import Starter, lock_path
from .supervised_try import STOPPING, Place
from .task_process import FORWARDED
from .terminal import Terminal
from .try_life import TryLife

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ..client.store_client import StoreClient
    from ..config import Workers
    from ..tracing.following import Tracing

_FINISH_PATIENCE_SECONDS = 30.0
_HANDLED = (*FORWARDED, signal.SIGCHLD, signal.SIGCONT)


class Supervisor:
    """Supervises one job, in the main thread of a process that has no other thread yet.

    ``on_step`` is called with the name of each step that was just done, in this order: lock_taken,
    try_started, guardian_forked, task_spawned, request_received and reply_ready for each request,
    task_exited, finish_sent, finished.
    """

    def __init__(
        self,
        job: Job,
        settings: Workers,
        *,
        open_client: Callable[[], StoreClient],
        lock_directory: Path,
        environ: Mapping[str, str],
        say: Callable[[str], object],
        on_step: Callable[[str], None] = lambda _step: None,
        store_sees_locks: bool = True,
        finish_patience_seconds: float = _FINISH_PATIENCE_SECONDS,
        tidy_up: Callable[[StoreClient, m.Started], None] = lambda _client, _started: None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        """Raises ``UnavailableError`` when this process may not open enough files.

        ``store_sees_locks`` is False of a store behind a server, which learns of the lock otherwise.
        ``tidy_up`` is called when the job has ended and that is recorded, unless a signal asked for its end;
        the lock is free by then.
        """
        check_descriptors()
        self._job = job
        self._settings = settings
        self._open_client = open_client
        self._lock_path = lock_path(lock_directory, job.task)
        self._environ = environ
        self._say = say
        self._on_step = on_step
        self._store_sees_locks = store_sees_locks
        self._finish_patience_seconds = finish_patience_seconds
        self._tidy_up = tidy_up
        self._tracing = tracing
        self._loop = Loop()
        self._terminal = Terminal()
        self._guardian: Guardian | None = None
        self._life: TryLife | None = None
        self._stopped_by: int | None = None
        self._stops = 0

    def run(self) -> Outcome:
        """Run the job and return how it ended; nothing of it is alive or held then.

        Raises ``InvalidRequestError`` for a job that is none, and what keeps the store from being opened;
        nothing was started then.
        """
        try:
            with self._loop.signals(_HANDLED, self._on_signal):
                return self._run()
        finally:
            self._loop.close()

    def _run(self) -> Outcome:
        starter = Starter(
            self._job,
            self._lock_path,
            self._open_client,
            lease_seconds=self._settings.lease_seconds,
            sees_locks=self._store_sees_locks,
            interruptible=lambda: self._loop.interruptible(STOPPING),
            say=self._say,
            on_step=self._on_step,
        )
        try:
            # Before the try: where no folder can be made, none should be started.
            directory = SocketDirectory(choose_socket_directory(self._environ))
            try:
                remove_left_behind(beside=directory.path)
                return self._run_in(directory.path, starter)
            finally:
                directory.remove()
        except StatekeepError as error:
            self._pause(0)  # a signal that has just ended the wait is noted
            self._say(str(error))
            return Outcome(error.code, self._status_of(error), None, refusal_of(error))
        finally:
            starter.close()

    def _run_in(self, socket_directory: Path, starter: Starter) -> Outcome:
        started = starter.start(pause=self._pause, is_stopped=self._is_stopped)
        try:
            self._say_resumed(started)
            outcome = self._run_guarded(socket_directory, starter, started)
        # Whatever it is: the store must not take the try for a running one. What ran is dead by now.
        except Exception as fault:
            self._record_fault(starter, fault, started if self._life is None else self._life.started)
            raise
        if outcome.refusal is None or not exit_status.is_end_unknown(outcome.refusal.code):
            starter.settle()
        if outcome.refusal is None and not self._is_stopped():
            starter.release_lock()  # also where a guardian that was stopped has not removed its file
            self._tidy_up(starter.client, started)
        return outcome

    def _record_fault(self, starter: Starter, fault: Exception, started: m.Started) -> None:
        """Record the try as failed, unless it is recorded as ended already, which then stands."""
        reason = str(fault) if isinstance(fault, StatekeepError) else f"{type(fault).__name__}: {fault}"
        claims = m.TryClaims(started.instance_id, started.try_number)
        with contextlib.suppress(StatekeepError):
            call(starter.client, claims, m.Finish(False, None, reason))
            starter.settle()

    def _run_guarded(self, socket_directory: Path, starter: Starter, started: m.Started) -> Outcome:
        self._guardian = Guardian(starter.lock, socket_directory)
        try:
            self._on_step("guardian_forked")
            place = Place(
                loop=self._loop,
                client=starter.client,
                settings=self._settings,
                environ=self._environ,
                terminal=self._terminal,
                guardian=self._guardian,
                lock=starter.lock,
                socket_directory=socket_directory,
                say=self._say,
                on_step=self._on_step,
                tracing=self._tracing,
            )
            return self._run_tries(place, starter, started)
        finally:
            guardian, self._guardian = self._guardian, None
            guardian.dismiss()

    def _run_tries(self, place: Place, starter: Starter, started: m.Started) -> Outcome:
        retries_left = self._job.retries
        while True:
            self._life = TryLife(
                place,
                self._job,
                started,
                patience_seconds=self._finish_patience_seconds,
                stops=lambda: self._stops,
            )
            outcome = self._life.run()
            self._tracing.try_ended()
            if not self._life.may_follow or not retries_left:
                return outcome
            self._say_retry(started.try_number, retries_left)
            self._pause(self._job.retry_delay_seconds)
            if self._is_stopped():
                return outcome
            retries_left -= 1
            started = starter.start_again()

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGCHLD:
            if self._guardian is not None:
                self._guardian.replace_if_killed()
            if self._life is not None:
                self._life.running.look()
        elif number == signal.SIGCONT:
            self._terminal.follow_continue()
        else:
            if number in STOPPING:
                self._stopped_by = number
                self._stops += 1
            if self._life is not None:
                self._life.running.forward(number)

    def _is_stopped(self) -> bool:
        return self._stopped_by is not None

    def _pause(self, seconds: float) -> None:
        self._loop.pause(seconds, unless=self._is_stopped)

    def _status_of(self, error: StatekeepError) -> int:
        if self._stopped_by is not None:
            return exit_status.of_signal(self._stopped_by)
        return exit_status.of_refusal(error.code)

    def _say_resumed(self, started: m.Started) -> None:
        if started.previous_status is None:
            return
        # A try that still ran when this one began was killed, or has been given up.
        how = {"running": "did not finish", "superseded": "did not finish"}.get(
            started.previous_status, started.previous_status
        )
        kept = "beginning anew" if self._job.fresh else "going on with its state"
        task = shown(self._job.task)
        self._say(f"try {started.try_number} of {task}: try {started.try_number - 1} {how}; {kept}")

    def _say_retry(self, try_number: int, retries_left: int) -> None:
        delay_seconds = self._job.retry_delay_seconds
        when = f" in {delay_seconds:g} s" if delay_seconds else ""
        left = "1 retry" if retries_left == 1 else f"{retries_left} retries"
        self._say(f"try {try_number} of {shown(self._job.task)} failed; trying again{when} ({left} left)")
