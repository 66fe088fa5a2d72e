"""One set or get in a process of its own: prints how many megabytes it took, the value's included."""

from __future__ import annotations

import sys
from itertools import islice

from statekeep import TaskScope
from statekeep.backends import ObjectStoreBackend

from benchmarks.peak_memory import peak_mb
from benchmarks.sample_values import repeated_text

_SCOPE = TaskScope("bench", "1", "peak")
_KEY = "k~" + "0" * 26


def main() -> None:
    """Arguments: set or get (of what a set before it left), the url, the size in bytes, options in pairs."""
    operation, url, size_bytes, *pairs = sys.argv[1:]
    options = dict(zip(islice(pairs, 0, None, 2), islice(pairs, 1, None, 2), strict=True))
    # Uncompressed: whatever is held on the way is then as large as it gets.
    backend = ObjectStoreBackend(url, compression_level=None, options=options)
    backend.set(_SCOPE, "warm-up", "1")
    before_mb = peak_mb()
    if operation == "set":
        backend.set(_SCOPE, _KEY, repeated_text(int(size_bytes)))
    else:
        backend.get(_SCOPE, _KEY)
    print(peak_mb() - before_mb)


main()
