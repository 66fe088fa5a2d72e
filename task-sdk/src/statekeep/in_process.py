"""`statekeep.open_task`: a task in this very process, for notebooks."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from . import config
from ._shared.settings import config_file
from ._shared.state import messages as m
from ._shared.state.errors import (
    ForbiddenError,
    StatekeepError,
    SupersededError,
    TryFinishedError,
    UnavailableError,
)
from ._shared.state.rules import check_task
from ._shared.state.wire import from_plain, raise_if_refused, to_plain
from .asset import Asset
from .channel.cancelled_calls import outcome
from .client.opening import lock_directory, open_client_apart
from .client.store_client import draw_request_id
from .context import Context, entered
from .supervisor.exit_status import is_end_unknown
from .supervisor.job import Job, shown
from .supervisor.saying import say
from .supervisor.starting import Starter, lock_path
from .supervisor.supervised_try import context_of
from .supervisor.worker_backends import dispose_of_job, made_backends
from .tracing.configured import in_process_tracing_of
from .tracing.following import NO_TRACING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ._shared.state.wire import Plain
    from .backends.configured import Backends
    from .client.store_client import StoreClient

_BEATS_PER_LEASE = 3

# process-wide: tasks that are opened one after the other share connections, and what is kept in memory.
_backends_by_settings: dict[tuple[object, ...], Backends | None] = {}


class InProcessTransport:
    """Answers the requests of a try in its own process. Callable from any thread and any event loop.

    Not from a forked child, which has neither the store's thread nor a right to the try (``ForbiddenError``),
    and not after the try has ended (``TryFinishedError``).
    """

    def __init__(self, client: StoreClient, claims: m.TryClaims, task: m.TaskAddress) -> None:
        self._client = client
        self._claims = claims
        self._task = task
        self._pid = os.getpid()
        self._ended_as: str | None = None

    @property
    def is_own(self) -> bool:
        """Whether this is the process that opened the task, and no forked child of it."""
        return self._pid == os.getpid()

    def call(self, request: Any, request_id: str | None = None) -> Any:
        """Return the reply; block until it is there."""
        self._check()
        claims = to_plain(self._claims)
        return self._read(self._client.ask(claims, to_plain(request), request_id or draw_request_id()))

    async def acall(self, request: Any, request_id: str | None = None) -> Any:
        """Return the reply without blocking the event loop."""
        self._check()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Plain] = loop.create_future()

        def resolve(reply: Plain) -> None:
            if not answer.done():  # the caller is gone
                answer.set_result(reply)

        def on_reply(reply: Plain) -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(resolve, reply)

        claims = to_plain(self._claims)
        self._client.submit(claims, to_plain(request), request_id or draw_request_id(), on_reply=on_reply)
        return self._read(await outcome(answer, take_back=lambda: False))

    def end(self, ended_as: str) -> None:
        """Refuse whatever is asked from now on: the try is over."""
        self._ended_as = ended_as

    def _read(self, reply: Plain) -> Any:
        try:
            return raise_if_refused(from_plain(reply, ignore_unknown=True))
        except UnavailableError:
            self._check_since_unavailable()
            raise

    def _check_since_unavailable(self) -> None:
        """Say that the try has ended, because of which the store was closed in between."""
        try:
            self._check()
        except TryFinishedError as ended:
            ended.is_first_answer = False  # whether the request took effect is not known
            raise

    def _check(self) -> None:
        if not self.is_own:
            raise ForbiddenError(
                what=f"a request of process {os.getpid()}",
                problem=f"the context belongs to process {self._pid}, which opened the task; "
                "let that one keep the state, or use `statekeep run`, whose forked children may, too",
            )
        if self._ended_as is not None:
            raise TryFinishedError(
                task=shown(self._task), try_number=self._claims.try_number, status=self._ended_as
            )


@contextmanager
def open_task(
    *,
    dag: str,
    run: str,
    task: str,
    map_index: int = -1,
    inlets: Iterable[Asset | str] = (),
    outlets: Iterable[Asset | str] = (),
    wait_seconds: float = 0.0,
    rerun: bool = False,
    fresh: bool = False,
    new_asset: bool = False,
) -> Iterator[Context]:
    """Run the block as a try of a task, in this process, with the context that a supervised task has.

    At the end of the block the try succeeds, and what it staged takes effect; when the block raises, the try
    fails. Nobody kills this process when another try takes over (after the lease has run out, that is when
    the machine slept or the kernel was stopped): its state is then refused with ``SupersededError``, and
    whatever else it does goes on. ``statekeep run`` has no such gap. A forked child can neither use the
    context nor end the try.

    Raises ``TryRunningError`` while another try runs, ``AlreadySucceededError`` after a success unless
    ``rerun``, and at the end ``ConflictError`` when what was staged no longer fits: the try has failed then.
    """
    check_task(dag, run, task, map_index)
    job = Job(
        task=m.TaskAddress(dag, run, task, map_index),
        command=(),
        inlets=tuple(m.AssetAddress(*Asset.of(asset)) for asset in inlets),
        outlets=tuple(m.AssetAddress(*Asset.of(asset)) for asset in outlets),
        wait_seconds=wait_seconds,
        rerun=rerun,
        fresh=fresh,
        new_asset=new_asset,
    )
    with _opened(job) as context:
        yield context


@contextmanager
def _opened(job: Job) -> Iterator[Context]:
    environ = config.process_environment()
    settings = config.load(environ)
    backends = _made_backends(settings.workers, environ)
    spans = in_process_tracing_of(settings.tracing, environ)
    tracing = spans or NO_TRACING
    starter = Starter(
        job,
        lock_path(lock_directory(settings, environ), job.task),
        lambda: open_client_apart(settings, environ, say=say, tracing=tracing),
        lease_seconds=settings.workers.lease_seconds,
        sees_locks=not settings.api.url,
    )
    pid = os.getpid()
    try:
        started = starter.start(pause=time.sleep, is_stopped=lambda: False)
        tracing.try_began(job.task, started.ti_id, started.try_number)
        claims = m.TryClaims(started.instance_id, started.try_number)
        transport = InProcessTransport(starter.client, claims, job.task)
        if backends is not None:
            backends.belong_to(started.store_id)
        described = context_of(job.task, started, settings.workers)
        context = Context(described, spans.traced(transport) if spans else transport, backends)
        with _lease(transport, started.lease_seconds), _finish(transport, starter), entered(context):
            yield context
        if os.getpid() == pid:
            tracing.try_ended()
            if backends is not None:
                dispose_of_job(starter.client, job.task, started, backends, say=say)
    finally:
        # A forked child that leaves the block has ended nothing: the try, the store, the lock and the trace,
        # which a fork shares, are its parent's.
        if os.getpid() == pid:
            starter.close()
            tracing.close()


def _made_backends(workers: config.Workers, environ: Mapping[str, str]) -> Backends | None:
    """Return the configured backends, made anew when settings have changed. Raises ``SettingsError``."""
    variables = sorted(item for item in environ.items() if item[0].startswith("STATEKEEP"))
    settings = (workers.state_backend, workers.read_backends, *variables, _changed_at(config_file(environ)))
    if settings not in _backends_by_settings:
        _backends_by_settings.clear()  # a task that is open holds its own
        _backends_by_settings[settings] = made_backends(workers, environ)
    return _backends_by_settings[settings]


def _changed_at(path: str | None) -> int | None:
    try:
        return None if path is None else os.stat(path).st_mtime_ns  # noqa: PTH116 -- as everywhere at a start
    except OSError:
        return None


@contextmanager
def _finish(transport: InProcessTransport, starter: Starter) -> Iterator[None]:
    """Record how the block ends, and refuse what is asked after it."""
    try:
        yield
    except BaseException as error:
        if transport.is_own:
            # What the block raised is what matters, and the store can always find out that this try is over.
            with suppress(StatekeepError):
                failure = m.Finish(False, None, f"raised {type(error).__name__}")
                _end(transport, starter, failure, "failed")
        raise
    if transport.is_own:
        _end(transport, starter, m.Finish(True), "succeeded")


def _end(transport: InProcessTransport, starter: Starter, finish: m.Finish, ended_as: str) -> None:
    try:
        transport.call(finish)
    except BaseException as error:
        transport.end("ended")
        if isinstance(error, StatekeepError) and not is_end_unknown(error.code):
            starter.settle()
        raise
    starter.settle()
    transport.end(ended_as)


@contextmanager
def _lease(transport: InProcessTransport, lease_seconds: float) -> Iterator[None]:
    """Renew the lease from a thread while the block runs."""
    is_over = Event()

    def renew() -> None:
        while not is_over.wait(lease_seconds / _BEATS_PER_LEASE):
            try:
                transport.call(m.Heartbeat(lease_seconds))
            except (SupersededError, TryFinishedError):
                return  # the block is told by its next read or write
            except StatekeepError:
                continue  # a store that is away for a while; the lease may lapse and ends nothing by that

    thread = Thread(target=renew, name="statekeep-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        if transport.is_own:  # a forked child has no such thread
            is_over.set()
            thread.join()
