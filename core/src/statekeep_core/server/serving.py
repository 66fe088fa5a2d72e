"""Runs the application: listens, serves until it is told to stop, and lets go in good order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from typing import TYPE_CHECKING

import uvicorn
import uvloop

from statekeep_core._shared.state.errors import StoreUnusableError

from .access import Access
from .app import Application
from .bodies import Bodies
from .connections import BoundedProtocol
from .opening import open_engine
from .sweeping import Sweeper

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from statekeep_core.server_options import Server

    from .engine import Engine

# A worker's idle connection is kept for longer than two of its heartbeats are apart.
_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 2_048
_AROUND_A_VALUE_BYTES = 65_536


def serve(options: Server, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Serve the store of the settings until SIGTERM or SIGINT, and return when all is committed and closed.

    Says where it listens once it takes requests, and on the first start the credential that it has made.
    Waits for a database that is away. Raises what keeps the store from being opened, or the address from
    being listened on.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(options, environ, say))


async def _serve(options: Server, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
    listener = _listener(options)
    try:
        engine = await _opened(environ, say)
        if engine is None:
            return
        try:
            access = Access(engine, token_seconds=options.token_seconds)
            bodies = Bodies(body_bytes=_body_bytes(options, engine), total_bytes=options.max_held_bytes)
            application = Application(engine, access, bodies)
            server = _Server(_loaded(_configuration(application, options), options))
            async with _sweeping(engine, options):
                with _stopping(server, application):
                    # Not earlier: who meets a server that waits for its database is to ask another one.
                    listener.listen(_BACKLOG)
                    say(f"listening on {_url(options, listener)}")
                    await server.serve(sockets=[listener])
        finally:
            await engine.close()
    finally:
        listener.close()


class _Server(uvicorn.Server):
    """Leaves the signals to us: uvicorn would raise them again before the store is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _sweeping(engine: Engine, options: Server) -> AsyncIterator[None]:
    if not options.sweep_every_seconds:
        yield
        return
    sweeping = asyncio.ensure_future(Sweeper(engine, options.sweep_every_seconds).run())
    try:
        yield
    finally:
        sweeping.cancel()
        await asyncio.wait([sweeping])


@contextlib.contextmanager
def _stopping(server: _Server, application: Application) -> Iterator[None]:
    """Stop at the first signal when what is in flight is answered, and at the second at once."""

    def stop() -> None:
        application.health.leave()
        server.force_exit = server.should_exit
        server.should_exit = True

    with _on_signals(stop):
        yield


@contextlib.contextmanager
def _on_signals(act: Callable[[], object]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, act)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _opened(environ: Mapping[str, str], say: Callable[[str], None]) -> Engine | None:
    """Return the engine; None when the server is told to stop while it waits for its database."""
    opening = asyncio.ensure_future(open_engine(environ, say))
    # The first process of a container has no signals but those that it handles.
    with _on_signals(opening.cancel):
        await asyncio.wait([opening])
    return None if opening.cancelled() else opening.result()


def _configuration(application: Application, options: Server) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=BoundedProtocol,
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


def _loaded(configuration: uvicorn.Config, options: Server) -> uvicorn.Config:
    try:
        configuration.load()
    except OSError as error:  # an SSLError is one, too
        raise StoreUnusableError(
            what=f"the certificate {options.tls_certificate}",
            problem=str(error.strerror or error),
            remedy="set [server] tls_certificate and tls_key to files in PEM form that this user may read",
        ) from error
    return configuration


def _body_bytes(options: Server, engine: Engine) -> int:
    """Return the limit of a body: at least the largest value that the store takes, and what is around it."""
    return max(options.max_body_bytes, engine.policy.max_value_bytes + _AROUND_A_VALUE_BYTES)


def _listener(options: Server) -> socket.socket:
    """Return a socket that has the address, and takes no connections yet."""
    try:
        [(family, kind, _, _, address), *_] = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise StoreUnusableError(
            what=f"the address {options.host}:{options.port}",
            problem=str(error.strerror or error),
            remedy="set [server] host and port to one that is free here",
        ) from error
    return listener


def _url(options: Server, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    scheme = "https" if options.tls_certificate else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
