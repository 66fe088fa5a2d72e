"""Who writes, as the tables hold it."""

from __future__ import annotations

from typing import NamedTuple


class Stamp(NamedTuple):
    """The writer of a row: a principal, and the try that it acted in, if any."""

    principal: str
    instance_id: int | None = None
    try_number: int | None = None


SWEEP = Stamp("sweep")
