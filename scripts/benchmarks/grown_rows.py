"""What a store that has grown holds, whatever its engine: how many rows of each kind, and which are which."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from statekeep_core._shared.state.identity import ti_id_of
from statekeep_core._shared.state.messages import TaskAddress

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS_PER_INSTANCE = 10
# Of the keys of an instance: one expires tomorrow, one has expired, the others have no own retention.
EXPIRING_KEY, EXPIRED_KEY = "key-8", "key-9"
PLAIN_KEYS = tuple(f"key-{number}" for number in range(8))
VALUE = b'"' + b"x" * 98 + b'"'
DAY_US = 86_400 * 1_000_000
_MOST_RUNNING = 20_000


class Grown(NamedTuple):
    """The size of a store, in task entries; the rest follows from it."""

    entries: int

    @property
    def instances(self) -> int:
        return self.entries // KEYS_PER_INSTANCE

    @property
    def assets(self) -> int:
        return self.entries // 100

    @property
    def requests(self) -> int:
        return self.entries // 10

    @property
    def running_every(self) -> int:
        """Each so many instances one has a running try: half of a small store's, 20,000 of a large one's."""
        return max(2, self.instances // _MOST_RUNNING)

    def running(self) -> range:
        """Return the ids of the instances whose first try is running; the tries of all others succeeded."""
        return range(self.running_every, self.instances + 1, self.running_every)

    def succeeded(self) -> range:
        """Return as many ids of instances whose try has succeeded."""
        return range(self.running_every - 1, self.instances, self.running_every)

    def instance_rows(self) -> Iterator[tuple[int, str, str, str, str]]:
        """Return the id, the ti_id and three names of each instance."""
        for instance_id in range(1, self.instances + 1):
            task = task_of(instance_id)
            yield instance_id, ti_id_of(*task), *task[:3]


def task_of(instance_id: int) -> TaskAddress:
    """Return the names of an instance by its id."""
    return TaskAddress("grown", f"run-{instance_id // 100}", f"task-{instance_id % 100}")
