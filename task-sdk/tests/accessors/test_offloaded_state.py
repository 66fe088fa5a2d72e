"""Accessors over a real store with real backends: what a task sees is the same wherever its values lie."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from accessors.conftest import Call
from backends.master_keys import keys
from backends.plain_backend import FolderBackend
from embedded_try import EmbeddedTry, Store
from statekeep._shared.state import messages as m
from statekeep.backends import EncryptedBackend, EncryptionKeys, NotEncryptedError, ObjectStoreBackend
from statekeep.errors import (
    BackendMismatchError,
    ConflictError,
    ReferenceCorruptError,
    ReferenceMissingError,
    StoreUnusableError,
    SupersededError,
    UnsupportedError,
    ValueTooLargeError,
)
from worker_backends import Configured

SECRET = "the secret of the house"
LARGE = [SECRET] * 5_000  # 125,000 bytes, more than the store takes


def file_store(folder: Path, **options: Any) -> ObjectStoreBackend:
    (folder / "objects").mkdir(exist_ok=True)
    return ObjectStoreBackend(f"file://{folder}/objects", threshold_bytes=100, **options)


KINDS: dict[str, Callable[[Path], Any]] = {
    "files": file_store,
    "memory": lambda folder: ObjectStoreBackend("memory://", threshold_bytes=100),
    "encrypted files": lambda folder: EncryptedBackend(file_store(folder), keys()),
    "plain": lambda folder: FolderBackend(str(folder / "plain")),
    "encrypted plain": lambda folder: EncryptedBackend(FolderBackend(str(folder / "plain")), keys()),
}
IMMUTABLE = ["files", "memory", "encrypted files"]
PLAIN = ["plain", "encrypted plain"]


class House:
    """A store, a folder for objects, and tries with backends."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder = folder
        self.store = store
        self.tries: list[EmbeddedTry] = []

    def start(self, *backends: Any) -> EmbeddedTry:
        store_id = self.store.as_operator(m.DescribeStore()).store_id
        for backend in backends:
            if hasattr(type(backend), "store_id"):
                try:
                    backend.store_id = store_id
                except AttributeError:  # encryption around a backend that has none
                    continue
        started = EmbeddedTry(
            self.store,
            self.folder / f"o{len(self.tries)}.sock",
            backends=Configured(*backends) if backends else None,
        )
        self.tries.append(started)
        return started

    def files(self) -> list[Path]:
        folders = [self.folder / "objects", self.folder / "plain"]
        return sorted(file for folder in folders for file in folder.rglob("*") if file.is_file())


@pytest.fixture
def house(tmp_path: Path, store: Store) -> Iterator[House]:
    house = House(tmp_path, store)
    yield house
    for started in house.tries:
        started.peer.join()


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return KINDS[request.param](tmp_path)


