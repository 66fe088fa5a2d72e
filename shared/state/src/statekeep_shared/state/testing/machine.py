"""Conformance: any sequence of operations leaves what a dictionary would hold."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ..scope import TaskScope
from ..values import encode
from .suite import BackendSuite, BackendUnderTest

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ..scope import AssetScope, StateScope

_KEYS = st.sampled_from(["a", "A", "a/b", "a%", "é", "e\u0301", "a" * 300])
_SCALARS = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
_TEXTS = st.one_of(_SCALARS, st.lists(_SCALARS, max_size=3)).map(lambda value: encode(value).decode())
_PLACES = st.integers(0, 7)
_HALVES = st.sampled_from(["blocking", "async"])


class BackendMachine(RuleBasedStateMachine):
    """Drives a backend and a dictionary side by side, through both halves, over six tasks and two assets.

    Every instance uses a run of its own, so that a backend is used for many examples without being emptied.
    """

    def __init__(
        self,
        backend: Any,
        *,
        run_id: str,
        assets: tuple[AssetScope, AssetScope],
        runner: asyncio.Runner,
        look: Callable[[Any, StateScope, str], str | None],
    ) -> None:
        super().__init__()
        self._halves = {half: BackendUnderTest(backend, half, runner.run) for half in ("blocking", "async")}
        self._look = look
        tasks = [TaskScope("d", run_id, task, index) for task in ("t", "t2") for index in (-1, 0, 1)]
        self._scopes: list[StateScope] = [*tasks, *assets]
        self._model: dict[tuple[StateScope, str], str] = {}
        self._touched: tuple[StateScope, str] | None = None
        for asset in assets:
            backend.clear(asset)

    @rule(half=_HALVES, place=_PLACES, key=_KEYS, text=_TEXTS)
    def set(self, half: str, place: int, key: str, text: str) -> None:
        scope = self._scopes[place]
        self._halves[half].set(scope, key, text)
        self._model[scope, key] = text
        self._touched = (scope, key)

    @rule(half=_HALVES, place=_PLACES, key=_KEYS)
    def delete(self, half: str, place: int, key: str) -> None:
        scope = self._scopes[place]
        self._halves[half].delete(scope, key)
        self._model.pop((scope, key), None)
        self._touched = (scope, key)

    @rule(half=_HALVES, place=_PLACES, all_map_indices=st.booleans())
    def clear(self, half: str, place: int, all_map_indices: bool) -> None:
        scope = self._scopes[place]
        self._halves[half].clear(scope, all_map_indices=all_map_indices)
        self._model = {
            (owner, key): text
            for (owner, key), text in self._model.items()
            if not _is_cleared(owner, scope, all_map_indices)
        }

    @rule(place=_PLACES, key=_KEYS)
    def get(self, place: int, key: str) -> None:
        self._check(self._scopes[place], key)

    @invariant()
    def what_was_touched_last_is_as_in_the_model(self) -> None:
        if self._touched is not None:
            self._check(*self._touched)
            self._touched = None

    def teardown(self) -> None:
        for scope, key in self._model:
            self._check(scope, key)
            held = self._look(self._halves["blocking"].backend, scope, key)
            assert held == self._model[scope, key], f"the medium does not hold {key!r} of {scope}"

    def _check(self, scope: StateScope, key: str) -> None:
        got, expected = self._halves["blocking"].get(scope, key), self._model.get((scope, key))
        assert got == expected, f"{key!r} of {scope} reads {got!r}; the operations before leave {expected!r}"


def _is_cleared(owner: StateScope, scope: StateScope, all_map_indices: bool) -> bool:
    if all_map_indices and isinstance(owner, TaskScope) and isinstance(scope, TaskScope):
        return owner.task_id == scope.task_id
    return owner == scope


class MachineConformance(BackendSuite):
    #: How hard the state machine tries; a slow backend may lower it.
    machine_settings: ClassVar[settings] = settings(
        max_examples=25,
        stateful_step_count=30,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

    def test_any_sequence_of_operations_leaves_what_a_dictionary_would_hold(
        self, backend: Any, runner: asyncio.Runner
    ) -> None:
        assets = (self.make_asset(backend, "machine-1"), self.make_asset(backend, "machine-2"))
        numbers = count()

        def machine() -> BackendMachine:
            run_id = f"machine-{next(numbers)}"
            return BackendMachine(backend, run_id=run_id, assets=assets, runner=runner, look=self.look)

        run_state_machine_as_test(machine, settings=self.machine_settings)  # type: ignore[arg-type]  # takes any factory
