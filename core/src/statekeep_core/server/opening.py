"""Which store the settings name, and how a server comes to it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

from statekeep_core import __version__, config, embedded, policy
from statekeep_core._shared.state.errors import UnavailableError, UnsupportedError
from statekeep_core.metastore import credentials
from statekeep_core.postgres.driver import require_driver

from .access import FIRST, prepare
from .postgres_engine import PostgresEngine
from .sqlite_engine import SqliteEngine
from .telemetry.logs import event
from .telemetry.observing import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from statekeep_core.postgres.store import PostgresStore

    from .engine import Engine, Store
    from .telemetry.observing import Observers

_log = logging.getLogger(__name__)

OneOfOurs = TypeVar("OneOfOurs", SqliteEngine, PostgresEngine)

_PAUSE_SECONDS = 1.0


def open_store(environ: Mapping[str, str]) -> Store:
    """Open the store of the settings, a file or a database; make it when it is new, migrate an older one.

    Raises :class:`StoreUnusableError`, :class:`UnavailableError` when it cannot be used now,
    :class:`UnsupportedError` without the driver, and SettingsError.
    """
    settings = config.load(environ)
    if config.is_postgresql(settings.database.url):
        return _open_postgresql(settings)
    return embedded.open_served(environ)


async def open_engine(
    environ: Mapping[str, str], say: Callable[[str], object], observers: Observers = NOBODY
) -> SqliteEngine | PostgresEngine:
    """Return an engine on the store of the settings, which has what a first start needs.

    Waits for a database that is away, for as long as it takes; the log says why. Not for one that refuses to
    let us in. Says what :func:`prepare` made; a credential of which ``say`` returns False, for nobody can
    have it, is not kept, and the next start makes another. Raises what :func:`open_store` raises otherwise.
    """
    settings = config.load(environ)
    is_file = not config.is_postgresql(settings.database.url)
    _log.info("opening the store", extra=event("starting", release=__version__, on=_engine_name(is_file)))
    limit = settings.server.max_waiting_requests
    if is_file:
        file = SqliteEngine(lambda: embedded.open_served(environ), waiting_limit=limit, observers=observers)
        return await _ready(file, say)
    said = ""
    while True:
        database = PostgresEngine(
            lambda: _open_postgresql(settings), waiting_limit=limit, observers=observers
        )
        try:
            return await _ready(database, say)
        except UnavailableError as error:
            _refused_logins().raise_if_refused(error)
            if str(error) != said:
                said = str(error)
                _log.warning("waiting for the database: %s", said, extra=event("database_awaited"))
        await asyncio.sleep(_PAUSE_SECONDS)


def _engine_name(is_file: bool) -> str:
    return "sqlite" if is_file else "postgresql"


async def _ready(engine: OneOfOurs, say: Callable[[str], object]) -> OneOfOurs:
    await engine.open()
    try:
        credential = await engine.transact(prepare)
        if credential is not None:
            await _tell(engine, credential, say)
    except BaseException:
        await engine.close()
        raise
    return engine


async def _tell(engine: Engine, credential: str, say: Callable[[str], object]) -> None:
    """Say what the first credential is; remove it when nobody can have it."""
    if say(f"made the worker credential `first`, which is shown this once: {credential}") is False:
        await engine.transact(lambda work: credentials.remove(work.tx, FIRST))
        _log.warning(
            "no worker credential was made, for nobody reads standard error; make one with `statekeep server"
            " credentials add`",
            extra=event("credential_not_made"),
        )


def prepare_workers(environ: Mapping[str, str], workers: int) -> None:
    """Load what several workers share, before they are forked.

    Raises :class:`UnsupportedError` for a store that takes one server process only, and without the driver.
    """
    settings = config.load(environ)
    if not config.is_postgresql(settings.database.url):
        raise UnsupportedError(
            what=f"[server] workers = {workers} on a SQLite file",
            problem="a file takes one process that writes; set it to 1, or [database] url to a PostgreSQL",
        )
    _postgresql()


def _open_postgresql(settings: config.Settings) -> PostgresStore:
    opened: PostgresStore = _postgresql().open_store(
        settings.database.url,
        policy.configured(settings.state_store),
        connections=PostgresEngine.CONNECTIONS,
    )
    return opened


def _refused_logins() -> ModuleType:
    from statekeep_core.postgres import refused_logins

    return refused_logins


def _postgresql() -> ModuleType:
    """Return the module of the store on PostgreSQL, whose driver is there only where it is asked for."""
    require_driver()
    from statekeep_core.postgres import store

    return store
