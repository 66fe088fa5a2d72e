"""One try while its command runs: the process, the channel, the lease; stopped when it must be."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NamedTuple

from .._shared.state import messages as m
from .._shared.state.errors import error_from
from ..channel.address import ADDRESS_VARIABLE
from ..tracing.following import NO_TRACING
from .channel_server import ChannelServer
from .heartbeat import Heartbeat
from .process_group import is_group_alive, signal_group
from .relay import Relay
from .task_process import Ended, Stopped, TaskProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from .._shared.state.wire import Plain
    from ..client.store_client import StoreClient
    from ..config import Workers
    from ..tracing.following import Tracing
    from .guardian import Guardian
    from .job import Job
    from .loop import Deadline, Loop
    from .terminal import Terminal
    from .try_lock import TryLock

# What a finished script left running in its group (a `tee` with the last lines) has so long to end by itself.
_LINGER_SECONDS = 1.0
_LOOK_SECONDS = 0.01
# A process that outlives SIGKILL for longer hangs in its disk or driver, and nothing can be done about it.
_KILLED_SECONDS = 5.0

# Whoever sends one of these wants the task to end, and not to be tried again.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Place(NamedTuple):
    """What the tries of one supervisor share."""

    loop: Loop
    client: StoreClient
    settings: Workers
    environ: Mapping[str, str]
    terminal: Terminal
    guardian: Guardian
    lock: TryLock | None
    socket_directory: Path
    say: Callable[[str], object]
    on_step: Callable[[str], None]
    tracing: Tracing = NO_TRACING


def context_of(task: m.TaskAddress, started: m.Started, workers: Workers, trace: str = "") -> m.Context:
    """Return what a task may know of its try, and of its worker's backends."""
    return m.Context(
        task,
        started.ti_id,
        started.try_number,
        started.grants,
        started.max_value_bytes,
        store_id=started.store_id,
        state_backend=workers.state_backend,
        read_backends=workers.read_backends,
        trace=trace,
    )


class SupervisedTry:
    """A try that the store has started. ``run`` is called once; signals and fences may come meanwhile.

    ``lost`` is the refusal that said that another try has taken over. ``stopped_by`` is the signal that asked
    for the task's end.
    """

    def __init__(self, place: Place, job: Job, started: m.Started, claims: Plain) -> None:
        self.lost: m.Refusal | None = None
        self.stopped_by: int | None = None
        self._place = place
        self._job = job
        self._started = started
        self._claims = claims
        self._process: TaskProcess | None = None
        self._ended: Ended | None = None
        self._kill: Deadline | None = None

    def run(self) -> Ended:
        """Run the command to its end and return how it ended; nothing of its process group is alive then.

        Raises :class:`CannotExecuteError` when there is nothing to run, and ``UnavailableError`` when no
        socket can be made.
        """
        place, started = self._place, self._started
        place.tracing.try_began(self._job.task, started.ti_id, started.try_number)
        context = context_of(self._job.task, started, place.settings, place.tracing.traceparent)
        relay = Relay(
            place.loop,
            place.client,
            context,
            self._claims,
            on_fenced=self.fence,
            on_step=place.on_step,
            tracing=place.tracing,
        )
        heartbeat = Heartbeat(
            place.loop, place.client, self._claims, started.lease_seconds, on_fenced=self.fence, say=place.say
        )
        # A path of its own, so that what has escaped from an earlier try never speaks as this one.
        path = place.socket_directory / str(started.try_number)
        try:
            with ChannelServer(place.loop, path, relay):
                ended = self._run_process({**place.environ, ADDRESS_VARIABLE: str(path)})
                self._end_group()
        finally:
            heartbeat.end()
            place.terminal.take_back()
        return ended

    def fence(self, refusal: m.Refusal) -> None:
        """Take note that another try has taken over, and stop the task, unless it is to go on."""
        if self.lost is not None:
            return
        self.lost = refusal
        stops = self._place.settings.on_lease_lost == "stop"
        what = "stopping the task" if stops else "the task goes on without its state"
        self._place.say(f"{error_from(refusal.code, refusal.facts)}; {what}")
        if stops:
            self._stop()

    def forward(self, signal_number: int) -> None:
        """Pass a signal on to the whole process group."""
        if signal_number in STOPPING:
            self.stopped_by = signal_number
        if self._process is not None:
            signal_group(self._process.group_id, signal_number)
            if signal_number in STOPPING:
                self._signal_group(signal.SIGCONT)  # a stopped one could not answer

    def look(self) -> None:
        """See what has become of the process; called whenever some child has changed."""
        while self._process is not None and self._ended is None:
            change = self._process.poll()
            if change is None:
                return
            if isinstance(change, Stopped):
                self._place.terminal.follow_stop(self._process.group_id, change.signal_number)
            else:
                self._ended = change

    def _run_process(self, environ: Mapping[str, str]) -> Ended:
        place = self._place

        def announce(group_id: int) -> None:
            place.guardian.watch(group_id)
            if place.lock is not None:
                place.lock.note(group_id, str(place.socket_directory))
            place.terminal.lend(group_id)

        self._process = TaskProcess(self._job.command, environ, before_exec=announce)
        place.guardian.watch(self._process.group_id)
        place.on_step("task_spawned")
        if self.stopped_by is not None:  # it came before there was a process
            self.forward(self.stopped_by)
        self.look()
        while self._ended is None:
            place.loop.run_until(lambda: self._ended is not None)
        place.on_step("task_exited")
        return self._ended

    def _end_group(self) -> None:
        """End what the command has left running in its group, gently at first."""
        is_being_stopped = self._kill is not None or self.stopped_by is not None
        if not self._is_empty_within(0 if is_being_stopped else _LINGER_SECONDS):
            self._place.say("processes of the task have outlived it; stopping them")
            self._signal_group(signal.SIGTERM)
            if not self._is_empty_within(self._place.settings.stop_grace_seconds):
                self._signal_group(signal.SIGKILL)
                self._is_empty_within(_KILLED_SECONDS)
        if self._kill is not None:
            self._kill.cancel()
        self._process = None
        self._place.guardian.rest()

    def _is_empty_within(self, seconds: float) -> bool:
        looks = int(seconds / _LOOK_SECONDS)
        while self._process is not None and is_group_alive(self._process.group_id):
            if looks == 0:
                return False
            looks -= 1
            self._place.loop.pause(_LOOK_SECONDS, unless=lambda: False)
        return True

    def _stop(self) -> None:
        if self._process is None or self._kill is not None:
            return
        self._signal_group(signal.SIGTERM)
        self._signal_group(signal.SIGCONT)  # a stopped one could not answer
        self._kill = self._place.loop.call_after(
            self._place.settings.stop_grace_seconds, lambda: self._signal_group(signal.SIGKILL)
        )

    def _signal_group(self, signal_number: int) -> None:
        if self._process is not None:
            signal_group(self._process.group_id, signal_number)
