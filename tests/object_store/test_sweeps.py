"""Disposal and the orphan sweep over a real S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
import pytest
from statekeep.backends import ObjectStoreBackend
from statekeep.errors import CondemnedError
from statekeep.sweeping.disposal import dispose
from statekeep.sweeping.orphans import sweep_orphans
from sweeping.place import DISPOSE_AFTER_SECONDS, LEASE_SECONDS, Place

from tests.object_store.faulty_proxy import Fault, FaultyProxy
from tests.object_store.s3_server import S3Server

pytestmark = pytest.mark.slow  # starts a server

_LATER = timedelta(days=2)


@pytest.fixture
def place(tmp_path: Path, s3: S3Server, url: str) -> Iterator[Place]:
    place = Place(tmp_path)
    place.backend = backend(place, s3, url)
    yield place
    place.close()


def backend(place: Place, s3: S3Server, url: str, **options: Any) -> ObjectStoreBackend:
    given: dict[str, Any] = {"options": s3.options(), "threshold_bytes": 0} | options
    return ObjectStoreBackend(url, store_id=place.store_id, **given)


def objects(s3: S3Server, url: str) -> set[str]:
    """What a client of its own finds in the bucket, as references."""
    prefix = url.rpartition("/")[2]
    pages = obstore.list(s3.store(prefix=prefix))
    return {f"{url}/{each['path']}" for page in pages for each in page}


def test_replaced_objects_go_and_current_ones_stay(place: Place, s3: S3Server, url: str) -> None:
    written = [(place.write(f"k{n}", '"old"'), place.write(f"k{n}", '"new"')) for n in range(5)]
    place.clock.advance(DISPOSE_AFTER_SECONDS + 1)
    before = objects(s3, url)
    assert len(before) == 10
    assert dispose(place.ask, [place.backend], dry_run=True).removed[0].objects == 5
    assert objects(s3, url) == before
    assert dispose(place.ask, [place.backend], page_objects=2).removed[0].objects == 5
    assert objects(s3, url) == {new.reference for _, new in written}


def test_orphans_go_and_a_late_commit_of_one_is_refused(place: Place, s3: S3Server, url: str) -> None:
    late, named = place.upload("late"), place.write("named")
    another = backend(place, s3, url)
    another.store_id = "another-store"
    theirs = place.upload("theirs", backend=another)
    young = sweep_orphans(place.ask, [place.backend], place.store_id, now=datetime.now(UTC))
    assert (young.too_young, young.removed) == (2, ())
    swept = sweep_orphans(place.ask, [place.backend], place.store_id, now=datetime.now(UTC) + _LATER)
    assert (swept.listed, [each.objects for each in swept.removed]) == (2, [1])
    assert objects(s3, url) == {named.reference, theirs.reference}
    with pytest.raises(CondemnedError):
        place.commit("late", late)


def test_a_server_that_refuses_loses_nothing_and_the_next_sweep_completes(
    place: Place, s3: S3Server, url: str
) -> None:
    old, new, orphan = place.write("k", '"old"'), place.write("k", '"new"'), place.upload("orphan")
    place.clock.advance(DISPOSE_AFTER_SECONDS + 1)
    wrong = {**s3.options(), "secret_access_key": "wrong"}
    refused = backend(place, s3, url, options=wrong, max_retries=0)
    disposed = dispose(place.ask, [refused])
    swept = sweep_orphans(place.ask, [refused], place.store_id, now=datetime.now(UTC) + _LATER)
    assert (disposed.removed, swept.removed) == ((), ())
    assert "secret access key is wrong" in disposed.failures[0].problem
    assert "secret access key is wrong" in swept.failures[0].problem
    assert objects(s3, url) == {old.reference, new.reference, orphan.reference}

    place.clock.advance(LEASE_SECONDS + 1)
    assert dispose(place.ask, [place.backend]).removed[0].objects == 1
    sweep_orphans(place.ask, [place.backend], place.store_id, now=datetime.now(UTC) + _LATER)
    assert objects(s3, url) == {new.reference}


def test_a_listing_that_breaks_off_half_way_removes_nothing(place: Place, s3: S3Server, url: str) -> None:
    many = 1_001  # one more than a page
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: place.upload(f"k{number}"), range(many)))
    pages: list[bytes] = []

    def second_page(_number: int, head: bytes) -> Fault | None:
        pages.append(head)
        return Fault.CUT_BEFORE if len(pages) > 1 else None

    with FaultyProxy(s3.port, second_page) as proxy:
        cut = backend(place, s3, url, options=s3.options(proxy.port), max_retries=0)
        swept = sweep_orphans(place.ask, [cut], place.store_id, now=datetime.now(UTC) + _LATER)
    assert (swept.removed, len(swept.failures)) == ((), 1)
    assert len(pages) == 2
    assert len(objects(s3, url)) == many
    assert place.rows("condemned_objects") == []
    whole = sweep_orphans(place.ask, [place.backend], place.store_id, now=datetime.now(UTC) + _LATER)
    assert [each.objects for each in whole.removed] == [many]
    assert objects(s3, url) == set()
