"""Where a task process finds its supervisor."""

from __future__ import annotations

import os

# Holds the path of the supervisor's Unix socket; all that a task process is given in its environment.
ADDRESS_VARIABLE = "STATEKEEP_SUPERVISOR"


def supervisor_address() -> str | None:
    """Return the path of the supervisor's socket, or None outside any task."""
    return os.environ.get(ADDRESS_VARIABLE) or None
