"""Urls are taken or refused at once; references are followed only where they can have been made."""

from __future__ import annotations

import pytest
from backends.stored_object import GENERATION, task
from hypothesis import given
from hypothesis import strategies as st
from statekeep.backends.object_store.address import MAX_PREFIX_BYTES, parse_address
from statekeep.backends.object_store.layout import Origin, object_path
from statekeep.errors import InvalidRequestError

ADDRESS = parse_address("s3://bucket/pre/fix")
ORIGIN = Origin(task(), f"k~{GENERATION}")
PATH = object_path("store", ORIGIN)
REFERENCE = f"s3://bucket/pre/fix/{PATH}"


@pytest.mark.parametrize(
    ("url", "taken_as", "kind"),
    [
        ("s3://bucket", "s3://bucket", "service"),
        ("s3://bucket/", "s3://bucket", "service"),
        ("s3://bucket/a/b//", "s3://bucket/a/b", "service"),
        ("gs://bucket/a", "gs://bucket/a", "service"),
        ("az://container/a", "az://container/a", "service"),
        ("https://account.blob.core.windows.net/c", "https://account.blob.core.windows.net/c", "service"),
        ("file:///srv/state/", "file:///srv/state", "local"),
        ("file:///srv/a%20b", "file:///srv/a%20b", "local"),
        ("memory://", "memory://", "memory"),
    ],
)
def test_a_url_is_taken_in_one_spelling(url: str, taken_as: str, kind: str) -> None:
    assert parse_address(url)[:2] == (taken_as, kind)


def test_a_folder_may_have_any_name() -> None:
    assert parse_address("file:///srv/a%20b/é").folder == "/srv/a b/é"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bucket/prefix",
        "/srv/state",
        "s3://",
        "s3://bucket/../other",
        "s3://bucket/a//b",
        "s3://bucket/%2e%2e/other",
        "file://srv/state",
        "file:///",
        "file:///srv/../etc",
        "memory://a",
        "ftp://host/a",
        "http://host/a",
        "s3://bucket/a?secret=x",
        "s3://bucket/a#x",
        "s3://user:secret@bucket/a",
        "s3://[bucket",
        "s3://bucket/" + "a" * MAX_PREFIX_BYTES,
    ],
)
def test_any_other_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_address(url)
    assert "secret" not in str(caught.value)


def test_a_url_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        parse_address(None)  # type: ignore[arg-type]


def test_a_reference_leads_to_its_path() -> None:
    assert ADDRESS.reference_to(PATH) == REFERENCE
    assert ADDRESS.path_of(REFERENCE, ORIGIN) == PATH
    assert ADDRESS.path_of(REFERENCE, None) == PATH


def test_the_reference_of_a_restored_stores_earlier_id_is_followed() -> None:
    path = object_path("an-earlier-id", ORIGIN)
    assert ADDRESS.path_of(ADDRESS.reference_to(path), ORIGIN) == path


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "1",
        "s3://bucket/pre/fix",
        "s3://bucket/pre/fix/",
        f"s3://bucket/pre/{PATH}",
        f"s3://bucket/pre/fix2/{PATH}",
        f"s3://bucket/pre/fix/../fix2/{PATH}",
        f"s3://other/pre/fix/{PATH}",
        f"file:///pre/fix/{PATH}",
        f"S3://bucket/pre/fix/{PATH}",
        f"s3://bucket/pre/fix//{PATH}",
        f"s3://bucket/pre/fix/./{PATH}",
        f"{REFERENCE}?versionId=1",
        f"{REFERENCE}#x",
        f"{REFERENCE}\n",
        f" {REFERENCE}",
        REFERENCE.replace("/task/", "/task/../task/"),
        REFERENCE.replace("/task/", "/%2e%2e/task/"),
        REFERENCE.replace("/task/", "/asset-name/"),
        REFERENCE.replace("/store/", "/_entries/"),
        REFERENCE.replace("/store/", "/st=2Fore/"),
        REFERENCE.replace(".state", ".txt"),
    ],
)
def test_what_points_anywhere_else_is_refused(reference: str) -> None:
    for origin in (ORIGIN, None):
        with pytest.raises(InvalidRequestError):
            ADDRESS.path_of(reference, origin)


def test_another_keys_reference_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="not that of its key"):
        ADDRESS.path_of(REFERENCE, Origin(task(), f"other~{GENERATION}"))


MOVED_FROM = ["s3://old-bucket", "s3://bucket/pre", "s3://bucket/pre/fix2", "file:///srv/state", "az://c/p"]


@pytest.mark.parametrize("url", MOVED_FROM)
def test_the_reference_of_another_url_leads_below_this_one_when_objects_were_moved(url: str) -> None:
    assert ADDRESS.path_of(f"{url}/{PATH}", ORIGIN, moved=True) == PATH
    assert ADDRESS.path_of(REFERENCE, ORIGIN, moved=True) == PATH


@pytest.mark.parametrize("url", MOVED_FROM)
def test_a_moved_reference_is_refused_without_an_origin_and_for_another_one(url: str) -> None:
    for origin in (None, Origin(task(), f"other~{GENERATION}")):
        with pytest.raises(InvalidRequestError):
            ADDRESS.path_of(f"{url}/{PATH}", origin, moved=True)


@pytest.mark.parametrize(
    "reference",
    [
        "",
        PATH,
        f"/{PATH}",
        f"x/{PATH}",
        f"s3://{PATH}",
        f"s3://old/../{PATH}",
        f"s3://old//{PATH}",
        f"s3://me:s3cret@old/{PATH}",
        f"S3://old/{PATH}",
        f"s3://old/{PATH.replace('store/', '_entries/')}",
        f"s3://old/{PATH.replace('store/', '')}",
        f"s3://old/{PATH}?versionId=1",
        f"s3://old/{PATH}\n",
    ],
)
def test_what_no_url_ever_made_is_no_moved_reference(reference: str) -> None:
    with pytest.raises(InvalidRequestError):
        ADDRESS.path_of(reference, ORIGIN, moved=True)


@given(st.text())
def test_no_text_leads_out_of_the_prefix(text: str) -> None:
    for reference in (text, f"s3://bucket/pre/fix/{text}", REFERENCE + text, f"s3://bucket/pre/fix/s/{text}"):
        if reference != REFERENCE:
            with pytest.raises(InvalidRequestError):
                ADDRESS.path_of(reference, ORIGIN)
