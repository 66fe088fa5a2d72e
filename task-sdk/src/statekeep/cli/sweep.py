"""`statekeep sweep`: removes what has expired, was replaced, or belongs to nobody."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import config
from .._shared.state import messages as m
from ..backends.configured import Backends
from ..sweeping.disposal import dispose
from ..sweeping.expiry import clean_up, expire
from ..sweeping.known import known
from ..sweeping.orphans import DEFAULT_GRACE_SECONDS, check_grace, sweep_orphans
from ..sweeping.report import CleanedUp, Report
from . import sweep_report
from .access import operator
from .durations import duration_seconds, seconds
from .statuses import OF_SWEEPING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Sequence

    from .._shared.state.backend import BaseStateBackend

    Ask = Callable[[Any], Any]

_DESCRIPTION = """Removes what has expired from the store, and deletes the objects of replaced and deleted
values through the worker's backends, from 5 minutes after nothing names them any more. Run it on a timer,
where the backends are configured. Interrupted, it leaves a valid state, and the next sweep goes on."""


class _Asked(NamedTuple):
    """What the command line asks for."""

    with_orphans: bool
    grace_seconds: float
    dry_run: bool
    is_enough: Callable[[], bool]


def run(parser: ArgumentParser, given: Sequence[str]) -> int:
    """Run `statekeep sweep` with these arguments and return the exit status."""
    _add_arguments(parser)
    arguments = parser.parse_args(given)
    if arguments.grace is not None and not arguments.orphans:
        parser.error("--grace is about orphans; give --orphans, too")
    asked = _asked(arguments)
    check_grace(asked.grace_seconds)
    with operator() as ask:
        report = _swept(ask, asked)
    sweep_report.print_report(report, as_json=arguments.json)
    return sweep_report.status_of(report)


def _add_arguments(parser: ArgumentParser) -> None:
    parser.description, parser.epilog = _DESCRIPTION, OF_SWEEPING
    parser.add_argument(
        "--orphans", action="store_true", help="list the objects, too, and delete those that no record names"
    )
    parser.add_argument(
        "--grace",
        type=duration_seconds,
        metavar="D",
        help="leave orphans that are younger (default: 24h; at least 1h)",
    )
    parser.add_argument("--dry-run", action="store_true", help="change nothing; say what would be removed")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--time-limit",
        type=seconds,
        default=math.inf,
        metavar="SECONDS",
        help="begin nothing more after so long; that is said, and is no failure",
    )


def _asked(arguments: Namespace) -> _Asked:
    stop_at = time.monotonic() + arguments.time_limit
    return _Asked(
        with_orphans=arguments.orphans,
        grace_seconds=DEFAULT_GRACE_SECONDS if arguments.grace is None else arguments.grace,
        dry_run=arguments.dry_run,
        is_enough=lambda: time.monotonic() > stop_at,
    )


def _swept(ask: Ask, asked: _Asked) -> Report:
    store: m.StoreDescription = ask(m.DescribeStore())
    backends = _backends(store.store_id)
    options: dict[str, Any] = {"dry_run": asked.dry_run, "is_enough": asked.is_enough}
    expired = expire(ask, **options)
    disposed = dispose(ask, backends, **options)
    # A backend's own clean-up knows no dry run.
    cleaned_up = CleanedUp() if asked.dry_run else clean_up(backends, is_enough=asked.is_enough)
    orphans = None
    if asked.with_orphans:
        orphans = sweep_orphans(
            ask,
            backends,
            store.store_id,
            now=datetime.now(UTC),
            grace_seconds=asked.grace_seconds,
            **options,
        )
    after: m.StoreDescription = ask(m.DescribeStore(with_objects=True))
    objects = known(after.objects, backends, now=datetime.now(UTC))
    return Report(asked.dry_run, expired, disposed, cleaned_up, orphans, after.plain_objects_left, objects)


def _backends(store_id: str) -> tuple[BaseStateBackend, ...]:
    """Return the configured backends. Raises ``SettingsError`` when one cannot be made: nothing is swept."""
    environ = config.process_environment()
    configured = Backends.of_settings(config.load(environ).workers, environ)
    configured.belong_to(store_id)
    return configured.all()
