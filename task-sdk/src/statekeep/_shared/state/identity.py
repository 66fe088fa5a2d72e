"""The id of a task instance, from its four names.

Apart from the scopes, because a supervisor and a store need the id at every start, and the dataclasses of
the scopes take 8 ms to import. For the same reason not by ``uuid``, which imports ``platform`` for 8 more.
"""

from __future__ import annotations

import json
from hashlib import sha1

# uuid5(NAMESPACE_URL, "statekeep:task-instance"). Frozen: every stored ti_id derives from it.
TASK_INSTANCE_NAMESPACE = "83d3bfbe-4db5-598e-bde2-3f7822b09800"


def ti_id_of(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    """Return the id of the task instance: the same for every try, on every machine, for ever.

    A UUIDv5 (RFC 9562) over the four names as a JSON list without spaces and in ASCII, which no two task
    instances share: quotes delimit the names, and a quote inside a name is escaped.
    """
    text = json.dumps([dag_id, run_id, task_id, map_index], separators=(",", ":"))
    namespace = bytes.fromhex(TASK_INSTANCE_NAMESPACE.replace("-", ""))
    octets = bytearray(sha1(namespace + text.encode(), usedforsecurity=False).digest()[:16])
    octets[6] = octets[6] & 0x0F | 0x50  # version 5
    octets[8] = octets[8] & 0x3F | 0x80  # the variant of RFC 9562
    digits = octets.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
