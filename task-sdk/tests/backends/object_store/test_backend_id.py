"""An id is derived from where objects are, and one that is given is an object store's own."""

from __future__ import annotations

import pytest
from statekeep.backends import ObjectStoreBackend
from statekeep.backends.object_store.backend_id import check_backend_id, derived_backend_id
from statekeep.errors import InvalidRequestError


def test_an_id_follows_from_url_and_endpoint() -> None:
    ids = {derived_backend_id(url, at) for url in ("s3://a", "s3://b") for at in ("", "http://x")}
    assert len(ids) == 4
    for one in ids:
        check_backend_id(one)


def test_the_id_of_the_encrypted_backend_is_refused_and_the_right_one_said() -> None:
    with pytest.raises(InvalidRequestError, match=r"give object-store-1$"):
        ObjectStoreBackend("memory://", backend_id="encrypted:object-store-1")


def test_an_empty_id_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="is empty"):
        ObjectStoreBackend("memory://", backend_id="")
