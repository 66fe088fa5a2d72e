"""The table of errors: stable codes, messages made from facts, and the way across copies."""

from __future__ import annotations

import copy
import pickle
import string
from importlib import import_module
from typing import Any

import pytest
from statekeep_shared.state import errors
from statekeep_shared.state.errors import StatekeepError, UnrecognizedError, error_classes, error_from

VENDORED: Any = import_module("statekeep._shared.state.errors")

# The protocol's table: code, status over HTTP. A code in it is never renamed.
PROTOCOL = {
    "invalid_key": 422,
    "invalid_value": 422,
    "invalid_retention": 422,
    "invalid_request": 422,
    "value_too_large": 413,
    "unauthenticated": 401,
    "forbidden": 403,
    "asset_not_declared": 403,
    "not_found": 404,
    "asset_inactive": 410,
    "superseded": 409,
    "try_finished": 409,
    "try_running": 409,
    "already_succeeded": 409,
    "conflict": 409,
    "reference_missing": 409,
    "reference_corrupt": 409,
    "backend_mismatch": 409,
    "condemned": 409,
    "unsupported": 501,
    "unavailable": 503,
}
CLASSES = sorted(error_classes().values(), key=lambda cls: cls.code)


def _facts_of(cls: type[StatekeepError]) -> dict[str, Any]:
    """Return facts for every field of a class's message; figures where it formats figures."""
    fields = [(name, spec) for _, name, spec, _ in string.Formatter().parse(cls.template) if name]
    return {name: 12_345 if spec else f"the-{name}" for name, spec in fields}


def test_every_code_of_the_protocol_has_its_class_and_its_status() -> None:
    statuses = {code: cls.http_status for code, cls in error_classes().items()}
    assert {code: statuses.get(code) for code in PROTOCOL} == PROTOCOL


def test_only_what_repeating_can_help_is_retryable() -> None:
    assert {cls.code for cls in CLASSES if cls.retryable} == {
        "try_running",
        "condemned",
        "overtaken",
        "unavailable",
    }


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.code)
class TestEveryError:
    def test_its_message_is_made_from_its_facts(self, cls: type[StatekeepError]) -> None:
        message = str(cls(**_facts_of(cls)))
        for fact in _facts_of(cls).values():
            assert (
                (f"{fact:,}" in message or f"{fact}" in message) if isinstance(fact, int) else fact in message
            )

    def test_it_can_be_made_from_the_facts_of_an_older_sender(self, cls: type[StatekeepError]) -> None:
        assert "(unknown)" in str(cls())

    def test_it_keeps_the_facts_of_a_newer_sender(self, cls: type[StatekeepError]) -> None:
        assert cls(**_facts_of(cls), since="2.0").facts["since"] == "2.0"

    def test_it_crosses_to_the_vendored_copy_as_code_and_facts(self, cls: type[StatekeepError]) -> None:
        error = cls(**_facts_of(cls))
        theirs = VENDORED.error_from(error.code, error.facts)
        assert type(theirs).__name__ == cls.__name__
        assert type(theirs) is not cls
        assert (str(theirs), theirs.facts, theirs.retryable) == (str(error), error.facts, error.retryable)

    def test_it_survives_pickling_and_copying(self, cls: type[StatekeepError]) -> None:
        error = cls(**_facts_of(cls))
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert type(again) is cls
            assert (str(again), again.facts) == (str(error), error.facts)


def test_a_code_of_a_newer_sender_is_kept_with_its_facts() -> None:
    error = error_from("too_early", {"until": "tomorrow"})
    assert isinstance(error, UnrecognizedError)
    assert (error.code, error.facts) == ("too_early", {"until": "tomorrow"})
    assert "too_early" in str(error)
    assert pickle.loads(pickle.dumps(error)).code == "too_early"


def test_every_public_class_of_the_module_is_in_the_table() -> None:
    public = {
        cls
        for name, cls in vars(errors).items()
        if isinstance(cls, type) and issubclass(cls, StatekeepError) and not name.startswith("_")
    }
    assert public - {StatekeepError, UnrecognizedError} == set(CLASSES)


@pytest.mark.parametrize("size_bytes", [None, "many", 1.5])
def test_a_fact_of_another_type_still_makes_an_error(size_bytes: Any) -> None:
    error = error_from("value_too_large", {"what": "x", "size_bytes": size_bytes, "limit_bytes": 1})
    assert error.code == "value_too_large"
    assert "x" in str(error)


def test_a_fact_may_have_any_name() -> None:
    assert error_from("not_found", {"self": 1, "cls": 2, "what": "it"}).facts["self"] == 1


@pytest.mark.parametrize(
    ("version", "wanted", "message"),
    [
        (5, 4, "key k stands at version 5, not at 4"),
        (5, "absent", "key k stands at version 5, and was wanted absent"),
        (None, "absent", "key k is there already, and was wanted absent"),
        (None, 4, "key k is absent, or staged and without a version yet, and was wanted at version 4"),
    ],
)
def test_a_conflict_reads_well_whatever_was_wanted(
    version: int | None, wanted: int | str, message: str
) -> None:
    error = error_from("conflict", {"key": "k", "version": version, "wanted": wanted})
    assert str(error) == f"{message}; read it again and decide"


def test_a_refusal_is_the_first_answer_unless_somebody_knows_better() -> None:
    refused = errors.ConflictError(key="k", version=2, wanted=1)
    assert refused.is_first_answer
    refused.is_first_answer = False
    assert errors.ConflictError(key="k", version=2, wanted=1).is_first_answer
