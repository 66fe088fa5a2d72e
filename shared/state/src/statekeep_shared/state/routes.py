"""Where each request goes over HTTP. Keys and names are never part of it: they travel in bodies only."""

from __future__ import annotations

import re
from types import MappingProxyType

# For supervisors, and for people and their tools.
EXECUTION = "/execution/v1/"
OPERATORS = "/api/v1/"

REQUEST_ID_HEADER = "Idempotency-Key"
SENDING_HEADER = "Statekeep-Sending"

_NAMED = MappingProxyType(
    {
        "FetchDisposals": "disposals/fetch",
        "AcknowledgeDisposals": "disposals/acknowledge",
        "DescribeStore": "store",
    }
)
_WORD_BEGINS = re.compile("(?<!^)(?=[A-Z])")


def operation_of(kind: str) -> str:
    """Return the last part of the path of a kind of request: ``SetMax`` goes to ``set-max``."""
    return _NAMED.get(kind) or _WORD_BEGINS.sub("-", kind).lower()
