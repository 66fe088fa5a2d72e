"""Judges a ledger of operations on offloaded values: the promises, and what every reader was given."""

from __future__ import annotations

from collections.abc import Iterable

from tests.crash.checker import Violation, judge
from tests.crash.ledger import Attempt, Read, Record, Refused

# The only ones that a single writer may be told: it was killed, or will be.
_EXPECTED_REFUSALS = ("SupervisorGoneError", "TruncatedFrameError", "SupersededError", "TryFinishedError")


def judge_all(records: Iterable[Record]) -> list[Violation]:
    """Return every violation that the records show."""
    taken = list(records)
    return [*judge(taken), *_wrong_reads(taken), *_wrong_refusals(taken)]


def _wrong_reads(records: list[Record]) -> list[Violation]:
    """A reader is given whole values of that very key, and one and the same value for one version."""
    attempted: dict[str, set[object]] = {}
    by_version: dict[tuple[str, str, int], object] = {}
    wrong: list[Violation] = []
    for record in records:
        if isinstance(record, Attempt):
            for effect in record.effects:
                attempted.setdefault(effect.key, set()).add(effect.value)
        if not isinstance(record, Read):
            continue
        shown = f"{record.reader} read {record.value!r} of {record.where} {record.key!r} at {record.version}"
        if record.value is None and record.version is None:
            continue  # there was no entry
        if not isinstance(record.value, int):
            wrong.append(Violation(5, shown))
        elif record.value not in attempted.get(record.key, ()) and record.key not in _RECKONED:
            wrong.append(Violation(5, f"{shown}, which nobody wrote"))
        if record.version is not None:
            first = by_version.setdefault((record.where, record.key, record.version), record.value)
            if first != record.value:
                wrong.append(Violation(5, f"{shown}, and {first!r} before"))
    return wrong


# Their numbers are sums.
_RECKONED = ("count", "rows")


def _wrong_refusals(records: list[Record]) -> list[Violation]:
    return [
        Violation(2, f"try {record.try_number} was told {record.error}")
        for record in records
        if isinstance(record, Refused) and record.error not in _EXPECTED_REFUSALS
    ]
