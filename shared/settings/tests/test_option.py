import pytest
from statekeep_shared.settings import Integer, Option, Secret, Section, examine


class Door(Section, section="door"):
    """A door."""

    locks = Option(Integer(), default=1, example=2, description="How many.", added="0.1.0")
    key = Option(
        Secret(), default="s3cret", example="k", description="Its key.", added="0.1.0", sensitive=True
    )


@pytest.fixture
def door() -> Door:
    return examine((Door,), environ={}, overrides={}, path=None, others=None).section(Door)


def test_an_option_knows_its_names() -> None:
    assert Door.locks.label == "[door] locks"
    assert Door.locks.dotted == "door.locks"
    assert Door.locks.variables == ("STATEKEEP__DOOR__LOCKS",)
    assert Door.key.variables == tuple(f"STATEKEEP__DOOR__KEY{suffix}" for suffix in ("", "_CMD", "_FILE"))


def test_a_section_lists_its_options_in_the_order_of_their_description() -> None:
    assert Door.options == (Door.locks, Door.key)


def test_a_loaded_section_gives_values_and_does_not_change(door: Door) -> None:
    assert door.locks == 1
    with pytest.raises(AttributeError, match=r"\[door\] locks was loaded and cannot be changed"):
        door.locks = 2


def test_a_sensitive_value_is_hidden_in_the_representation(door: Door) -> None:
    assert repr(door) == "Door(locks='1', key='***')"


def test_a_name_that_reads_like_a_command_variable_cannot_be_described() -> None:
    with pytest.raises(ValueError, match="'key_file' ends as the variable for a command or a file does"):

        class Window(Section, section="window"):
            key_file = Option(Integer(), default=1, example=2, description="It.", added="0.1.0")
