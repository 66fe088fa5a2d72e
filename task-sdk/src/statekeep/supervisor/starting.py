"""Starts the first try of a job: the lock, the store, and patience with a try that still runs."""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from .._shared.state import messages as m
from .._shared.state.errors import (
    AlreadySucceededError,
    InternalFaultError,
    InvalidRequestError,
    StatekeepError,
    TryRunningError,
    UnavailableError,
)
from .._shared.state.identity import ti_id_of
from .._shared.state.wire import from_plain, raise_if_refused, to_plain
from ..client.store_client import call, draw_request_id
from .job import Job, check, shown
from .loop import StoppedError
from .try_lock import TryLock, replace_lock, take_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..client.store_client import StoreClient

_LONGEST_PAUSE_SECONDS = 0.2


def lock_path(lock_directory: Path, task: m.TaskAddress) -> Path:
    """Return where the lock of a task instance is."""
    return lock_directory / f"{ti_id_of(*task)}.lock"


class Starter:
    """Starts the tries of a job: the first with the lock taken and the store opened, the others after it.

    ``lock`` is None when another process holds it, whose lease has run out: a suspended one. A store that
    sees no locks is told what this one proves, in secrets (see :class:`TryLock`).
    """

    client: StoreClient

    def __init__(
        self,
        job: Job,
        path: Path,
        open_client: Callable[[], StoreClient],
        *,
        lease_seconds: float,
        sees_locks: bool = True,
        interruptible: Callable[[], AbstractContextManager[None]] = nullcontext,
        say: Callable[[str], object] = lambda _message: None,
        on_step: Callable[[str], None] = lambda _step: None,
    ) -> None:
        """Raises ``InvalidRequestError`` for a job whose numbers are none.

        A server is asked within ``interruptible()``, which may raise :class:`StoppedError`.
        """
        check(job)
        self.lock: TryLock | None = None
        self._job = job
        self._path = path
        self._open_client = open_client
        self._lease_seconds = lease_seconds
        self._secret = "" if sees_locks else os.urandom(16).hex()
        self._interruptible = nullcontext if sees_locks else interruptible
        self._say = say
        self._on_step = on_step
        self._is_waiting = False
        self._is_open = False

    def start(self, *, pause: Callable[[float], None], is_stopped: Callable[[], bool]) -> m.Started:
        """Start the first try as soon as no other runs, within the job's ``wait_seconds``.

        Raises the refusal, :class:`TryRunningError` when the wait is over or ``is_stopped()``, and what keeps
        the store from being opened.
        """
        give_up_at = time.monotonic() + self._job.wait_seconds
        while True:
            self._take_lock()
            try:
                started = self._start(is_retry=False)
            except TryRunningError as error:
                left_seconds = give_up_at - time.monotonic()
                if left_seconds <= 0:
                    raise
                self._say_waiting(error)
                pause(min(left_seconds, _LONGEST_PAUSE_SECONDS))
                if is_stopped():
                    raise
            else:
                if self.lock is None:
                    self._replace_lock()
                self._on_step("try_started")
                return started

    def start_again(self) -> m.Started:
        """Start a further try, after one of this supervisor's own has failed. Raises the refusal."""
        started = self._start(is_retry=True)
        self._on_step("try_started")
        return started

    def settle(self) -> None:
        """Take note that the store knows how the last try ended: the next start need know nothing of it."""
        if self.lock is not None:
            self.lock.disclaim()

    def close(self) -> None:
        """Let go of the store and of the lock, whose file is removed, unless a try may run yet."""
        try:
            if self._is_open:
                self.client.close()
        finally:
            self.release_lock()

    def release_lock(self) -> None:
        """Let go of the lock, and of nothing else; again is fine."""
        lock, self.lock = self.lock, None
        if lock is not None:
            lock.release()

    def _say_waiting(self, error: TryRunningError) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            number, task = error.facts.get("try_number"), error.facts.get("task")
            self._say(f"waiting up to {self._job.wait_seconds:g} s for try {number} of {task}")

    def _take_lock(self) -> None:
        if self.lock is None:
            self.lock = take_lock(self._path)
            if self.lock is not None:
                self._on_step("lock_taken")

    def _replace_lock(self) -> None:
        self.lock = replace_lock(self._path)
        if self.lock is not None and self._secret:
            self.lock.claim(self._secret)

    def _start(self, *, is_retry: bool) -> m.Started:
        if not self._is_open:
            self.client = self._open_client()
            self._is_open = True
        if self.lock is None:
            self._leave_it_to_the_holder()
        try:
            return self._ask(self._request(is_retry=is_retry))
        except TryRunningError as error:
            if self.lock is None or not self.lock.tells_gone(str(error.facts.get("holder"))):
                raise
        return self._ask(self._request(is_retry=is_retry, is_other_gone=True))

    def _ask(self, request: m.Start) -> m.Started:
        if not self._secret:
            return self._ask_once(request)
        try:
            return self._ask_with_secrets(request)
        except InvalidRequestError:
            secret, self._secret = self._secret, ""
        try:
            return self._ask_once(request)  # a server of an earlier release: only the lease decides there
        except InvalidRequestError:  # of this one's, too
            self._secret = secret
            raise

    def _ask_with_secrets(self, request: m.Start) -> m.Started:
        """Ask for a try under this supervisor's secret, which stands in the lock's file from before until
        it is known that none has begun."""
        if self.lock is None:
            return self._ask_once(request._replace(holder=self._secret))
        self.lock.claim(self._secret)
        request = request._replace(holder=self._secret, holds_lock_of=self.lock.secrets_of_dead)
        try:
            started = self._ask_once(request)
        except StatekeepError as error:
            if error.is_first_answer and not isinstance(error, InternalFaultError):
                self.lock.disclaim()
                if isinstance(error, (AlreadySucceededError, TryRunningError)):
                    self.lock.inherit()
            raise
        self.lock.inherit()
        return started

    def _ask_once(self, request: m.Start) -> m.Started:
        claims = to_plain(m.WorkerClaims(os.uname().nodename))
        try:
            with self._interruptible():
                reply = self.client.ask(claims, to_plain(request), draw_request_id())
        except StoppedError:
            stopped = UnavailableError(what="the server", problem="this was stopped before it answered")
            stopped.is_first_answer = False
            raise stopped from None
        started: m.Started = raise_if_refused(from_plain(reply, ignore_unknown=True))
        return started

    def _leave_it_to_the_holder(self) -> None:
        """Raise :class:`TryRunningError` when the lock's holder runs no try.

        It is about to start one, or pauses before it tries again; a try that started here would be taken
        over in a moment. What runs, has lapsed or has succeeded is for the store to decide.
        """
        task = self._job.task
        newest = m.ListTries(task.dag_id, task.run_id, task.task_id, task.map_index, limit=1)
        listed: m.Tries = call(self.client, m.OperatorClaims("supervisor"), newest)
        last = listed.tries[0] if listed.tries else None
        decided = ("running", "lapsed") if self._job.rerun else ("running", "lapsed", "succeeded")
        if last is None or last.status not in decided:
            raise TryRunningError(
                task=shown(task),
                try_number=1 if last is None else last.try_number + 1,
                lease_seconds=0.0,
                holder="or about to be, under the supervisor that holds its lock",
            )

    def _request(self, *, is_retry: bool, is_other_gone: bool = False) -> m.Start:
        """Return the request that starts a try. What concerns earlier runs goes with the first one only.

        ``is_other_gone``: whoever had the running try is known to be no more, so its lease need not be
        waited for.
        """
        job = self._job
        return m.Start(
            task=job.task,
            inlets=job.inlets,
            outlets=job.outlets,
            supervisor=f"{os.uname().nodename}:{os.getpid()}",
            rerun=job.rerun and not is_retry,
            fresh=job.fresh and not is_retry,
            new_asset=job.new_asset and not is_retry,
            holds_lock=is_other_gone,
            lease_seconds=self._lease_seconds,
        )
