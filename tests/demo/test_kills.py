import pytest

from demo.kills import TARGETS, draw_kills


def test_the_same_seed_draws_the_same_kills() -> None:
    assert draw_kills(9, 365, seed=7) == draw_kills(9, 365, seed=7)
    assert draw_kills(9, 365, seed=7) != draw_kills(9, 365, seed=8)


def test_the_targets_take_turns() -> None:
    assert [kill.target for kill in draw_kills(6, 365, seed=7)] == [*TARGETS, *TARGETS]


@pytest.mark.parametrize("seed", range(50))
def test_every_kill_falls_before_the_last_day(seed: int) -> None:
    kills = draw_kills(9, 365, seed)
    assert all(kill.after_days >= 1 for kill in kills)
    assert sum(kill.after_days for kill in kills) < 365


def test_there_may_be_no_kill_or_one_in_every_day() -> None:
    assert draw_kills(0, 365, seed=7) == []
    assert [kill.after_days for kill in draw_kills(4, 5, seed=7)] == [1, 1, 1, 1]
