"""A sweep that is killed at each of its steps in turn, and what the next sweeps make of it. Run as a module:

python -m tests.crash.killed_sweeps FOLDER

Prints a JSON object: ``kills``, how many there were, and ``faults``, what was wrong after which.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import apsw
from statekeep import StateScope
from statekeep._shared.state import messages as m
from statekeep._shared.state import wire
from statekeep.backends import ObjectStoreBackend
from statekeep.sweeping.disposal import dispose
from statekeep.sweeping.expiry import expire
from statekeep.sweeping.orphans import sweep_orphans
from statekeep_core.embedded import open_store
from sweeping.place import DISPOSE_AFTER_SECONDS, LEASE_SECONDS, MovedClock, Place, file_of

from tests.crash.killing_files import watch_connections

_START_SECONDS = 1_700_000_000.0
_PAGE_OBJECTS = 2
_NAMED = "SELECT reference FROM external_objects JOIN task_entries USING (object_id)"
_SWEEPS_AFTER = 3  # what expires in the first is due in the second, and leased at worst until the third


class NthStep:
    """Kills this process at its n-th step, whatever that is. In the place of a ``Killer``."""

    def __init__(self, number: int) -> None:
        self._left = number

    def is_last(self, _name: str) -> bool:
        self._left -= 1
        return self._left == 0

    def step(self, name: str) -> None:
        if self.is_last(name):
            self.kill()

    def kill(self) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("nobody outlives SIGKILL")


class Stepping(ObjectStoreBackend):
    """Has a step before and after each object that it deletes."""

    on_step: Callable[[str], None] = staticmethod(lambda _name: None)

    def delete_objects(self, origins: Iterable[tuple[StateScope, str]]) -> None:
        for origin in origins:
            self.on_step("deleting")
            super().delete_objects([origin])
            self.on_step("deleted")


class Prepared(NamedTuple):
    """The files of objects that are to stay, and of orphans."""

    kept: set[str]
    orphans: set[str]


def prepare(folder: Path) -> Prepared:
    """Make a store with replaced and expired values, and orphans."""
    place = Place(folder, MovedClock(_START_SECONDS))
    orphans = {file_of(place.upload(f"orphan {number}")) for number in range(3)}
    for number in range(3):
        place.write(f"k{number}", '"old"')
    expiring = place.upload("expiring")
    place.as_(place.claims, m.Set("expiring", b"", external=expiring, retention=60))
    kept = {file_of(place.write(f"k{number}", '"new"')) for number in range(3)}
    place.close()
    return Prepared(kept, orphans)


def sweep(
    folder: Path,
    now_seconds: float,
    on_step: Callable[[str], None] = lambda _name: None,
    *,
    with_orphans: bool = True,
) -> None:
    """Do what `statekeep sweep --orphans` does, or the command without the flag."""
    store = open_store(folder / "state.db", clock=MovedClock(now_seconds))

    def ask(request: Any) -> Any:
        call = (wire.to_plain(m.OperatorClaims("ann")), "", wire.to_plain(request))
        reply = store.handle_group([call])[0]
        on_step("answered")
        return wire.raise_if_refused(wire.from_plain(reply, ignore_unknown=True))

    store_id = ask(m.DescribeStore()).store_id
    backend = Stepping(f"file://{folder}/objects", store_id=store_id)
    backend.on_step = on_step
    expire(ask)
    dispose(ask, [backend], page_objects=_PAGE_OBJECTS)
    if with_orphans:
        sweep_orphans(ask, [backend], store_id, now=datetime.now(UTC) + timedelta(days=2))
    store.close()


def faults_after(folder: Path, prepared: Prepared) -> Iterator[str]:
    """Sweep as often as it takes; what is wrong then."""
    kept = prepared.kept
    for later in range(2, _SWEEPS_AFTER + 2):
        now_seconds = _START_SECONDS + later * (DISPOSE_AFTER_SECONDS + LEASE_SECONDS)
        sweep(folder, now_seconds, with_orphans=False)
    replaced = files_in(folder) - kept - prepared.orphans
    if replaced:
        yield f"{len(replaced)} replaced values are forgotten, and left to the orphan sweep"
    sweep(folder, now_seconds)
    yield from faults_of(folder, kept)


def faults_of(folder: Path, kept: set[str]) -> Iterator[str]:
    """What is wrong with a store after its sweeps."""
    found = files_in(folder)
    if found != kept:
        yield f"{len(kept - found)} objects are lost and {len(found - kept)} left"
    connection = apsw.Connection(str(folder / "state.db"))
    try:
        named = {row[0].removeprefix("file://") for row in connection.execute(_NAMED)}
        if named != kept:
            yield f"{len(named)} objects are named, not {len(kept)}"
        [(forgotten,)] = connection.execute("SELECT count(*) FROM external_objects WHERE records = 0")
        if forgotten:
            yield f"{forgotten} objects wait for ever"
        [(integrity,)] = connection.execute("PRAGMA integrity_check")
        if integrity != "ok":
            yield str(integrity)
    finally:
        connection.close()


def files_in(folder: Path) -> set[str]:
    """The files of all objects."""
    return {str(file) for file in (folder / "objects").rglob("*") if file.is_file()}


def is_killed(folder: Path, number: int) -> bool:
    """Sweep in a process that is killed at a step; return whether it had so many."""
    child = os.fork()
    if child == 0:
        try:
            killer = NthStep(number)
            files = watch_connections(killer)  # type: ignore[arg-type]  # all of a Killer that it uses
            sweep(folder, _START_SECONDS + DISPOSE_AFTER_SECONDS + 1, killer.step)
            del files
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    assert os.waitstatus_to_exitcode(status) == 0, f"the sweep failed at step {number}"
    return False


def main() -> int:
    """Kill a sweep at each of its steps; print what was found."""
    folder, template = Path(sys.argv[1]) / "work", Path(sys.argv[1]) / "template"
    folder.mkdir()
    prepared = prepare(folder)
    shutil.copytree(folder, template)
    kills, faults = 0, []
    while is_killed(folder, kills + 1):
        kills += 1
        faults += [f"killed at step {kills}: {fault}" for fault in faults_after(folder, prepared)]
        shutil.rmtree(folder)
        shutil.copytree(template, folder)
    print(json.dumps({"kills": kills, "faults": faults}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
