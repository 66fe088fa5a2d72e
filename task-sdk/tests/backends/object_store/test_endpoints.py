"""The endpoint is the one that requests go to, whoever gave it."""

from __future__ import annotations

import pytest
from statekeep.backends import ObjectStoreBackend
from statekeep.backends.object_store.endpoints import endpoint_of
from statekeep.errors import InvalidRequestError

A, B = "http://a:1", "https://b:2"


@pytest.mark.parametrize(
    ("url", "options", "environ", "found"),
    [
        ("s3://b", {}, {}, ""),
        ("s3://b", {"endpoint": A}, {}, A),
        ("s3://b", {"aws_endpoint_url": A}, {}, A),
        ("s3://b", {}, {"AWS_ENDPOINT_URL": A}, A),
        ("s3a://b", {}, {"AWS_ENDPOINT": A}, A),
        ("s3://b", {"endpoint": A}, {"AWS_ENDPOINT_URL": B}, A),
        ("s3://b", {}, {"AWS_ENDPOINT_URL": B, "AWS_ENDPOINT_URL_S3": A}, A),
        ("s3://b", {"endpoint": A}, {"AWS_ENDPOINT_URL_S3": A}, A),
        ("s3://b", {}, {"AZURE_ENDPOINT": A}, ""),
        ("az://c", {}, {"AZURE_STORAGE_ENDPOINT": B, "AZURE_ENDPOINT": A, "AWS_ENDPOINT_URL_S3": B}, A),
        ("gs://b", {}, {"AWS_ENDPOINT_URL": A, "AZURE_ENDPOINT": A}, ""),
    ],
)
def test_it_is_found_where_the_client_library_looks(
    url: str, options: dict[str, object], environ: dict[str, str], found: str
) -> None:
    assert endpoint_of(url, options, environ) == found


def test_two_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="the environment variable AWS_ENDPOINT_URL_S3; keep one"):
        endpoint_of("s3://b", {"endpoint": A}, {"AWS_ENDPOINT_URL_S3": B})


@pytest.mark.parametrize("endpoint", ["https://me:s3cret@host", "https://h?sig=s3cret", "https://h#s3cret"])
def test_one_that_may_hold_a_secret_is_refused_and_not_shown(endpoint: str) -> None:
    for options, environ in (({"endpoint": endpoint}, {}), ({}, {"AWS_ENDPOINT_URL": endpoint})):
        with pytest.raises(InvalidRequestError, match="scheme, host and port only") as raised:
            endpoint_of("s3://b", options, environ)
        assert "s3cret" not in str(raised.value)


def test_the_id_is_the_same_whether_an_option_or_the_environment_gave_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    by_option = ObjectStoreBackend("s3://b/p", options={"endpoint": A})
    monkeypatch.setenv("AWS_ENDPOINT_URL", A)
    assert ObjectStoreBackend("s3://b/p").backend_id == by_option.backend_id
