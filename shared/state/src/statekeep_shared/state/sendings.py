"""The numbers under which a try sends its changes over HTTP, so that one that comes late changes nothing.

A header carries them, and neither the message nor its id: each repetition has a number of its own, and a
server that knows nothing of them ignores the header.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import InvalidRequestError

# 18 digits fit into 64 bits.
_HEADER = re.compile("([0-9]{1,18})(?:; *floor=([0-9]{1,18}))?")


class Sending(NamedTuple):
    """One sending of a request. Its try promises that those below ``floor`` shall have no effect any more."""

    number: int
    floor: int = 0

    @property
    def header(self) -> str:
        return f"{self.number}; floor={self.floor}" if self.floor else str(self.number)


def sending_of(header: str) -> Sending:
    """Return what a header says. Raises :class:`InvalidRequestError`."""
    found = _HEADER.fullmatch(header)
    number, floor = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    if found is None or floor > number:
        raise InvalidRequestError(
            what="number of a sending",
            problem="is not of the form `7` or `7; floor=6`, with a floor up to the number",
            remedy="send what the protocol defines, or leave the header out",
        )
    return Sending(number, floor)
