"""Every address has bytes of its own, and one address always the same."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from itertools import product

from statekeep import AssetScope, StateScope, TaskScope
from statekeep.backends.encrypted.origins import entry_origin, object_origin, plain_origin, plain_tag
from statekeep.backends.testing import second_copy

KEYS = ("k", "k~1", '"', '","', "", "\\", "é", "e\u0301", "1")
SCOPES: tuple[StateScope, ...] = (
    TaskScope("a", "b/c", "t"),
    TaskScope("a/b", "c", "t"),
    TaskScope("a", "b", 't","x'),
    TaskScope("a", "b", "t", 0),
    TaskScope("a", "b", "t", 1),
    TaskScope("asset name", "a", "b"),
    AssetScope(name="a"),
    AssetScope(uri="a"),
    AssetScope(name="1"),
    AssetScope(asset_id=1),
    AssetScope(asset_id=0),
    AssetScope(name=""),
)


def test_no_two_addresses_share_their_bytes() -> None:
    bound = [
        origin(scope, key) for origin in (entry_origin, object_origin) for scope in SCOPES for key in KEYS
    ]
    tags = [plain_tag(kind, owner, key) for kind, owner, key in product(("task", "asset"), KEYS, KEYS)]
    assert len({*bound, *map(plain_origin, tags)}) == len(bound) + len(tags)


def test_a_tag_has_43_characters_that_no_path_or_url_minds() -> None:
    tag = plain_tag("asset", "\U0001f600" * 1_500, "\U0001f600" * 512)
    assert len(tag) == 43
    assert tag.replace("-", "").replace("_", "").isalnum()


def test_an_asset_is_its_name_or_else_its_uri_however_it_is_declared() -> None:
    by_name = entry_origin(AssetScope(name="orders"), "k")
    assert entry_origin(AssetScope(asset_id=7, name="orders", uri="s3://b/orders"), "k") == by_name
    by_uri = entry_origin(AssetScope(uri="s3://b/orders"), "k")
    assert entry_origin(AssetScope(asset_id=7, uri="s3://b/orders"), "k") == by_uri != by_name


def test_the_scopes_of_another_vendored_copy_are_the_same_addresses() -> None:
    for scope in SCOPES:
        foreign = getattr(second_copy(), type(scope).__name__)(**vars(scope))
        assert entry_origin(foreign, "k") == entry_origin(scope, "k")


def test_the_bytes_are_frozen_since_every_ciphertext_is_bound_to_them() -> None:
    assert object_origin(TaskScope("d", "é", "t", 3), "k~1") == b'["object","task","d","\\u00e9","t",3,"k~1"]'
    assert entry_origin(AssetScope(name="a"), "k") == b'["entry","asset name","a","k"]'
    tag = urlsafe_b64encode(sha256(b'["task","t","k"]').digest()).decode().rstrip("=")
    assert plain_tag("task", "t", "k") == tag
    assert plain_origin("x") == b'["plain object","x"]'
