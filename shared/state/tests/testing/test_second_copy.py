"""The second copy: the same contract, other classes."""

from __future__ import annotations

import statekeep_shared.state
from statekeep_shared.state.testing import second_copy


def test_the_second_copy_has_the_same_names_and_other_classes() -> None:
    copy = second_copy()
    assert copy.__all__ == statekeep_shared.state.__all__
    assert copy.TaskScope is not statekeep_shared.state.TaskScope
    assert copy.BaseStateBackend is not statekeep_shared.state.BaseStateBackend


def test_there_is_one_second_copy() -> None:
    assert second_copy() is second_copy()
    assert second_copy().TaskScope is second_copy().TaskScope
