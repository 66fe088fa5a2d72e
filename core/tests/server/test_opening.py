"""Which store a server opens, that it waits for a database, and that servers may come to it at once."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from statekeep_core._shared.state.errors import StoreUnusableError, UnavailableError
from statekeep_core.metastore import credentials
from statekeep_core.server import opening
from statekeep_core.server.opening import open_engine, open_store
from statekeep_core.server.postgres_engine import PostgresEngine
from statekeep_core.server.sqlite_engine import SqliteEngine


def environ(url: str, **options: str) -> dict[str, str]:
    return {"STATEKEEP_CONFIG": "", "STATEKEEP__DATABASE__URL": url, **options}


def url_of(conninfo: str) -> str:
    """Return a conninfo of the tests' PostgreSQL as the settings have it."""
    parts = dict(part.split("=", 1) for part in conninfo.split())
    return f"postgresql:///{parts['dbname']}?host={parts['host']}&user={parts['user']}"


def test_a_file_is_opened_with_the_policy_of_the_settings(tmp_path: Path) -> None:
    said: list[str] = []

    async def scenario() -> None:
        settings = environ(str(tmp_path / "s.db"), STATEKEEP__STATE_STORE__MAX_VALUE_BYTES="7")
        for _ in range(2):
            engine = await open_engine(settings, said.append)
            assert isinstance(engine, SqliteEngine)
            assert engine.policy.max_value_bytes == 7
            await engine.close()

    asyncio.run(scenario())
    [made] = said
    assert "shown this once: statekeep_" in made


@pytest.mark.parametrize("mapped_bytes", [0, 1_048_576])
def test_a_file_is_read_through_a_map_of_the_size_of_the_settings(tmp_path: Path, mapped_bytes: int) -> None:
    async def scenario() -> None:
        settings = environ(str(tmp_path / "s.db"), STATEKEEP__SERVER__MAPPED_BYTES=str(mapped_bytes))
        engine = await open_engine(settings, lambda _: None)
        found = await engine.transact(lambda work: work.tx.rows("PRAGMA mmap_size"))
        await engine.close()
        assert found == [(mapped_bytes,)]

    asyncio.run(scenario())


def test_a_credential_that_nobody_can_have_been_told_is_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []

    async def scenario() -> None:
        settings = environ(str(tmp_path / "s.db"))
        engine = await open_engine(settings, lambda _untold: False)
        assert await engine.transact(lambda work: credentials.every(work.tx)) == []
        await engine.close()
        await (await open_engine(settings, said.append)).close()

    asyncio.run(scenario())
    assert "statekeep server credentials add" in caplog.text
    assert len(said) == 1


def test_whatever_keeps_a_credential_from_being_told_leaves_no_open_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[SqliteEngine] = []
    really_close = SqliteEngine.close

    async def close(engine: SqliteEngine) -> None:
        closed.append(engine)
        await really_close(engine)

    def remove(*_: Any) -> None:
        raise UnavailableError(what="the store", problem="it is away; nothing was changed", changed=False)

    async def scenario() -> None:
        with pytest.raises(UnavailableError):
            await open_engine(environ(str(tmp_path / "s.db")), lambda _untold: False)

    monkeypatch.setattr(SqliteEngine, "close", close)
    monkeypatch.setattr(credentials, "remove", remove)
    asyncio.run(scenario())
    assert len(closed) == 1


def test_servers_that_start_at_once_on_a_new_database_make_one_credential(new_database: str) -> None:
    said: list[str] = []

    async def scenario() -> None:
        settings = environ(url_of(new_database), STATEKEEP__STATE_STORE__MAX_VALUE_BYTES="7")
        engines = await asyncio.gather(*(open_engine(settings, said.append) for _ in range(4)))
        for engine in engines:
            assert isinstance(engine, PostgresEngine)
            assert engine.policy.max_value_bytes == 7
            assert len(await engine.transact(lambda work: credentials.every(work.tx))) == 1
            await engine.close()

    asyncio.run(scenario())
    assert len(said) == 1


def test_a_database_that_goes_away_while_it_is_opened_is_waited_for(
    new_database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []
    opened: list[Any] = []
    open_postgresql = opening._open_postgresql

    class GoesAway:
        """What it has opened answers nothing."""

        def __init__(self, store: Any) -> None:
            self.policy = store.policy
            self.close = store.close

        def transact(self, _: object) -> None:
            raise UnavailableError(what="the store", problem="it went away")

    def at_first_not(settings: Any) -> Any:
        if not opened:
            opened.append(None)
            raise UnavailableError(what="the store", problem="nobody is there")
        opened.append(open_postgresql(settings))
        return GoesAway(opened[-1]) if len(opened) == 2 else opened[-1]

    monkeypatch.setattr(opening, "_open_postgresql", at_first_not)
    monkeypatch.setattr(opening, "_PAUSE_SECONDS", 0.0)

    async def scenario() -> None:
        engine = await open_engine(environ(url_of(new_database)), said.append)
        await engine.close()

    asyncio.run(scenario())
    awaited = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert [line.partition(": ")[0] for line in awaited] == ["waiting for the database"] * 2
    assert ["nobody is there" in awaited[0], "it went away" in awaited[1]] == [True, True]
    assert ["made the worker credential" in line for line in said] == [True]


@pytest.mark.parametrize(
    ("part", "other", "problem"),
    [
        (r"///\w+", "///nowhere", 'database "nowhere" does not exist'),
        (r"user=\w+", "user=nobody_known", 'role "nobody_known" does not exist'),
    ],
)
def test_a_database_that_refuses_the_login_is_not_waited_for(
    part: str, other: str, problem: str, new_database: str
) -> None:
    url = re.sub(part, other, url_of(new_database))
    said: list[str] = []
    with pytest.raises(StoreUnusableError, match=problem):
        asyncio.run(open_engine(environ(url), said.append))
    assert said == []


def test_a_url_that_libpq_cannot_read_is_refused_without_its_password() -> None:
    with pytest.raises(StoreUnusableError, match="libpq can read") as refused:
        open_store(environ("postgresql://keeper:hunter2@h/d?nonsense=hunter2"))
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None
