"""What goes on between a process and its database, counted."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Traffic(NamedTuple):
    """How often threads have waited for a database, and what it has refused or broken off, by the kind."""

    round_trips: int
    errors: Mapping[str, int]


NO_TRAFFIC = Traffic(0, MappingProxyType({}))
