"""One S3 server for all tests here; each test has a prefix of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.object_store.s3_server import BUCKET, S3Server, running_s3_server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def url() -> str:
    """A place in the bucket that nobody used before."""
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"
