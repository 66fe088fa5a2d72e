"""Runs the application: listens, serves until it is told to stop, and lets go in good order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import signal
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, NamedTuple

import uvicorn
import uvloop

from statekeep_core._shared.state.errors import StoreUnusableError

from . import listening
from .access import Access
from .http.answer_room import AnswerRoom
from .http.app import Application
from .http.bodies import Bodies
from .http.connections import Limits, bounded
from .opening import open_engine, prepare_workers
from .sweeping import Sweeper
from .telemetry.logs import event
from .telemetry.metrics_files import shared_by_workers
from .telemetry.observation import observation_of
from .workers import Workers

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from statekeep_core.server_options import Server

    from .engine import Engine
    from .pulse import Pulse
    from .telemetry.observation import Observation
    from .telemetry.observing import Observers

_log = logging.getLogger(__name__)

# A worker's idle connection is kept for longer than two of its heartbeats are apart.
_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 2_048
_AROUND_A_VALUE_BYTES = 65_536
# The store's files or connections, the log, the listener, and what the next release needs.
_OTHER_DESCRIPTORS = 64


class Post(NamedTuple):
    """Where a process serves: its socket, and whom it tells when it takes requests.

    ``lifeline`` is a descriptor that ends when the process is to end: that of a worker, with its parent.
    While ``beating``, the parent is shown that the event loop runs.
    """

    listener: socket.socket
    is_ready: Callable[[], None]
    lifeline: int | None = None
    beating: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext


def serve(options: Server, environ: Mapping[str, str], say: Callable[[str], object]) -> None:
    """Serve the store of the settings until SIGTERM or SIGINT, and return when all is committed and closed.

    The log tells where it listens once it takes requests. Says on the first start the credential that it has
    made, which is for no log. Waits for a database that is away. Raises what keeps the store from being
    opened, or the address from being listened on.
    """
    allow_descriptors()
    with listening.bound(options) as listener, listening.mark_of(options, listener) as mark:
        url = listening.url_of(options, listener)

        def is_ready() -> None:
            mark.close()
            _log_ready(url, 1)

        serve_at(Post(listener, is_ready), options, environ, say)
        _log.info("the server has ended", extra=event("stopped"))


def serve_with_workers(
    options: Server,
    environ: Mapping[str, str],
    say: Callable[[str], object],
    status_of: Callable[[Callable[[], None]], int],
) -> int:
    """As :func:`serve`, with several processes; return the exit status.

    ``status_of`` runs one, says what it raises, and returns its status. Raises :class:`UnsupportedError` for
    a store that one process serves, and when the address is not to be had.
    """
    prepare_workers(environ, options.workers)
    allow_descriptors()
    with (
        listening.reserved(options) as address,
        listening.mark_of(options, address) as mark,
        _counting_together(options, environ),
    ):
        url = listening.url_of(options, address)

        def work(lifeline: int, pulse: Pulse) -> int:
            def served() -> None:
                with listening.of_worker(options, address) as listener:
                    if listener is not address:
                        # Else they would be had for as long as an orphan finishes what it has.
                        address.close()
                        mark.close()
                    serve_at(Post(listener, pulse.ready, lifeline, pulse.beating), options, environ, say)

            return status_of(served)

        def are_ready() -> None:
            mark.close()
            _log_ready(url, options.workers)

        workers = Workers(
            options.workers,
            work,
            grace_seconds=options.stop_grace_seconds,
            are_ready=are_ready,
            silence_seconds=options.worker_silence_seconds,
        )
        status = workers.run()
        _log.info("the server has ended", extra=event("stopped", status=status))
        return status


def _counting_together(
    options: Server, environ: Mapping[str, str]
) -> contextlib.AbstractContextManager[None]:
    """Return what has the workers count together, if they count; it changes this process's environment."""
    if (options.metrics or options.metrics_address) and isinstance(environ, MutableMapping):
        return shared_by_workers(environ)
    return contextlib.nullcontext()


def _log_ready(url: str, workers: int) -> None:
    _log.info("listening on %s", url, extra=event("ready", url=url, workers=workers))


def serve_at(post: Post, options: Server, environ: Mapping[str, str], say: Callable[[str], object]) -> None:
    """Serve at a post, in this process."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_served(post, options, environ, say))


def allow_descriptors() -> None:
    """Let this process, and those that it starts, have as many connections as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        # macOS says that there is no limit, and then refuses more than there are for one process.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _served(
    post: Post, options: Server, environ: Mapping[str, str], say: Callable[[str], object]
) -> None:
    with post.beating():
        await _serve(post, options, environ, say)


