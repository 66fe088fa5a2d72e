"""What clients did and what came of it: the records of a history, one JSON line each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

# What became of one attempt: it was answered; no answer came, and it may have arrived; it was never sent, or
# the server has said that it did nothing, for which OVERTAKEN is one of the reasons.
ANSWERED, LOST, UNSENT, OVERTAKEN = "answered", "lost", "unsent", "overtaken"
OK, REFUSED, UNKNOWN = "ok", "refused", "unknown"
FENCED = ("superseded", "try_finished")


class Attempt(NamedTuple):
    """One time that a request was sent. Instants are seconds of the machine's monotonic clock."""

    invoked_at: float
    completed_at: float
    fate: str = ANSWERED


class Step(NamedTuple):
    """One get, set, set_max, increment, delete or clear.

    ``cell`` is where: ``task/NAME/KEY`` or ``asset/NAME/KEY``; of a clear, which concerns every key, the key
    is empty. ``value`` is JSON text: what is set, compared or added. ``apply_now``: an asset write that is
    not staged.
    """

    kind: str
    cell: str
    value: str | None = None
    if_version: int | None = None
    if_absent: bool = False
    apply_now: bool = False

    @property
    def is_of_asset(self) -> bool:
        return self.cell.startswith("asset/")

    @property
    def is_conditional(self) -> bool:
        return self.if_version is not None or self.if_absent

    def concerns(self, cell: str) -> bool:
        """Return whether the step reads or changes a key."""
        return self.cell == cell or (self.kind == "clear" and cell.startswith(self.cell))


class Answer(NamedTuple):
    """What one step was answered. ``value`` None: absent. ``writer`` is the try (``TASK#N``) or a name."""

    value: str | None = None
    version: int | None = None
    removed: int = 0
    writer: str | None = None


class Deed(NamedTuple):
    """One request over all its attempts, under one request id.

    ``verb`` is start, finish, heartbeat, state, or history (a look at an asset's kept changes, whose
    answers are its rows). ``try_number`` is the caller's, for a start the one that it was given; 0 for an
    operator. ``code`` is that of the refusal; ``shown`` the version that a conflict told, ``failed_step`` the
    place (from 0) of the step that was refused in a batch. ``succeeded``: of a finish, what was asked.
    ``holder`` is the secret that a start drew, and ``proof`` that of a supervisor that it knows to be gone.
    ``is_list``: the steps are gets, of every key that there may be, and were asked for as a list.
    """

    request_id: str
    client: str
    verb: str
    task: str
    try_number: int
    attempts: tuple[Attempt, ...]
    outcome: str
    steps: tuple[Step, ...] = ()
    answers: tuple[Answer, ...] = ()
    code: str = ""
    shown: int | None = None
    failed_step: int = 0
    succeeded: bool = False
    rerun: bool = False
    fresh: bool = False
    lease_seconds: float = 60.0
    is_list: bool = False
    holder: str = ""
    proof: str = ""

    @property
    def sent(self) -> tuple[Attempt, ...]:
        """The attempts that may have arrived."""
        return tuple(attempt for attempt in self.attempts if attempt.fate not in (UNSENT, OVERTAKEN))

    @property
    def invoked_at(self) -> float:
        return (self.sent or self.attempts)[0].invoked_at

    @property
    def completed_at(self) -> float:
        return self.attempts[-1].completed_at

    @property
    def writer(self) -> str:
        return f"{self.task}#{self.try_number}" if self.try_number else self.client

    @property
    def keys(self) -> set[str]:
        """The cells of single keys that its steps name."""
        return {step.cell for step in self.steps if step.kind != "clear"}

    @property
    def is_read(self) -> bool:
        return self.verb == "state" and all(step.kind == "get" for step in self.steps)

    @property
    def is_blind(self) -> bool:
        """Whether it writes one entry of a task's state, whatever stands there."""
        alone = len(self.steps) == 1 and not self.steps[0].is_of_asset and not self.steps[0].is_conditional
        return self.verb == "state" and alone and self.steps[0].kind in ("set", "delete")

    @property
    def is_recorded(self) -> bool:
        """Whether the store promises to remember it, so that a repetition is answered and not done again."""
        return not self.is_read and not self.is_blind


def write_line(deed: Deed) -> str:
    """Return a deed as one line of JSON."""
    return json.dumps(deed) + "\n"


def read_lines(lines: Iterable[str]) -> list[Deed]:
    """Return the deeds of such lines."""
    return [_deed(json.loads(line)) for line in lines]


def read_files(paths: Iterable[Path]) -> list[Deed]:
    """Return the deeds of several clients' files."""
    return [deed for path in paths for deed in read_lines(path.read_text().splitlines())]


def _deed(fields: list[Any]) -> Deed:
    deed = Deed(*fields)
    return deed._replace(
        attempts=tuple(Attempt(*one) for one in deed.attempts),
        steps=tuple(Step(*one) for one in deed.steps),
        answers=tuple(Answer(*one) for one in deed.answers),
    )
