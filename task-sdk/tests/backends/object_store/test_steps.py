"""One flow, two drivers: what may block the loop or keep it busy runs elsewhere."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from statekeep.backends.object_store.address import parse_address
from statekeep.backends.object_store.local_files import LocalFiles
from statekeep.backends.object_store.medium import Medium, ObjectAbsentError
from statekeep.backends.object_store.obstore_medium import ObstoreMedium
from statekeep.backends.object_store.patience import Patience
from statekeep.backends.object_store.steps import INLINE_BYTES, Ask, Compute, Pause, Step, arun, run


@pytest.fixture(params=["memory", "local"])
def medium(request: pytest.FixtureRequest, tmp_path: Path) -> Medium:
    if request.param == "local":
        return LocalFiles(str(tmp_path), f"file://{tmp_path}")
    patience = Patience(connect_seconds=1, answer_seconds=1, max_retries=0, retry_seconds=1)
    return ObstoreMedium(parse_address("memory://"), {}, patience, part_bytes=5 << 20, parallel_parts=1)


def there_and_back() -> Generator[Step, Any, tuple[bool, str]]:
    yield Ask("put", ("a/b", b"1", True))
    is_there = yield Ask("exists", ("a/b",))
    yield Ask("delete", (["a/b"],))
    try:
        yield Ask("open", ("a/b",))
    except ObjectAbsentError:
        return is_there, "absent"
    return is_there, "still there"


def test_both_drivers_run_a_flow_to_the_same_end(medium: Medium) -> None:
    assert run(there_and_back(), medium) == (True, "absent")
    assert asyncio.run(arun(there_and_back(), medium)) == (True, "absent")


def failing() -> Generator[Step, Any, None]:
    yield Ask("open", ("never",))


def test_both_drivers_raise_what_a_flow_does_not_catch(medium: Medium) -> None:
    with pytest.raises(ObjectAbsentError):
        run(failing(), medium)
    with pytest.raises(ObjectAbsentError):
        asyncio.run(arun(failing(), medium))


def threads_of(*sizes_bytes: int) -> Generator[Step, Any, list[int]]:
    threads = []
    for size_bytes in sizes_bytes:
        threads.append((yield Compute(threading.get_ident, (), size_bytes)))  # noqa: PERF401 -- it yields
    return threads


def test_large_work_leaves_the_event_loops_thread(medium: Medium) -> None:
    sizes_bytes = (1, INLINE_BYTES, INLINE_BYTES + 1)
    *small, large = asyncio.run(arun(threads_of(*sizes_bytes), medium))
    own = threading.get_ident()
    assert large != own
    assert small == [own, own] or not medium.is_async  # a medium that blocks has no flow on the loop at all
    assert set(run(threads_of(*sizes_bytes), medium)) == {own}


def pausing() -> Generator[Step, Any, str]:
    yield Pause(0.0)
    return "awake"


def test_a_pause_ends(medium: Medium) -> None:
    assert run(pausing(), medium) == "awake"
    assert asyncio.run(arun(pausing(), medium)) == "awake"
