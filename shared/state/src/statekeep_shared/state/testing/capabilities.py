"""What a backend can do beyond the eight methods, as its author declares it to the conformance suite."""

from __future__ import annotations

from dataclasses import dataclass

ASSET_ADDRESSES = frozenset({"asset_id", "name", "uri"})


@dataclass(frozen=True)
class Capabilities:
    """Declared capabilities are tested to work; undeclared ones are tested to be refused, not ignored.

    ``asset_addresses``: the fields of ``AssetScope`` by which the backend finds an asset. A scope that
    gives only others must be refused with ``unsupported`` or ``invalid_request``.

    ``max_value_bytes``: a longer value must be refused with ``value_too_large``; without it, a value of
    one mebibyte must be kept.

    ``external_objects``: the hooks put values elsewhere and return references. Without it, they must
    return their argument.
    """

    asset_addresses: frozenset[str] = ASSET_ADDRESSES
    max_value_bytes: int | None = None
    external_objects: bool = False
