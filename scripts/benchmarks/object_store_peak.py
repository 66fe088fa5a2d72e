"""One set or get in a process of its own: prints how many megabytes it took, the value's included."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

from statekeep import TaskScope
from statekeep.backends import ObjectStoreBackend

_SCOPE = TaskScope("bench", "1", "peak")
_KEY = "k~" + "0" * 26


def main() -> None:
    """Arguments: set or get (of what a set before it left), the url, the size in bytes, options in pairs."""
    operation, url, size_bytes, *pairs = sys.argv[1:]
    options = dict(zip(islice(pairs, 0, None, 2), islice(pairs, 1, None, 2), strict=True))
    # Uncompressed: whatever is held on the way is then as large as it gets.
    backend = ObjectStoreBackend(url, compression_level=None, options=options)
    backend.set(_SCOPE, "warm-up", "1")
    before_kib = _peak_kib()
    if operation == "set":
        backend.set(_SCOPE, _KEY, _value(int(size_bytes)))
    else:
        backend.get(_SCOPE, _KEY)
    print((_peak_kib() - before_kib) * 1024 / 1e6)


def _value(size_bytes: int) -> str:
    """Text that is made without a second copy of its own."""
    return "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ=" * (size_bytes // 64)


def _peak_kib() -> int:
    # Not ru_maxrss, which a new program inherits from the process that it replaced.
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


main()
