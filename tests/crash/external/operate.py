"""An operator who rewinds an asset's entry to an earlier version, killed at a planned step. Run as a module:

python -m tests.crash.external.operate PLAN        (PLAN: a JSON list, the fields of `OperatorPlan`)
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import NamedTuple

from statekeep import config
from statekeep._shared.state import messages as m

from tests.crash.external.killing_store import step_with
from tests.crash.external.reading import ASSET_ADDRESS, Reader
from tests.crash.external.values import number_of
from tests.crash.killing_files import watch_connections
from tests.crash.ledger import Acknowledged, Attempt, Effect, Ledger, Seen
from tests.crash.steps import Kill, Killer, noting

OPERATOR_STEPS = ("attempted", "answered", "acknowledged")


class OperatorPlan(NamedTuple):
    """One rewind, of what is drawn by the seed. ``steps``: a file for the steps' names."""

    ledger: str
    store: str
    seed: int
    ahead_seconds: float = 0.0
    kill: Kill | None = None
    steps: str = ""


def main() -> None:
    """Rewind, if there is something to rewind to."""
    plan = OperatorPlan(*json.loads(sys.argv[1]))
    killer = Killer(plan.kill and Kill(*plan.kill), noting(plan.steps))
    files = watch_connections(killer)
    step_with(killer.step)
    ledger = Ledger(Path(plan.ledger))
    # As a write of the try that came last: nobody else is at work.
    tries = [record.try_number for record in ledger.read() if isinstance(record, Seen)]
    with Reader(plan.store, config.process_environment(), plan.ahead_seconds) as reader:
        kept = [change for change in reader.history() if change.value is not None]
        if tries and kept:
            to = random.Random(plan.seed).choice(kept)
            effect = Effect("asset", "set", to.key, number_of(to.key, to.value))
            ledger.append(Attempt(tries[-1], (effect,)))
            killer.step("attempted")
            reader.transport.call(m.Rewind(ASSET_ADDRESS, to.key, to.version), f"rewind-{plan.seed}")
            killer.step("answered")
            ledger.append(Acknowledged(tries[-1], (None,)))
            killer.step("acknowledged")
    del files


if __name__ == "__main__":
    main()
