"""A sweep of the real parts, under a clock that is ahead, killed at a planned step. Run as a module:

python -m tests.crash.external.sweep PLAN        (PLAN: a JSON list, the fields of `SweepPlan`)
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from statekeep import config
from statekeep._shared.state import messages as m
from statekeep.backends.configured import Backends
from statekeep.client.store_client import call
from statekeep.sweeping.disposal import dispose
from statekeep.sweeping.expiry import clean_up, expire
from statekeep.sweeping.orphans import sweep_orphans
from statekeep.sweeping.report import Report

from tests.crash.external.killing_store import step_with, watch_folder
from tests.crash.external.moved_clock import moved_now
from tests.crash.external.stores import open_client
from tests.crash.killing_files import watch_connections
from tests.crash.steps import Kill, Killer, noting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_REQUESTS = ("DescribeStore", "SweepStep", "FetchDisposals", "AcknowledgeDisposals", "Condemn")
# Before a request of the sweep, and after its answer.
REQUEST_STEPS = tuple(f"{when}_{name}" for name in _REQUESTS for when in ("asking", "told"))


class SweepPlan(NamedTuple):
    """One sweep. ``page_objects``: how many it disposes of at once. ``folder``: of the objects. ``steps``: a
    file for the steps' names."""

    store: str
    ahead_seconds: float
    with_orphans: bool = True
    page_objects: int = 3
    kill: Kill | None = None
    folder: str = ""
    steps: str = ""


def main() -> int:
    """Sweep as planned; 0 unless something could not be removed."""
    plan = SweepPlan(*json.loads(sys.argv[1]))
    killer = Killer(plan.kill and Kill(*plan.kill), noting(plan.steps))
    files = watch_connections(killer)
    step_with(killer.step)
    if plan.folder:
        watch_folder(plan.folder, killer.step)
    report = sweep(plan, config.process_environment(), killer)
    del files
    sys.stderr.write(f"sweep: {report}\n")
    return 0 if report.is_complete and not report.failures else 1


def sweep(plan: SweepPlan, environ: Mapping[str, str], killer: Killer) -> Report:
    """Do what `statekeep sweep` does, in its order; all but the clock and the steps is its own."""
    with closing(open_client(plan.store, environ, plan.ahead_seconds, killer)) as client:

        def ask(request: Any) -> Any:
            name = type(request).__name__
            killer.step(f"asking_{name}")
            answer = call(client, m.OperatorClaims("sweeper"), request)
            killer.step(f"told_{name}")
            return answer

        return _swept(plan, environ, ask)


def _swept(plan: SweepPlan, environ: Mapping[str, str], ask: Callable[[Any], Any]) -> Report:
    store_id = ask(m.DescribeStore()).store_id
    configured = Backends.of_settings(config.load(environ).workers, environ)
    configured.belong_to(store_id)
    backends = configured.all()
    expired = expire(ask)
    disposed = dispose(ask, backends, page_objects=plan.page_objects)
    cleaned_up = clean_up(backends)
    orphans = None
    if plan.with_orphans:
        orphans = sweep_orphans(ask, backends, store_id, now=moved_now(plan.ahead_seconds))
    return Report(False, expired, disposed, cleaned_up, orphans, 0)


if __name__ == "__main__":
    sys.exit(main())
