"""The PostgreSQL of the benchmarks: that of the tests, with the durability and the memory of a real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.postgresql.cluster import Cluster

SETTINGS = (
    "fsync=on",
    "full_page_writes=on",
    "synchronous_commit=on",
    "shared_buffers=1GB",
    "max_wal_size=8GB",
    "checkpoint_timeout=15min",
)


def postmaster(cluster: Cluster) -> int:
    """Return the id of its first process, whose children are the others."""
    return int((cluster.folder / "data" / "postmaster.pid").read_text().split()[0])
