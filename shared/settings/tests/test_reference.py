from statekeep_shared.settings import Computed, Integer, Option, Secret, Section, String, reference_page

PAGE = """\
# Doors

## `[door]`

A door, which opens inwards.

### `locks`

How many.

- Value: a whole number, at least 0
- Default: `0`
- Example: `2`
- Environment: `STATEKEEP__DOOR__LOCKS`
- Since: 0.1.0

### `key`

Its key.

- Value: a secret that is not empty
- Default: nothing
- Example: `***`
- Environment: `STATEKEEP__DOOR__KEY`, or `STATEKEEP__DOOR__KEY_CMD` or `STATEKEEP__DOOR__KEY_FILE`
- Since: 0.2.0
- Sensitive: lists and messages hide it

### `street`

Where.

- Value: text
- Default: the town's
- Example: `High Street`
- Environment: `STATEKEEP__DOOR__STREET`
- Since: 0.1.0
"""


class Door(Section, section="door"):
    """A door,
    which opens inwards.
    """

    locks = Option(Integer(minimum=0), default=0, example=2, description="How many.", added="0.1.0")
    key = Option(Secret(), default="", example="k", description="Its key.", added="0.2.0", sensitive=True)
    street = Option(
        String(),
        default=Computed("the town's", lambda _: "Main Street"),
        example="High Street",
        description="Where.",
        added="0.1.0",
    )


def test_the_page_is_written_from_the_descriptions() -> None:
    assert reference_page("# Doors\n", [Door]) == PAGE