async def _serve(
    post: Post, options: Server, environ: Mapping[str, str], say: Callable[[str], object]
) -> None:
    observation = observation_of(options, environ)
    engine = await _opened(post, environ, say, observation.observers)
    if engine is None:
        return
    try:
        access = Access(engine, token_seconds=options.token_seconds)
        bodies = bodies_of(options, engine.policy.max_value_bytes)
        room = AnswerRoom(total_bytes=options.max_held_bytes, max_value_bytes=engine.policy.max_value_bytes)
        application = Application(engine, access, bodies, observation.observers, room)
        server = _Server(_loaded(_configuration(application, options), options))
        async with (
            _showing_metrics(application, engine, observation, options),
            _sweeping(engine, options, observation),
        ):
            with _stopping(post, server, application):
                # Not earlier: who meets a server that waits for its database is to ask another one.
                listening.listen(post.listener, _BACKLOG)
                post.is_ready()
                await server.serve(sockets=[post.listener])
    finally:
        await engine.close()
        observation.close()


class _Server(uvicorn.Server):
    """Leaves the signals to us: uvicorn would raise them again before the store is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _showing_metrics(
    application: Application, engine: Engine, observation: Observation, options: Server
) -> AsyncIterator[None]:
    if observation.metrics is None:
        yield
        return
    from .http.metrics_serving import showing_metrics  # their client is an extra

    async with showing_metrics(observation.metrics, engine, options) as application.metrics_page:
        yield


@contextlib.asynccontextmanager
async def _sweeping(engine: Engine, options: Server, observation: Observation) -> AsyncIterator[None]:
    if not options.sweep_every_seconds:
        yield
        return
    sweeper = Sweeper(engine, options.sweep_every_seconds, observation.observers)
    sweeping = asyncio.ensure_future(sweeper.run())
    try:
        yield
    finally:
        sweeping.cancel()
        await asyncio.wait([sweeping])


@contextlib.contextmanager
def _stopping(post: Post, server: _Server, application: Application) -> Iterator[None]:
    """Stop at the first signal when what is in flight is answered, and at the second at once.

    A worker heeds one only: a service manager or a terminal signals it as well as its parent, which kills
    those that are to stop at once.
    """

    def stop() -> None:
        _log.info("told to end; answering what is in flight", extra=event("stopping"))
        application.health.leave()
        server.force_exit = server.should_exit and post.lifeline is None
        server.should_exit = True

    with _told_to_end(post, stop):
        yield


@contextlib.contextmanager
def _told_to_end(post: Post, act: Callable[[], object]) -> Iterator[None]:
    """Act on each signal to end, and when the parent is gone."""
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as undo:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, act)
            undo.callback(loop.remove_signal_handler, number)
        if post.lifeline is not None:
            loop.add_reader(post.lifeline, _once(act, loop, post.lifeline))
            undo.callback(loop.remove_reader, post.lifeline)
        yield


def _once(act: Callable[[], object], loop: asyncio.AbstractEventLoop, lifeline: int) -> Callable[[], None]:
    def ended() -> None:
        loop.remove_reader(lifeline)  # what has ended goes on being readable
        act()

    return ended


async def _opened(
    post: Post, environ: Mapping[str, str], say: Callable[[str], object], observers: Observers
) -> Engine | None:
    """Return the engine; None when the server is told to stop while it waits for its database."""
    opening = asyncio.ensure_future(open_engine(environ, say, observers))
    # The first process of a container has no signals but those that it handles.
    with _told_to_end(post, opening.cancel):
        await asyncio.wait([opening])
    return None if opening.cancelled() else opening.result()


def _configuration(application: Application, options: Server) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=bounded(_limits(options)),
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(options.stop_grace_seconds)),
        ssl_certfile=options.tls_certificate or None,
        ssl_keyfile=options.tls_key or None,
    )


def _limits(options: Server) -> Limits:
    """Return the limits of connections: of their number, what this process may have if that is less."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = soft - _OTHER_DESCRIPTORS if soft != resource.RLIM_INFINITY else options.max_connections
    return Limits(
        head_seconds=options.head_seconds,
        # A body that comes too slowly is refused; the connection of one that does not come at all is closed.
        body_seconds=options.body_seconds * 1.25,
        unread_seconds=options.unread_seconds,
        connections=max(1, min(options.max_connections, most)),
    )


def _loaded(configuration: uvicorn.Config, options: Server) -> uvicorn.Config:
    if options.tls_key and not options.tls_certificate:
        raise StoreUnusableError(
            what=f"the key {options.tls_key}",
            problem="no certificate goes with it",
            remedy="set [server] tls_certificate, too, or neither for plain HTTP",
        )
    try:
        configuration.load()
    except OSError as error:  # an SSLError is one, too
        raise StoreUnusableError(
            what=f"the certificate {options.tls_certificate}",
            problem=str(error.strerror or error),
            remedy="set [server] tls_certificate and tls_key to files in PEM form that this user may read",
        ) from error
    return configuration


def bodies_of(options: Server, max_value_bytes: int) -> Bodies:
    """Return what reads bodies within the limits; the largest value that the store takes has room in one."""
    return Bodies(
        body_bytes=max(options.max_body_bytes, max_value_bytes + _AROUND_A_VALUE_BYTES),
        total_bytes=options.max_held_bytes,
        seconds=options.body_seconds,
    )
