"""Places whose values go to an object store."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.external.place import ENCRYPTION_KEYS, ExternalPlace, MakePlace, Medium
from tests.crash.external.s3_medium import in_bucket
from tests.object_store.s3_server import S3Server, running_s3_server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="module")
def make_external() -> Iterator[MakePlace]:
    """Makes places that are removed after the module's tests, with every process in them."""
    places: list[ExternalPlace] = []

    def make(server: S3Server | None = None, *, encrypted: bool = False) -> ExternalPlace:
        path = Path(tempfile.mkdtemp(prefix="crash-", dir="/tmp"))
        medium: Medium | None = None if server is None else in_bucket(server, path.name)
        places.append(ExternalPlace(path, medium, ENCRYPTION_KEYS if encrypted else ""))
        return places[-1]

    yield make
    for place in places:
        place.close()
        shutil.rmtree(place.path, ignore_errors=True)


@pytest.fixture
def place(make_external: MakePlace) -> ExternalPlace:
    return make_external()
