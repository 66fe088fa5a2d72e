"""Conformance: what becomes of one entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .suite import JSON_TEXTS, TASK, BackendSuite, refusal_code

if TYPE_CHECKING:
    from .suite import BackendUnderTest

_UNDECLARED_LARGE_BYTES = 2**20


class EntryConformance(BackendSuite):
    def test_what_was_never_set_is_absent(self, state: BackendUnderTest) -> None:
        assert state.get(TASK, "k") is None, "get() must return None for a key that was never set"

    @pytest.mark.parametrize("text", JSON_TEXTS)
    def test_what_was_set_is_read_back_as_the_same_text(self, state: BackendUnderTest, text: str) -> None:
        state.set(TASK, "k", text)
        assert state.get(TASK, "k") == text, "get() must return exactly the text that set() was given"

    def test_what_was_set_is_in_the_medium(self, state: BackendUnderTest) -> None:
        state.set(TASK, "k", '"kept"')
        assert self.look(state.backend, TASK, "k") == '"kept"', (
            "set() returned, but the medium does not hold it"
        )

    def test_a_second_set_replaces_the_first(self, state: BackendUnderTest) -> None:
        state.set(TASK, "k", '"a longer first value"')
        state.set(TASK, "k", "2")
        assert state.get(TASK, "k") == "2", "the second set() must replace the first"
        assert self.look(state.backend, TASK, "k") == "2", "the medium must hold the second value"

    def test_a_deleted_key_is_absent_and_gone_from_the_medium(self, state: BackendUnderTest) -> None:
        state.set(TASK, "k", "1")
        state.set(TASK, "k", "2")
        state.set(TASK, "other", "3")
        state.delete(TASK, "k")
        assert state.get(TASK, "k") is None, "a deleted key must be absent"
        assert self.look(state.backend, TASK, "k") is None, "the medium must not hold a deleted key"
        assert state.get(TASK, "other") == "3", "deleting one key must leave the others"

    def test_deleting_an_absent_key_has_no_effect(self, state: BackendUnderTest) -> None:
        state.delete(TASK, "k")
        state.set(TASK, "other", "1")
        state.delete(TASK, "k")
        assert state.get(TASK, "other") == "1", "deleting an absent key must leave the others"

    def test_a_deleted_key_can_be_set_again(self, state: BackendUnderTest) -> None:
        state.set(TASK, "k", "1")
        state.delete(TASK, "k")
        state.set(TASK, "k", "2")
        assert state.get(TASK, "k") == "2", "a deleted key must be free to be set again"

    def test_a_large_value_is_kept_or_refused_as_declared(self, state: BackendUnderTest) -> None:
        limit_bytes = self.capabilities.max_value_bytes
        state.set(TASK, "k", '"before"')
        largest = '"' + "x" * ((limit_bytes or _UNDECLARED_LARGE_BYTES) - 2) + '"'
        if limit_bytes is not None:
            # Of fewer characters than the limit, so that a limit on characters lets it pass.
            over = '"' + "é" * (limit_bytes // 2) + '"'
            code = refusal_code(lambda: state.set(TASK, "k", over))
            assert code == "value_too_large", (
                f"a value over max_value_bytes must be value_too_large, not {code}"
            )
            assert state.get(TASK, "k") == '"before"', "a refused set() must leave the value that was there"
        state.set(TASK, "k", largest)
        assert state.get(TASK, "k") == largest, "a value within the limit must be kept whole"

    def test_cleanup_leaves_what_is_live(self, state: BackendUnderTest) -> None:
        asset = self.make_asset(state.backend, "orders")
        state.set(TASK, "k", "1")
        state.set(asset, "k", "2")
        state.backend.cleanup()
        assert (state.get(TASK, "k"), state.get(asset, "k")) == ("1", "2"), "cleanup() removed live entries"
