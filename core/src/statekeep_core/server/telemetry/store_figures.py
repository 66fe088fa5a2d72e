"""What the store says of itself to whoever watches it: a few counts, each read from an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from statekeep_core.policy import Work

# To count more takes long, and tells nobody more than that something is wrong.
_MOST_COUNTED = 10_000
# The index has a backend's objects side by side: one step to each backend, and one to its oldest.
_OLDEST_DUE = """
WITH RECURSIVE backends (id) AS (
  SELECT min(backend_id) FROM external_objects WHERE due_at > 0 AND digest IS NOT NULL
  UNION ALL
  SELECT (SELECT min(backend_id) FROM external_objects
          WHERE due_at > 0 AND digest IS NOT NULL AND backend_id > id)
  FROM backends WHERE id IS NOT NULL
)
SELECT coalesce(min((SELECT min(due_at) FROM external_objects
                     WHERE due_at > 0 AND digest IS NOT NULL AND backend_id = id)), 0)
FROM backends WHERE id IS NOT NULL
"""


class StoreFigures(NamedTuple):
    """Instants are microseconds since the Unix epoch; 0: never, or none."""

    running_tries: int
    pending_disposals: int
    oldest_due_at_us: int
    swept_at_us: int


def store_figures(work: Work) -> StoreFigures:
    """Return the figures as they are now, pending disposals and running tries counted to 10,000 each."""
    rows = work.tx.rows
    [(running,)] = rows(
        "SELECT count(*) FROM (SELECT 1 FROM tries WHERE status = 'running' LIMIT ?) AS counted",
        (_MOST_COUNTED,),
    )
    [(pending,)] = rows(
        "SELECT count(*) FROM (SELECT 1 FROM external_objects WHERE due_at > 0 AND digest IS NOT NULL"
        " ORDER BY backend_id, due_at LIMIT ?) AS counted",
        (_MOST_COUNTED,),
    )
    [(oldest,)] = rows(_OLDEST_DUE)
    [(swept_at,)] = rows("SELECT swept_at FROM store")
    return StoreFigures(int(running), int(pending), int(oldest), int(swept_at))
