"""`statekeep backend`: whether the worker's backends can do what tasks will ask of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .. import config
from .._shared.state import messages as m
from ..backends.configured import Backends
from ..backends.probing import ProbeStep, probe
from ..supervisor.exit_status import CONFIGURATION, FAILED
from ..supervisor.saying import say
from .access import operator
from .parser import subcommands
from .statuses import OF_CHECKING
from .table import print_json, print_table

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Sequence

    from .._shared.state.backend import BaseStateBackend

_DESCRIPTION = """Writes, reads, lists and deletes a probe through each backend that [workers] state_backend
and read_backends name, where the objects of this store lie, and says what is wrong in words. The probe is
of a task that nobody has, and nothing of it is left."""


class _Checked(NamedTuple):
    """A backend, whether it is the one that takes values, and how its steps went."""

    backend: BaseStateBackend
    takes_values: bool
    steps: tuple[ProbeStep, ...]


def run(parser: ArgumentParser, given: Sequence[str]) -> int:
    """Run `statekeep backend` with these arguments and return the exit status."""
    what = "try the configured backends out"
    command = subcommands(parser).add_parser("check", help=what, description=_DESCRIPTION)
    command.epilog = OF_CHECKING
    command.add_argument("--json", action="store_true", help="for programs")
    arguments = parser.parse_args(given)
    environ = config.process_environment()
    backends = Backends.of_settings(config.load(environ).workers, environ)
    if not backends:
        say("no backend is configured: values go to the store; set [workers] state_backend to change that")
        return CONFIGURATION
    backends.all()  # what cannot be made is said before the store is opened
    with operator() as ask:
        store: m.StoreDescription = ask(m.DescribeStore())
    backends.belong_to(store.store_id)
    checked = [
        _Checked(backend, backend is backends.writer(), tuple(probe(backend, store)))
        for backend in backends.all()
    ]
    if arguments.json:
        print_json([_document(each) for each in checked])
    else:
        print_table(
            ("BACKEND", "USE", "STEP", "MS", "RESULT", "PLACE"),
            [row for each in checked for row in _rows(each)],
        )
    return _status(checked)


def _document(checked: _Checked) -> dict[str, Any]:
    return {
        "backend_id": checked.backend.backend_id,
        "class": _class_path(checked.backend),
        "place": _place(checked.backend),
        "takes_values": checked.takes_values,
        "steps": [
            {"step": step.step, "milliseconds": round(step.milliseconds, 3), "problem": step.problem}
            for step in checked.steps
        ],
    }


def _rows(checked: _Checked) -> list[tuple[str, ...]]:
    use = "read, write" if checked.takes_values else "read"
    return [
        (
            checked.backend.backend_id,
            use,
            step.step,
            f"{step.milliseconds:.1f}",
            "ok" if step.problem is None else "failed",
            _place(checked.backend),
        )
        for step in checked.steps
    ]


def _status(checked: list[_Checked]) -> int:
    problems: dict[tuple[str, str], str] = {}  # one that several steps meet is said of the first
    for each in checked:
        for step in each.steps:
            if step.problem is not None:
                problems.setdefault((str(each.backend.backend_id), step.problem), step.step)
    for (backend_id, problem), step_name in problems.items():
        say(f"{backend_id}: {step_name}: {problem}")
    return FAILED if problems else 0


def _place(backend: BaseStateBackend) -> str:
    """Where a backend's objects lie, for people, if it says so; its id may be a mere digest of that."""
    return str(getattr(backend, "place", ""))


def _class_path(backend: BaseStateBackend) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"
