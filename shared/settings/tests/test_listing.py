from statekeep_shared.settings import Integer, Option, Row, Section, String, examine, rows


class Door(Section, section="door"):
    """A door."""

    locks = Option(Integer(), default=1, example=2, description="How many.", added="0.1.0")
    key = Option(String(), default="", example="k", description="Its key.", added="0.1.0", sensitive=True)


def test_rows_give_each_option_with_its_value_and_source_and_mask_secrets() -> None:
    environ = {"STATEKEEP__DOOR__KEY": "s3cret"}
    door = examine((Door,), environ=environ, overrides={}, path=None, others=None).section(Door)
    assert list(rows([door])) == [
        Row("[door] locks", "1", "default"),
        Row("[door] key", "***", "environment variable STATEKEEP__DOOR__KEY"),
    ]
