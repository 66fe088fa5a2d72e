"""Many clients on several servers, under fire: what they were told agrees with one order of events per key.

A long run: `scripts/test tests/histories --history-runs 400 --history-seed 1`.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.histories.arena import Arena, History
from tests.histories.judging import judge

# Each wait in it has a limit of its own, and a long run has none.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

_SECONDS = 3.0
# What a run has to contain to have proved anything.
_HAPPENED = (
    "servers killed",
    "servers stopped",
    "clients stopped",
    "CUT_ANSWER",
    "answers lost",
    "repeated, then answered",
    "finish ok",
    "takeovers",
    "refused: conflict",
    "refused: superseded",
)
_MOST_MORE = 30
# What a few histories may lack by chance.
_MANY = 10
_HAPPENED_IN_MANY = (
    "LATE",
    "unknown outcomes",
    "refused: try_finished",
    "refused: try_running",
    "lists",
    "clear ok",
    "clear now ok",
    "clear staged ok",
    "set if version now ok",
    "set_max ok",
    "set_max now ok",
    "set_max staged ok",
    "starts with a proof",
)
# Every refusal that a client without a fault can meet here.
_EXPECTED = (
    "superseded",
    "try_finished",
    "try_running",
    "already_succeeded",
    "conflict",
    "invalid_request",  # commit="now" over what is staged
    "not_found",  # an operator looks at a task before its first try
)


def test_random_histories_keep_the_promises(arena: Arena, history_runs: int, history_seed: int) -> None:
    counts: Counter[str] = Counter()
    missing: list[str] = []
    # A slow machine holds less in one history, so that there may have to be some more.
    for seed in range(history_seed, history_seed + history_runs + _MOST_MORE):
        history = arena.run(seed, _SECONDS)
        counts += history.counts + _judged(history) + Counter(histories=1)
        print(f"history {seed}: {len(history.deeds)} deeds")
        missing = [name for name in _expected(arena, history_runs) if not counts[name]]
        if counts["histories"] >= history_runs and not missing:
            break
    print(f"from seed {history_seed}: {dict(sorted(counts.items()))}")
    assert not missing, f"nothing of {missing} has happened; {counts}"


def _expected(arena: Arena, history_runs: int) -> tuple[str, ...]:
    of_many = _HAPPENED_IN_MANY if history_runs >= _MANY else ()
    return _HAPPENED + of_many + (() if arena.database is None else ("databases killed",))


def _judged(history: History) -> Counter[str]:
    """Return what was judged; fail with what is needed to look into it when a promise is broken."""
    judgement = judge(history.deeds)
    where = f"--history-seed {history.seed} --history-runs 1; recorded in {[*map(str, history.files)]}"
    shown = "\n".join(f"{violation.promise}: {violation.evidence}" for violation in judgement.violations)
    assert not judgement.violations, f"{where}\n{shown}"
    assert not judgement.undecided, f"{where}\nthe search was given up for {judgement.undecided}"
    codes = {deed.code for deed in history.deeds if deed.code}
    assert codes <= {*_EXPECTED}, f"{where}\nrefused with {codes - {*_EXPECTED}}"
    return Counter({"keys": judgement.keys, "states": judgement.looked_at})
