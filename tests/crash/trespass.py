"""A task that asks its supervisor for what is none of its business, request by request. Run as a module:

python -m tests.crash.trespass REPORT FOREIGN_ASSET_ID
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from statekeep import current_context
from statekeep._shared.state import messages as m
from statekeep.channel.address import supervisor_address
from statekeep.channel.client import ChannelClient
from statekeep.errors import StatekeepError


def foreign_requests(foreign_asset: int, inlet: int) -> list[Any]:
    """Return requests that are not this task's to make."""
    task, asset = m.TaskAddress("crash", "2026", "other"), m.AssetAddress("foreign")
    reads: list[Any] = [m.Get("k", target) for target in (task, asset, foreign_asset)]
    writes: list[Any] = [
        write
        for target in (task, asset, foreign_asset, inlet)
        for write in (
            m.Set("k", b"1", target),
            m.Set("k", b"1", target, apply_now=True),
            m.Delete("k", target),
            m.Clear(target),
            m.Increment("k", b"1", target),
            m.SetMax("k", b"1", target),
            m.Batch((m.Set("own", b"1"), m.Set("k", b"1", target))),
        )
    ]
    listings = [m.ListEntries(task), m.ListEntries(foreign_asset), m.ListHistory(foreign_asset)]
    of_operators = [
        m.Rewind(asset, "k", 1),
        m.ListTries(),
        m.ListAssets(),
        m.Deactivate(asset),
        m.Restore(asset),
    ]
    of_supervisors = [
        m.Start(task),
        m.Start(m.TaskAddress("crash", "2026", "job"), rerun=True),
        m.Finish(True, 0),
        m.Heartbeat(86_400.0),
    ]
    return [
        *reads,
        *writes,
        *listings,
        *of_operators,
        *of_supervisors,
        m.Clear(None, all_map_indices=True),
        m.TryClaims(1, 1),
    ]


def main() -> None:
    """Make the requests and report how each was answered."""
    report, foreign_asset = Path(sys.argv[1]), int(sys.argv[2])
    address = supervisor_address()
    assert address is not None
    client = ChannelClient(address)
    grants = client.context().grants
    [inlet] = [grant.asset_id for grant in grants if not grant.writable]
    answers = []
    for request in foreign_requests(foreign_asset, inlet):
        try:
            answers.append([repr(request), "answered", repr(client.call(request))])
        except StatekeepError as error:
            answers.append([repr(request), error.code, ""])
    current_context().task_state.set("still", "works")
    report.write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
