"""Judges a history: which promises does it break? Pure; it reads deeds only."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from tests.histories.cell import State, after, is_explained
from tests.histories.deeds import FENCED, LOST, OK, REFUSED, UNKNOWN, Answer, Attempt, Deed, Step
from tests.histories.linearizing import DEFAULT_LIMIT, Move, Verdict, linearize

# A key that is only ever added to, so that it must add up in the end.
TOTAL = "/total"


class Violation(NamedTuple):
    """A broken promise, and what shows it."""

    promise: str
    evidence: str


class Judgement(NamedTuple):
    """``undecided``: keys whose search was given up. ``looked_at``: states, over all keys."""

    violations: list[Violation]
    keys: int
    looked_at: int
    undecided: list[str]


def judge(deeds: Sequence[Deed], *, limit: int = DEFAULT_LIMIT) -> Judgement:
    """Return every violation that the deeds show, each key searched through at most ``limit`` states."""
    violations = [
        *_fencing(deeds),
        *_leases(deeds),
        *_staging(deeds),
        *_versions(deeds),
        *_torn_batches(deeds),
        *_clears(deeds),
        *_totals(deeds),
    ]
    cells = sorted({cell for deed in deeds for cell in deed.keys})
    judged = partial(judge_cell, deeds, _given_up_at(deeds), limit=limit)
    verdicts = {cell: judged(cell) for cell in cells}
    for cell, verdict in verdicts.items():
        if verdict.is_linearizable is False:
            violations.append(Violation("linearizability", f"{cell}: {verdict.stuck}"))
    undecided = [cell for cell, verdict in verdicts.items() if verdict.is_linearizable is None]
    looked_at = sum(verdict.looked_at for verdict in verdicts.values())
    return Judgement(violations, len(cells), looked_at, undecided)


# --- one key ---------------------------------------------------------------------------------------------


def judge_cell(deeds: Sequence[Deed], given_up_at: Mapping[str, float], cell: str, *, limit: int) -> Verdict:
    """Say whether what was done to one key, and the lives of the tries that did it, have an order."""
    scope, name, _ = cell.split("/", 2)
    touching = [d for d in deeds if d.verb == "state" and any(step.concerns(cell) for step in d.steps)]
    tasks = {deed.task for deed in touching if deed.try_number}
    lives = [deed for deed in deeds if deed.verb in ("start", "finish") and deed.task in tasks]
    all_moves = partial(_moves, cell=cell, given_up_at=given_up_at)
    moves = [move for deed in [*touching, *lives] for move in all_moves(deed)]
    return linearize(moves, State(owner=name if scope == "task" else ""), limit=limit)


def _moves(deed: Deed, *, cell: str, given_up_at: Mapping[str, float]) -> Iterator[Move[State]]:
    """Yield what the deed may have done to the key, and when."""
    sent = deed.sent
    if not sent:
        return
    if not deed.is_read:
        yield from _earlier_moves(deed, cell, sent, given_up_at.get(deed.request_id, math.inf))
    if deed.outcome != UNKNOWN and is_explained(deed):
        # What was recorded is answered as it was at the first attempt that got through.
        is_repeatable = deed.is_recorded and (deed.outcome == OK or deed.verb == "finish")
        begun_at = sent[0 if is_repeatable else -1].invoked_at
        done = partial(_after, deed=deed, cell=cell)
        # That of a clear is told for all keys together.
        is_open = any(step.kind == "clear" for step in deed.steps)
        yield Move(_told(deed), begun_at, deed.completed_at, done, is_open=is_open)


def _earlier_moves(
    deed: Deed, cell: str, sent: Sequence[Attempt], given_up_at: float
) -> Iterator[Move[State]]:
    """Yield the attempts nobody answered, which may yet be done while nobody knows how the deed ended."""
    lost = [attempt for attempt in sent if attempt.fate == LOST]
    is_settled = deed.outcome == OK or deed.code in FENCED or deed.verb == "finish"
    if deed.is_recorded and is_settled and deed.outcome != UNKNOWN:
        return
    unknown = deed._replace(outcome=UNKNOWN, answers=(), code="")
    until = deed.completed_at if is_settled and deed.outcome != UNKNOWN else given_up_at
    for attempt in lost[:1] if deed.is_recorded else lost:
        done = partial(_after, deed=unknown, cell=cell)
        yield Move(_told(unknown), attempt.invoked_at, until, done, may_be_none=True, deed=deed.request_id)


def _given_up_at(deeds: Sequence[Deed]) -> dict[str, float]:
    """Return when changes of unknown outcome can be done no more: their client has gone on without them.

    The next change of the try that the process asked for later, and was told to be done, has given them up.
    """
    changes = [
        (deed, _process(deed))
        for deed in deeds
        if deed.verb == "state" and deed.try_number and not deed.is_read
    ]
    given_up: dict[str, float] = {}
    for lost, process in changes:
        if lost.outcome == UNKNOWN and lost.sent:
            later = [
                deed.completed_at
                for deed, other in changes
                if other == process and deed.outcome == OK and deed.sent[-1].invoked_at > lost.completed_at
            ]
            given_up[lost.request_id] = min(later, default=math.inf)
    return given_up


def _process(deed: Deed) -> tuple[str, str, int]:
    return deed.client.partition("-")[0], deed.task, deed.try_number


def _after(state: State, *, deed: Deed, cell: str) -> State | None:
    return after(state, deed, cell)


# --- promises that need no search ------------------------------------------------------------------------


def _fencing(deeds: Sequence[Deed]) -> Iterator[Violation]:
    """Nothing of a try is done that was asked after its successor's start was acknowledged."""
    starts = [deed for deed in deeds if deed.verb == "start" and deed.outcome == OK]
    numbers = Counter((start.task, start.try_number) for start in starts)
    for (task, number), count in numbers.items():
        if count > 1:
            yield Violation("fencing", f"{count} starts of {task} were given the number {number}")
    for deed in deeds:
        if deed.verb == "start" or deed.outcome != OK or not deed.try_number:
            continue
        for start in starts:
            is_later = start.task == deed.task and start.try_number > deed.try_number
            if is_later and start.completed_at < deed.invoked_at:
                yield Violation("fencing", f"{_told(deed)} after the start of try {start.try_number}")
    yield from _versions_of_tries(deeds)


