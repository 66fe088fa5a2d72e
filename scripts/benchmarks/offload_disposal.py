"""What it takes to dispose of objects that nothing names any more, once they are due."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from statekeep import config
from statekeep._shared.state import messages as m
from statekeep._shared.state import wire
from statekeep.backends.configured import Backends
from statekeep.sweeping.disposal import dispose
from statekeep_core.embedded import open_store
from statekeep_core.metastore.clock import Instant, SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping

_AN_HOUR_US = 3_600_000_000  # objects fall due minutes after they lost their record


def disposed_ms(environ: Mapping[str, str]) -> tuple[int, float]:
    """Dispose of everything that is queued, as a sweep does an hour later; return how many, and how long."""
    store = open_store(Path(environ["STATEKEEP__DATABASE__URL"]), clock=_an_hour_later)
    try:
        backends = Backends.of_settings(config.load(environ).workers, environ)

        def ask(request: Any) -> Any:
            call = (wire.to_plain(m.OperatorClaims("bench")), os.urandom(8).hex(), wire.to_plain(request))
            return wire.raise_if_refused(wire.from_plain(store.handle_group([call])[0]))

        backends.belong_to(ask(m.DescribeStore()).store_id)
        began = time.perf_counter()
        disposed = dispose(ask, backends.all())
        took_ms = (time.perf_counter() - began) * 1000
    finally:
        store.close()
    if disposed.failures or not disposed.is_complete:
        raise SystemExit(f"not everything was disposed of: {disposed}")
    return sum(removed.objects for removed in disposed.removed), took_ms


def _an_hour_later() -> Instant:
    now = SystemClock()()
    return now._replace(wall_us=now.wall_us + _AN_HOUR_US, boot_us=now.boot_us + _AN_HOUR_US)
