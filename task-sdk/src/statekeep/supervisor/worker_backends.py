"""The worker's backends at both ends of a job: made before it starts, used to tidy up when it has ended."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .._shared.state import messages as m
from ..client.store_client import call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..backends.configured import Backends
    from ..client.store_client import StoreClient
    from ..config import Workers


def made_backends(workers: Workers, environ: Mapping[str, str]) -> Backends | None:
    """Make each backend that is configured, and return them; None when there is none.

    Raises ``SettingsError``. What is sent to none of them yet is found out by ``statekeep backend check``.
    """
    if not workers.state_backend and not workers.read_backends:
        return None
    from ..backends.configured import Backends  # which a job without a backend does without

    backends = Backends.of_settings(workers, environ)
    backends.all()
    return backends


def dispose_of_job(
    client: StoreClient,
    task: m.TaskAddress,
    started: m.Started,
    backends: Backends,
    *,
    say: Callable[[str], object],
) -> None:
    """Delete what values of the task, and of the outlets that it was started with, have left behind.

    For a few seconds at most, and some more where a server does not answer; the sweep does the rest. Never
    raises.
    """
    from ..accessors.origins import canonical
    from ..sweeping.own import dispose_own

    backends.belong_to(started.store_id)
    claims = m.WorkerClaims(os.uname().nodename)
    outlets = [canonical(m.AssetAddress(each.name, each.uri)) for each in started.grants if each.writable]
    dispose_own(lambda request: call(client, claims, request), backends.all(), [task, *outlets], say=say)
