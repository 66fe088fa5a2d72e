"""`statekeep.open_task`: a task in this very process, for notebooks."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from . import config
from ._shared.state import messages as m
from ._shared.state.errors import StatekeepError, SupersededError, TryFinishedError
from ._shared.state.rules import check_task
from ._shared.state.wire import from_plain, raise_if_refused, to_plain
from .asset import Asset
from .client.opening import lock_directory, open_client
from .client.store_client import call, draw_request_id
from .context import Context, entered
from .supervisor.job import Job
from .supervisor.starting import Starter, lock_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ._shared.state.wire import Plain
    from .client.store_client import StoreClient

_BEATS_PER_LEASE = 3


class InProcessTransport:
    """Answers the requests of a try in its own process. Callable from any thread and any event loop."""

    def __init__(self, client: StoreClient, claims: m.TryClaims) -> None:
        self._client = client
        self._claims = to_plain(claims)

    def call(self, request: Any, request_id: str | None = None) -> Any:
        """Return the reply; block until it is there."""
        reply = self._client.ask(self._claims, to_plain(request), request_id or draw_request_id())
        return raise_if_refused(from_plain(reply, ignore_unknown=True))

    async def acall(self, request: Any, request_id: str | None = None) -> Any:
        """Return the reply without blocking the event loop."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Plain] = loop.create_future()

        def resolve(reply: Plain) -> None:
            if not answer.done():  # the caller was cancelled
                answer.set_result(reply)

        def on_reply(reply: Plain) -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(resolve, reply)

        self._client.submit(
            self._claims, to_plain(request), request_id or draw_request_id(), on_reply=on_reply
        )
        return raise_if_refused(from_plain(await answer, ignore_unknown=True))


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
    whatever else it does goes on. ``statekeep run`` has no such gap.

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
    environ = config.process_environment()
    settings = config.load(environ)
    starter = Starter(
        job,
        lock_path(lock_directory(settings, environ), job.task),
        lambda: open_client(settings, environ),
        lease_seconds=settings.workers.lease_seconds,
    )
    try:
        started = starter.start(pause=time.sleep, is_stopped=lambda: False)
        claims = m.TryClaims(started.instance_id, started.try_number)
        described = m.Context(
            job.task, started.ti_id, started.try_number, started.grants, started.max_value_bytes
        )
        context = Context(described, InProcessTransport(starter.client, claims))
        lease = _lease(starter.client, claims, started.lease_seconds)
        with lease, _finish(starter.client, claims), entered(context):
            yield context
    finally:
        starter.close()


@contextmanager
def _finish(client: StoreClient, claims: m.TryClaims) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        # What the block raised is what matters, and the store can always find out that this try is over.
        with suppress(StatekeepError):
            call(client, claims, m.Finish(False, None, f"raised {type(error).__name__}"))
        raise
    call(client, claims, m.Finish(True))


@contextmanager
def _lease(client: StoreClient, claims: m.TryClaims, lease_seconds: float) -> Iterator[None]:
    """Renew the lease from a thread while the block runs."""
    is_over = Event()

    def renew() -> None:
        while not is_over.wait(lease_seconds / _BEATS_PER_LEASE):
            try:
                call(client, claims, m.Heartbeat(lease_seconds))
            except (SupersededError, TryFinishedError):
                return  # the block is told by its next read or write
            except StatekeepError:
                continue  # a store that is away for a while; the lease may lapse and ends nothing by that

    thread = Thread(target=renew, name="statekeep-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
