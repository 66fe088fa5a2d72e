"""The public errors: all of the contract's, and those of the task's side."""

from statekeep import errors
from statekeep._shared.state.errors import error_classes


def test_every_error_of_the_contract_is_public() -> None:
    for cls in error_classes().values():
        assert getattr(errors, cls.__name__) is cls
    public = {getattr(errors, name) for name in errors.__all__}
    assert set(error_classes().values()) <= public


def test_every_public_error_can_be_caught_as_one_of_statekeeps() -> None:
    assert all(issubclass(getattr(errors, name), errors.StatekeepError) for name in errors.__all__)


def test_an_error_of_the_task_side_carries_a_code_of_the_contract() -> None:
    assert {getattr(errors, name).code for name in errors.__all__} <= {"error", *error_classes()}
