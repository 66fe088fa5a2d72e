"""Assets: what a task reads and produces, by name, by uri, or by both."""

from __future__ import annotations

from typing import NamedTuple

from ._shared.state.rules import check_asset


class _NameAndUri(NamedTuple):
    name: str | None
    uri: str | None


class Asset(_NameAndUri):
    """An asset, such as a table or a file. Two are equal when both their name and their uri are.

    A single argument with ``://`` in it is a uri, as on the command line. Raises ``InvalidRequestError``
    when neither is given, or one is empty, too long, or holds control characters.
    """

    __slots__ = ()

    def __new__(cls, name: str | None = None, uri: str | None = None) -> Asset:
        if uri is None and isinstance(name, str) and "://" in name:
            name, uri = None, name
        check_asset(name=name, uri=uri)
        return super().__new__(cls, name, uri)

    @classmethod
    def of(cls, asset: Asset | str) -> Asset:
        """Return the asset that a caller named: by an :class:`Asset`, a name, or a uri."""
        return asset if isinstance(asset, Asset) else cls(asset)

    def __str__(self) -> str:
        return str(self.uri if self.name is None else self.name)
