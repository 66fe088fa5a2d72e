"""Every scope and key has a path of its own, on every store and disk, and the path leads back."""

from __future__ import annotations

import pytest
from backends.stored_object import GENERATION, ORDERS, task
from hypothesis import given
from hypothesis import strategies as st
from statekeep import AssetScope, TaskScope
from statekeep.backends.object_store.layout import (
    Origin,
    canonical,
    check_store_id,
    is_object_path,
    is_storage_key,
    object_path,
    origin_of,
    scope_path,
    task_path,
)
from statekeep.errors import InvalidRequestError, UnsupportedError

S3_KEY_BYTES = 1_024
FILE_NAME_BYTES = 255
STORE_ID = "s" * 64

_FROZEN_TASK = (
    "s/task/d/r/t.4315108091ba6f28d0af10e4c659b935f1e47cf8/unmapped/"
    "k~00000000000000000000000000.20fd6ec4134c9ba4ee1123a48c641df6505c1be6.state"
)
_FROZEN_ASSET = (
    "s/asset-name/n.a7d904ab3eeaabdd1e39074d96bc1dd475499cb4/"
    "k~00000000000000000000000000.20fd6ec4134c9ba4ee1123a48c641df6505c1be6.state"
)

# Names that are likely to meet: by case, by prefix, by what is escaped or cut.
_LETTERS = st.text(st.sampled_from("aA./=~%é\U0001f600-_"), min_size=1, max_size=8)
_LONG = st.builds(lambda text, times: (text * times)[:250], _LETTERS, st.integers(1, 250))
_NAMES = st.one_of(
    _LETTERS, _LONG, st.sampled_from(["assets", "task", "asset-name", "unmapped", "..", "dump.gz"])
)
_KEYS = st.one_of(_NAMES, _NAMES.map(lambda name: f"{name}~{GENERATION}"), st.just("\U0001f600" * 512))
_TASKS = st.builds(TaskScope, _NAMES, _NAMES, _NAMES, st.sampled_from([-1, 0, 1, 2**31 - 1]))
_ASSETS = st.one_of(st.builds(AssetScope, name=_NAMES), st.builds(AssetScope, uri=_NAMES))
_ORIGINS = st.builds(Origin, st.one_of(_TASKS, _ASSETS), _KEYS)


@given(_ORIGINS, _ORIGINS)
def test_different_origins_have_different_paths_even_where_case_is_ignored(
    one: Origin, other: Origin
) -> None:
    assert (object_path("s", one).lower() == object_path("s", other).lower()) == (one == other)


@given(_ORIGINS)
def test_a_path_fits_every_store_and_disk(origin: Origin) -> None:
    path = object_path(STORE_ID, origin)
    assert len(path) + 512 + 1 <= S3_KEY_BYTES  # beside the longest prefix
    assert all(0 < len(part) <= FILE_NAME_BYTES and part not in (".", "..") for part in path.split("/"))
    assert path.isascii()
    assert is_object_path(path)


@given(_ORIGINS)
def test_a_path_leads_back_to_its_origin_or_says_that_it_does_not(origin: Origin) -> None:
    assert origin_of(object_path("s", origin)) in (origin, None)


@given(_ORIGINS)
def test_a_path_in_another_case_leads_to_no_origin(origin: Origin) -> None:
    path = object_path("s", origin)
    swapped = path[: path.index("/", 2) + 1] + path[path.index("/", 2) + 1 :].swapcase()
    assert origin_of(swapped.removesuffix(".STATE") + ".state") is None


@pytest.mark.parametrize(
    "origin",
    [
        Origin(task(), f"watermark~{GENERATION}"),
        Origin(task(map_index=7), f"nightly/dump.json.gz~{GENERATION}"),
        Origin(task("assets", "manual__2026-01-01T00:00:00+00:00"), f"é~{GENERATION}"),
        Origin(ORDERS, f"watermark~{GENERATION}"),
        Origin(AssetScope(uri="s3://warehouse/orders"), f"watermark~{GENERATION}"),
    ],
)
def test_ordinary_paths_lead_back_without_a_look_at_the_object(origin: Origin) -> None:
    assert origin_of(object_path("s", origin)) == origin


def test_a_person_finds_their_task_in_the_bucket() -> None:
    path = object_path("store", Origin(task(map_index=7), f"job_id~{GENERATION}"))
    readable = [part.partition(".")[0] for part in path.split("/")]
    assert readable == ["store", "task", "sales", "2026-01-01", "load", "7", f"job_id~{GENERATION}"]


def test_a_paths_spelling_is_frozen() -> None:
    # A change here orphans every object that was ever written.
    assert object_path("s", Origin(TaskScope("d", "r", "t"), "k~" + "0" * 26)) == _FROZEN_TASK
    assert object_path("s", Origin(AssetScope(name="n"), "k~" + "0" * 26)) == _FROZEN_ASSET


def test_the_maps_of_a_task_share_a_folder_with_nobody_else() -> None:
    folder = task_path("s", task())
    assert scope_path("s", task(map_index=0)) == f"{folder}/0"
    assert scope_path("s", task()) == f"{folder}/unmapped"
    assert not scope_path("s", task(task_id="load2")).startswith(folder)


def test_an_asset_by_name_has_one_home_whatever_uri_stands_beside() -> None:
    named = AssetScope(name="orders", uri="s3://warehouse/orders")
    assert scope_path("s", named) == scope_path("s", ORDERS)
    assert canonical(named) == ORDERS


def test_an_asset_by_id_alone_is_refused() -> None:
    with pytest.raises(UnsupportedError):
        scope_path("s", AssetScope(asset_id=1))


@pytest.mark.parametrize("store_id", ["", "a/b", "..", "_entries", "-", "é", "s" * 65, "a\n"])
def test_a_store_id_that_is_no_folders_name_is_refused(store_id: str) -> None:
    with pytest.raises(InvalidRequestError):
        check_store_id(store_id)


@pytest.mark.parametrize(
    "path",
    [
        "s/task/d/r/t.x/unmapped/.DS_Store",
        "s/task/d/r/k.state",
        "s/other/n.d/" + "k." + "a" * 40 + ".state",
        "s/" + "k." + "a" * 40 + ".state",
        "s/asset-name/n/" + "." + "a" * 40 + ".state",
    ],
)
def test_files_of_others_are_no_objects(path: str) -> None:
    assert not is_object_path(path)


def test_a_storage_key_ends_in_a_generation() -> None:
    assert is_storage_key(f"a\nb~{GENERATION}")
    assert not is_storage_key("a~5")
    assert not is_storage_key(GENERATION)
