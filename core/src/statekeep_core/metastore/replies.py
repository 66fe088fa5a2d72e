"""Replies as text, for the rows that must give the same answer again."""

from __future__ import annotations

import binascii
import json
from typing import Any

from statekeep_core._shared.state import wire


def dump(reply: Any) -> str:
    """Return a reply as JSON text; bytes become base64 under a name that no message field has."""
    return json.dumps(wire.to_plain(reply), default=_base64, separators=(",", ":"))


def load(text: str) -> Any:
    """Return the reply that :func:`dump` wrote, by this or an earlier release."""
    return wire.from_plain(json.loads(text, object_hook=_bytes), ignore_unknown=True)


def _base64(value: bytes) -> dict[str, str]:
    return {"$base64": binascii.b2a_base64(value, newline=False).decode("ascii")}


def _bytes(found: dict[str, Any]) -> Any:
    return binascii.a2b_base64(found["$base64"]) if "$base64" in found else found
