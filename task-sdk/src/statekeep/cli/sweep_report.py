"""What a sweep did, printed: for people, and as JSON with the same facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..supervisor.exit_status import FAILED
from ..supervisor.saying import say
from .streams import print_for_people
from .table import print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..sweeping.report import Known, Orphans, Removed, Report

_CONFIGURE = (
    "sweep where it is, or name it in [workers] state_backend or read_backends, or its url in "
    "[object_store] read_urls; objects from before encryption need [encryption] allow_plaintext = true"
)
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def status_of(report: Report) -> int:
    """Return the status to exit with: that of a failure when something could not be removed by anybody."""
    return FAILED if report.failures or report.forgotten else 0


def print_report(report: Report, *, as_json: bool) -> None:
    """Print the report; what failed is also said on standard error."""
    if as_json:
        print_json(_document(report))
    else:
        _print_removed(report)
        _print_known(report.objects)
        for line in _remarks(report):
            print_for_people(f"{line}\n")
    for failure in report.failures:
        say(f"{failure.what} failed: {failure.problem}")
    for known in report.forgotten:
        say(f"{_left_to_others(known)}, and nobody has deleted them for more than a day; {_CONFIGURE}")


def _document(report: Report) -> dict[str, Any]:
    expired, orphans = report.expired, report.orphans
    return {
        "dry_run": report.dry_run,
        "is_complete": report.is_complete,
        "expired": {name: value for name, value in expired._asdict().items() if name != "is_complete"},
        "disposed": [each._asdict() for each in report.disposed.removed],
        "cleaned_up": list(report.cleaned_up.backend_ids),
        "orphans": None if orphans is None else _orphans_document(orphans),
        "plain_objects_left": report.plain_objects_left,
        "objects": [each._asdict() for each in report.objects],
        "failures": [each._asdict() for each in report.failures],
    }


def _orphans_document(orphans: Orphans) -> dict[str, Any]:
    counts = {name: getattr(orphans, name) for name in ("listed", "too_young", "not_understood")}
    return counts | {"removed": [each._asdict() for each in orphans.removed]}


def _print_removed(report: Report) -> None:
    expired = report.expired
    rows = [
        ("expired task entries", "-", f"{expired.task_entries:,}", "-"),
        ("expired asset entries", "-", f"{expired.asset_entries:,}", "-"),
        ("old request ids", "-", f"{expired.requests:,}", "-"),
        *_object_rows("objects of replaced values", report.disposed.removed),
    ]
    if report.orphans is not None:
        rows += _object_rows("orphans", report.orphans.removed)
    print_table(("WHAT", "BACKEND", "WOULD REMOVE" if report.dry_run else "REMOVED", "SIZE"), rows)


def _object_rows(what: str, removed: Sequence[Removed]) -> list[tuple[str, ...]]:
    if not removed:
        return [(what, "-", "0", "-")]
    return [(what, each.backend_id, f"{each.objects:,}", _size(each.size_bytes)) for each in removed]


def _print_known(objects: Sequence[Known]) -> None:
    """Print what lies in each backend, by the ids in the records: an old bucket, or what is not encrypted."""
    if objects:
        rows = [
            (each.backend_id, f"{each.named:,}", f"{each.due:,}", "yes" if each.is_configured else "no")
            for each in objects
        ]
        print_for_people("\n")
        print_table(("OBJECTS OF BACKEND", "NAMED", "DUE", "CONFIGURED HERE"), rows)
        print_for_people("\n")


def _left_to_others(known: Known) -> str:
    are = "is" if known.due == 1 else "are"
    return (
        f"{_objects(known.due)} of backend {known.backend_id} {are} due; that backend is not configured here"
    )


def _remarks(report: Report) -> Iterator[str]:
    for known in report.objects:
        if known.is_left_to_others and not known.is_overdue:
            yield f"{_left_to_others(known)}."
    orphans = report.orphans
    if orphans is not None:
        yield f"Listed: {_objects(orphans.listed)}."
        if orphans.too_young:
            yield f"Within the grace period, and not looked at: {_objects(orphans.too_young)}."
        if orphans.not_understood:
            yield f"Left, because it is not clear whose they are: {_objects(orphans.not_understood)}."
    if report.plain_objects_left:
        yield (
            "Left, because a plain backend overwrites in place and the store cannot tell what became of its "
            f"objects when records expired: {_objects(report.plain_objects_left)}."
        )
    if report.dry_run:
        if not report.disposed.is_complete:
            yield "More replaced values are due than were counted."
        yield "Nothing was changed."
    elif not report.is_complete:
        yield "The time was up before the end; the next sweep goes on."


def _objects(number: int) -> str:
    return "1 object" if number == 1 else f"{number:,} objects"


def _size(size_bytes: int) -> str:
    size, unit = float(size_bytes), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1_000, unit + 1
    return f"{size_bytes} bytes" if not unit else f"{size:.3g} {_UNITS[unit]}"