def _versions_of_tries(deeds: Sequence[Deed]) -> Iterator[Violation]:
    """What a try wrote of its task's state lies before everything that its successor wrote."""
    written: dict[str, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for deed, step, answer in _answers(deeds):
        task, _, number = (answer.writer or deed.writer).partition("#")
        is_of_try = bool(number) and answer.version is not None
        if is_of_try and not step.is_of_asset and (step.kind != "get" or answer.writer):
            written[task][int(number)].add(answer.version or 0)
    for task, by_try in written.items():
        tries = sorted(by_try)
        for earlier, later in pairwise(tries):
            if max(by_try[earlier]) > min(by_try[later]):
                evidence = f"try {earlier} of {task} wrote version {max(by_try[earlier])} after try {later}"
                yield Violation("fencing", f"{evidence} had written {min(by_try[later])}")


def _leases(deeds: Sequence[Deed]) -> Iterator[Violation]:
    """Nobody takes over while a lease that was acknowledged is live and the try has not ended.

    But for who proves that the try's supervisor is gone.
    """
    for start in deeds:
        if start.verb == "start" and start.outcome == OK:
            yield from _taken_over_alive(deeds, start)


def _taken_over_alive(deeds: Sequence[Deed], start: Deed) -> Iterator[Violation]:
    before = [d for d in deeds if (d.task, d.try_number) == (start.task, start.try_number - 1)]
    is_proved = start.proof and start.proof in [deed.holder for deed in before]
    if is_proved or any(deed.verb == "finish" for deed in before):
        return
    for deed in before:
        renews = deed.verb in ("start", "heartbeat") and deed.outcome == OK
        until = deed.sent[0].invoked_at + deed.lease_seconds if renews else 0.0
        if renews and deed.completed_at < start.invoked_at and start.completed_at < until:
            yield Violation("fencing", f"{_told(start)} took over while the lease of {_told(deed)} ran")


def _staging(deeds: Sequence[Deed]) -> Iterator[Violation]:
    """What others see of an asset was written by a try that succeeded, or at once."""
    finishes: dict[str, Deed] = {}
    for deed in deeds:
        if deed.verb == "finish" and deed.succeeded and deed.outcome != REFUSED:
            known = finishes.setdefault(deed.writer, deed)
            finishes[deed.writer] = min(known, deed, key=lambda finish: finish.invoked_at)
    at_once = {(d.writer, step) for d in deeds for step in d.steps if step.apply_now and step.kind != "get"}
    for deed, step, answer in _answers(deeds):
        is_seen = step.is_of_asset and step.kind in ("get", "set_max") and "#" in (answer.writer or "")
        if not is_seen or any(by == answer.writer and did.concerns(step.cell) for by, did in at_once):
            continue
        finish = finishes.get(answer.writer or "")
        if finish is None or finish.invoked_at > deed.completed_at:
            told = f"{_told(deed)} saw version {answer.version} of {step.cell}"
            yield Violation("staging", f"{told}, of {answer.writer}, which had not succeeded")


def _versions(deeds: Sequence[Deed]) -> Iterator[Violation]:
    """A version is one value of one key, for everybody and for ever."""
    known: dict[int, tuple[str, str | None]] = {}
    for deed, step, answer in _answers(deeds):
        if answer.version is None:
            continue
        value = step.value if step.kind == "set" else answer.value
        if known.setdefault(answer.version, (step.cell, value)) != (step.cell, value):
            other = known[answer.version]
            yield Violation("versions", f"{_told(deed)}: version {answer.version} was {other} as well")


def _torn_batches(deeds: Sequence[Deed]) -> Iterator[Violation]:
    """Whoever reads two keys at once sees all of a batch's writes, or none."""
    batches = [d for d in deeds if d.verb == "state" and len(d.steps) > 1 and d.outcome == OK]
    for written in batches:
        each = zip(written.steps, written.answers, strict=True)
        versions = {s.cell: a.version for s, a in each if s.kind != "clear"}
        last = {cell: version for cell, version in versions.items() if _is_last_write(written.steps, cell)}
        for read in batches:
            seen = {
                step.cell: answer.version
                for step, answer in zip(read.steps, read.answers, strict=True)
                if step.kind == "get"
            }
            shared = [(seen[cell], version) for cell, version in last.items() if cell in seen]
            views = {saw >= version for saw, version in shared if saw is not None and version is not None}
            if read is not written and len(views) > 1:
                yield Violation("batches", f"{_told(read)} saw a part of {_told(written)}")


def _is_last_write(steps: Sequence[Step], cell: str) -> bool:
    return [step for step in steps if step.concerns(cell)][-1].kind in ("set", "increment")


def _clears(deeds: Sequence[Deed]) -> Iterator[Violation]:
    """A clear in a batch, before which every key is looked at, removes what stood there."""
    for deed, step, answer in _answers(deeds):
        if step.kind == "clear" and len(deed.steps) > 1:
            looks = [look for look, of in zip(deed.answers, deed.steps, strict=True) if of.kind == "get"]
            if answer.removed != sum(look.value is not None for look in looks):
                yield Violation("batches", f"{_told(deed)} removed {answer.removed}")


def _totals(deeds: Sequence[Deed]) -> Iterator[Violation]:
    """Every acknowledged increment counts once, every other at most once; none are answered alike."""
    cells = {step.cell for deed in deeds for step in deed.steps if step.cell.endswith(TOTAL)}
    for cell in sorted(cells):
        least = most = 0
        for deed in deeds:
            for step in deed.steps if deed.verb == "state" else ():
                if step.cell == cell and step.kind == "increment":
                    certain, possible = _counts(deeds, deed, step)
                    least += int(step.value or 0) * certain
                    most += int(step.value or 0) * possible
        reads = [
            (deed.completed_at, place, answer.value)  # a batch may look twice
            for place, (deed, step, answer) in enumerate(_answers(deeds))
            if step.cell == cell and step.kind == "get" and deed.verb == "state" and not deed.try_number
        ]
        if reads:
            total = int(max(reads)[2] or 0)
            if not least <= total <= most:
                yield Violation("idempotence", f"{cell} came to {total}, not between {least} and {most}")


def _counts(deeds: Sequence[Deed], deed: Deed, step: Step) -> tuple[bool, bool]:
    """Return whether an increment has taken effect for certain, and whether it may have."""
    may = deed.outcome != REFUSED or (LOST in [a.fate for a in deed.attempts] and deed.code not in FENCED)
    certain = deed.outcome == OK
    if not deed.try_number or step.apply_now or not step.is_of_asset:
        return certain, may
    finishes = [d for d in deeds if d.verb == "finish" and d.writer == deed.writer and d.succeeded]
    if not any(finish.outcome != REFUSED for finish in finishes):
        return False, False
    return certain and any(finish.outcome == OK for finish in finishes), may


def _answers(deeds: Iterable[Deed]) -> Iterator[tuple[Deed, Step, Answer]]:
    for deed in deeds:
        if deed.outcome == OK:
            for step, answer in zip(deed.steps, deed.answers, strict=False):
                yield deed, step, answer


def _told(deed: Deed) -> str:
    """Return a deed in a few words, with the beginning of its request id to find it by."""
    does = ", ".join(_told_step(step) for step in deed.steps) or (
        f"{deed.verb} {'ok' if deed.succeeded else 'failed'}" if deed.verb == "finish" else deed.verb
    )
    came = ", ".join(f"{a.value}@{a.version}" for a in deed.answers) or deed.code
    when = f"{deed.invoked_at:.4f}-{deed.completed_at:.4f}"
    return f"[{deed.request_id[:8]} {deed.writer} {does}: {deed.outcome} {came} {when}]"


def _told_step(step: Step) -> str:
    condition = " if absent" if step.if_absent else ""
    condition = condition if step.if_version is None else f" if {step.if_version}"
    now = " now" if step.apply_now else ""
    return f"{step.kind} {step.cell} {step.value or ''}{condition}{now}"