@pytest.fixture(params=IMMUTABLE)
def immutable(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return KINDS[request.param](tmp_path)


@pytest.fixture(params=PLAIN)
def plain(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return KINDS[request.param](tmp_path)


# --- a task's own state ----------------------------------------------------------------------------------


def test_every_operation_of_task_state_works_on_values_of_any_size(
    house: House, backend: Any, call: Call
) -> None:
    state = house.start(backend).context.task_state
    version = call(state, "set", "large", LARGE)
    call(state, "set", "small", 0)
    call(state, "set", "empty", "")
    assert call(state, "get", "large") == LARGE
    assert call(state, "get", "small", "default") == 0
    assert call(state, "get", "empty", "default") == ""
    assert call(state, "get", "no", "default") == "default"
    entry = call(state, "entry", "large")
    assert (entry.value, entry.version) == (LARGE, version)
    assert call(state, "keys") == ["empty", "large", "small"]
    assert {each.key: each.value for each in call(state, "entries")} == {
        "large": LARGE,
        "small": 0,
        "empty": "",
    }
    assert call(state, "set", "large", [*LARGE, 1], if_version=version) > version
    with pytest.raises(ConflictError):
        call(state, "set", "large", [2], if_version=version)
    with pytest.raises(ConflictError):
        call(state, "set", "large", [3], if_absent=True)
    assert call(state, "get", "large") == [*LARGE, 1]
    call(state, "delete", "large")
    assert call(state, "get", "large") is None
    call(state, "clear")
    assert call(state, "keys") == []


def test_sums_maxima_and_updates_work_on_values_of_any_size(house: House, backend: Any, call: Call) -> None:
    state = house.start(backend).context.task_state
    assert call(state, "increment", "n") == 1
    assert call(state, "increment", "n", 10**200) == 10**200 + 1
    assert call(state, "increment", "n") == 10**200 + 2
    assert call(state, "get", "n") == 10**200 + 2
    assert call(state, "set_max", "text", "b" * 200) == "b" * 200
    assert call(state, "set_max", "text", "a" * 200) == "b" * 200
    assert call(state, "set_max", "text", "c") == "c"
    now = datetime(2026, 1, 2, 3, tzinfo=UTC)
    assert call(state, "set_max", "at", now) == now
    assert call(state, "get", "at", type=datetime) == now
    for number in range(3):
        call(state, "update", "rows", lambda old, new=number: [*old, new, SECRET * 5], [])
    assert call(state, "get", "rows") == [part for number in range(3) for part in (number, SECRET * 5)]


def test_a_batch_writes_and_reads_values_of_any_size(house: House, backend: Any) -> None:
    state = house.start(backend).context.task_state
    with state.batch() as batch:
        batch.set("a", LARGE)
        batch.set("b", 1)
        batch.get("a")
        batch.delete("b")
        batch.get("b", "default")
    assert batch.results[2] == LARGE
    assert batch.results[4] == "default"
    assert state.keys() == ["a"]


def test_a_batch_that_would_have_to_reckon_here_is_refused_whole(house: House, backend: Any) -> None:
    state = house.start(backend).context.task_state
    state.set("n", 10**200)
    batch = state.batch()
    batch.set("a", LARGE)
    batch.increment("n")
    with pytest.raises(UnsupportedError, match=r"operation 2 of the batch: .* do it outside of the batch"):
        batch.__exit__(None, None, None)
    assert state.keys() == ["n"]


def test_the_store_holds_no_secret_when_values_are_encrypted(house: House) -> None:
    a_try = house.start(EncryptedBackend(file_store(house.folder), keys()))
    state, asset = a_try.context.task_state, a_try.context.asset_state["orders"]
    state.set("a", SECRET)
    state.set_max("b", SECRET)
    state.update("c", lambda old: SECRET)
    asset.set("d", SECRET)
    asset.set_max("e", SECRET, commit="now")
    with state.batch() as batch:
        batch.set("f", SECRET)
    assert state.entry("a").value == SECRET  # type: ignore[union-attr]  # or the test fails
    a_try.finish()
    for file in house.folder.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file


# --- assets ----------------------------------------------------------------------------------------------


def test_a_staged_value_is_its_own_trys_alone_until_that_succeeds(
    house: House, immutable: Any, call: Call
) -> None:
    first = house.start(immutable)
    call(first.context.asset_state["orders"], "set", "k", LARGE)
    assert call(first.context.asset_state["orders"], "get", "k") == LARGE
    assert house.store.as_operator(m.Get("k", m.AssetAddress("orders"))) == m.Absent("k")
    first.finish(succeeded=False)
    second = house.start(immutable)
    assert call(second.context.asset_state["orders"], "get", "k") is None
    call(second.context.asset_state["orders"], "set", "k", LARGE)
    second.finish()
    third = house.start(immutable)
    assert call(third.context.asset_state["orders"], "get", "k") == LARGE


def test_history_and_rewind_bring_back_earlier_values(house: House, immutable: Any, call: Call) -> None:
    a_try = house.start(immutable)
    asset = a_try.context.asset_state["orders"]
    for number in range(3):
        call(asset, "set", "k", [number, *LARGE], commit="now")
    call(asset, "delete", "k", commit="now")
    rows = call(asset, "history", "k")
    assert [row.change for row in rows] == ["delete", "set", "set", "set"]
    assert [row.value and row.value[0] for row in rows] == [None, 2, 1, 0]
    house.store.as_operator(m.Rewind(m.AssetAddress("orders"), "k", rows[2].version))
    assert call(asset, "get", "k") == [1, *LARGE]


def test_a_plain_backend_writes_to_assets_at_once(house: House, plain: Any, call: Call) -> None:
    a_try = house.start(plain)
    asset = a_try.context.asset_state["orders"]
    assert call(asset, "set", "k", LARGE) is not None
    assert call(asset, "increment", "n") == 1
    a_try.finish(succeeded=False)
    asset = house.start(plain).context.asset_state["orders"]
    assert call(asset, "get", "k") == LARGE
    assert [row.value for row in call(asset, "history", "k")] == [None]


# --- what becomes of objects -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["files", "encrypted files"])
def test_a_refused_write_leaves_no_object(house: House, call: Call, kind: str) -> None:
    backend = KINDS[kind](house.folder)
    old = house.start(backend)
    call(old.context.task_state, "set", "k", LARGE)
    before = house.files()
    with pytest.raises(ConflictError):
        call(old.context.task_state, "set", "k", [1, *LARGE], if_absent=True)
    assert house.files() == before
    new = house.start(backend)
    with pytest.raises(SupersededError):
        call(old.context.task_state, "set", "k", [2, *LARGE])
    assert house.files() == before
    assert call(new.context.task_state, "get", "k") == LARGE


@pytest.mark.parametrize("kind", PLAIN)
def test_an_object_of_a_plain_backend_goes_with_its_record(house: House, call: Call, kind: str) -> None:
    backend = KINDS[kind](house.folder)
    context = house.start(backend).context
    for state in (context.task_state, context.asset_state["orders"]):
        call(state, "set", "a", LARGE)
        call(state, "set", "b", LARGE)
        call(state, "set", "a", [1])
        assert len(house.files()) == 2
        call(state, "delete", "a")
        assert len(house.files()) == 1
        call(state, "clear")
        assert house.files() == []


@pytest.mark.parametrize("kind", PLAIN)
def test_a_lost_condition_leaves_a_plain_backends_value_alone(house: House, call: Call, kind: str) -> None:
    state = house.start(KINDS[kind](house.folder)).context.task_state
    call(state, "set", "k", "first")
    with pytest.raises(ConflictError):
        call(state, "set", "k", "second", if_absent=True)
    assert call(state, "get", "k") == "first"


def test_an_object_that_is_gone_is_never_a_default(house: House, call: Call) -> None:
    context = house.start(file_store(house.folder)).context
    state, asset = context.task_state, context.asset_state["orders"]
    call(state, "set", "k", LARGE)
    call(asset, "set", "k", LARGE, commit="now")
    for file in house.files():
        file.unlink()
    reads: list[tuple[Any, str, tuple[Any, ...]]] = [
        (state, "get", ("k", "default")),
        (state, "entry", ("k",)),
        (state, "entries", ()),
        (state, "update", ("k", lambda old: 1)),
        (asset, "history", ()),
    ]
    for accessor, name, given in reads:
        with pytest.raises(ReferenceMissingError) as raised:
            call(accessor, name, *given)
        assert raised.value.facts["key"] == "k"
        assert raised.value.facts["scope"] in ("etl/2026-01-01/load", "asset orders")
    assert call(state, "keys") == ["k"]
    call(state, "set", "k", "again")
    assert call(state, "get", "k") == "again"


@pytest.mark.parametrize("kind", ["files", "encrypted files"])
def test_an_object_with_other_bytes_is_corrupt(house: House, call: Call, kind: str) -> None:
    state = house.start(KINDS[kind](house.folder)).context.task_state
    call(state, "set", "a", LARGE)
    [of_a] = house.files()
    call(state, "set", "b", [1, *LARGE])
    [of_b] = set(house.files()) - {of_a}
    of_a.write_bytes(of_b.read_bytes())
    with pytest.raises(ReferenceCorruptError):
        call(state, "get", "a", "default")


# --- another configuration on a living store -------------------------------------------------------------


def test_values_stay_readable_while_their_backend_is_configured(house: House, call: Call) -> None:
    backends = [file_store(house.folder), FolderBackend(str(house.folder / "plain"))]
    call(house.start(backends[0]).context.task_state, "set", "a", LARGE)
    call(house.start(backends[1], backends[0]).context.task_state, "set", "b", LARGE)
    state = house.start(backends[0], backends[1]).context.task_state
    assert [each.value for each in call(state, "entries")] == [LARGE, LARGE]
    call(state, "set", "b", "short")
    assert call(state, "get", "b") == "short"
    assert [file.parent.name for file in house.files()] == ["unmapped"]


def test_a_value_of_a_backend_that_is_switched_off_is_an_error_that_names_it(
    house: House, call: Call
) -> None:
    backend = file_store(house.folder)
    call(house.start(backend).context.task_state, "set", "k", LARGE)
    for others in ((), (FolderBackend(str(house.folder / "plain")),)):
        state = house.start(*others).context.task_state
        with pytest.raises(BackendMismatchError) as raised:
            call(state, "get", "k", "default")
        assert raised.value.facts == {
            "scope": "etl/2026-01-01/load",
            "key": "k",
            "reference": house.files()[0].as_uri(),
            "backend_id": backend.backend_id,
        }
        assert call(state, "keys") == ["k"]


def test_a_large_value_without_a_backend_is_refused_with_what_to_set(house: House, call: Call) -> None:
    with pytest.raises(ValueTooLargeError, match=r"set \[workers\] state_backend"):
        call(house.start().context.task_state, "set", "k", LARGE)


def test_what_was_written_before_encryption_is_refused_unless_that_is_allowed(
    house: House, call: Call
) -> None:
    state = house.start(file_store(house.folder)).context.task_state
    call(state, "set", "large", LARGE)
    call(state, "set", "small", 1)
    strict = house.start(EncryptedBackend(file_store(house.folder), keys())).context.task_state
    for key, error in (("small", NotEncryptedError), ("large", BackendMismatchError)):
        with pytest.raises(error, match=r"set \[encryption\] allow_plaintext = true to read it") as raised:
            call(strict, "get", key)
        assert f"{key} in etl/2026-01-01/load" in str(raised.value)
        assert "read_backends" not in str(raised.value)
        assert "delete" not in str(raised.value)
    migrating = EncryptedBackend(file_store(house.folder), keys(), allow_plaintext=True)
    state = house.start(migrating, file_store(house.folder)).context.task_state
    assert call(state, "get", "small") == 1
    assert call(state, "get", "large") == LARGE
    call(state, "set", "small", 1)
    call(state, "set", "large", LARGE)
    strict = house.start(EncryptedBackend(file_store(house.folder), keys())).context.task_state
    assert [each.value for each in call(strict, "entries")] == [LARGE, 1]


@pytest.mark.parametrize("kind", ["encrypted files", "encrypted plain"])
def test_a_value_under_a_lost_or_another_key_is_named_as_everywhere_and_the_key_first(
    house: House, call: Call, kind: str
) -> None:
    written = KINDS[kind](house.folder)
    call(house.start(written).context.task_state, "set", "large", LARGE)
    lost = EncryptedBackend(written._wrapped, keys("k2"))
    with pytest.raises(StoreUnusableError) as raised:
        call(house.start(lost).context.task_state, "get", "large")
    assert str(raised.value) == (
        "large in etl/2026-01-01/load cannot be read: there is no encryption key k1; "
        "add that key behind the first one; it was written under it"
    )
    other = EncryptedBackend(written._wrapped, EncryptionKeys({"k1": bytes(range(100, 132))}))
    with pytest.raises(ReferenceCorruptError) as refused:
        call(house.start(other).context.task_state, "get", "large")
    message = str(refused.value)
    assert message.startswith(
        "large in etl/2026-01-01/load does not open: its encryption key k1 is not the one that it was "
        "written with, or the object is not what was written: "
    )
    assert "delete" not in message


# --- several at once -------------------------------------------------------------------------------------


def test_many_sets_and_gets_of_one_loop_keep_apart(house: House, immutable: Any) -> None:
    state = house.start(immutable).context.task_state

    async def main() -> list[Any]:
        await asyncio.gather(*[state.aset(f"k{n}", [n, *LARGE[:50]]) for n in range(40)])
        return await asyncio.gather(*[state.aget(f"k{n}") for n in range(40)])

    assert [value[0] for value in asyncio.run(main())] == list(range(40))


def test_the_losers_bytes_are_never_seen(house: House, immutable: Any) -> None:
    asset = house.start(immutable).context.asset_state["orders"]
    version = asset.set("k", ["first", *LARGE], commit="now")

    async def main() -> list[Any]:
        writes = [asset.aset("k", [number, *LARGE], if_version=version, commit="now") for number in range(10)]
        return await asyncio.gather(*writes, return_exceptions=True)

    outcomes = asyncio.run(main())
    [winner] = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, int)]
    assert all(isinstance(each, int | ConflictError) for each in outcomes)
    assert asset.get("k")[0] == winner
    assert [row.value[0] for row in asset.history("k")] == [winner, "first"]


def test_increments_of_an_offloaded_number_from_many_coroutines_are_all_counted(
    house: House, immutable: Any
) -> None:
    state = house.start(immutable).context.task_state
    state.set("n", 10**200)

    async def main() -> None:
        await asyncio.gather(*[state.aincrement("n") for _ in range(12)])

    asyncio.run(main())
    assert state.get("n") == 10**200 + 12
