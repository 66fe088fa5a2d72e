from pathlib import Path

import pytest
from statekeep_shared.settings import (
    Computed,
    Examined,
    Fault,
    Integer,
    ListOf,
    Option,
    Section,
    SettingsError,
    String,
    examine,
)


def machine_name(environ: object) -> str:
    assert isinstance(environ, dict)
    if "HOSTNAME" not in environ:
        raise ValueError("this machine has no name")
    return str(environ["HOSTNAME"])


class Kitchen(Section, section="kitchen"):
    """Where it is cooked."""

    ovens = Option(
        Integer(minimum=1, maximum=9), default=2, example=4, description="How many.", added="0.1.0"
    )
    spices = Option(ListOf(String()), default=(), example=("salt",), description="Which.", added="0.1.0")
    code = Option(Integer(), default=0, example=1, description="The door's.", added="0.1.0", sensitive=True)
    name = Option(
        String(),
        default=Computed("the machine's", machine_name),
        example="k",
        description="Its.",
        added="0.1.0",
    )


def examined(
    environ: dict[str, str], overrides: dict[str, str] | None = None, file: Path | None = None
) -> Examined:
    path = None if file is None else str(file)
    environ = {"HOSTNAME": "box"} | environ
    return examine((Kitchen,), environ=environ, overrides=overrides or {}, path=path, others=None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "statekeep.toml"
    path.write_text('[kitchen]\novens = 3\nspices = ["salt", "pepper"]\n')
    return path


def test_without_any_source_the_defaults_hold() -> None:
    kitchen = examined({}).section(Kitchen)
    assert (kitchen.ovens, kitchen.spices, kitchen.name) == (2, (), "box")
    assert kitchen.sources["ovens"] == "default"


def test_the_file_beats_the_default(file: Path) -> None:
    kitchen = examined({}, file=file).section(Kitchen)
    assert (kitchen.ovens, kitchen.spices) == (3, ("salt", "pepper"))
    assert kitchen.sources["ovens"] == f"file {file}"


def test_the_environment_beats_the_file(file: Path) -> None:
    kitchen = examined({"STATEKEEP__KITCHEN__OVENS": "4"}, file=file).section(Kitchen)
    assert kitchen.ovens == 4
    assert kitchen.sources["ovens"] == "environment variable STATEKEEP__KITCHEN__OVENS"


def test_the_command_line_beats_the_environment(file: Path) -> None:
    kitchen = examined({"STATEKEEP__KITCHEN__OVENS": "4"}, {"kitchen.ovens": "5"}, file).section(Kitchen)
    assert kitchen.ovens == 5
    assert kitchen.sources["ovens"] == "command line"


def test_an_empty_text_is_a_value_and_not_an_absence(file: Path) -> None:
    assert examined({"STATEKEEP__KITCHEN__SPICES": ""}, file=file).section(Kitchen).spices == ()


def test_every_bad_option_is_reported_at_once_by_name_and_source(tmp_path: Path) -> None:
    file = tmp_path / "statekeep.toml"
    file.write_text('[kitchen]\nspices = "salt"\n')
    found = examined({"STATEKEEP__KITCHEN__OVENS": "10"}, {"kitchen.code": "x"}, file)
    assert set(found.faults) == {
        Fault(
            "[kitchen] ovens",
            "environment variable STATEKEEP__KITCHEN__OVENS",
            "expected a whole number from 1 to 9, got '10'",
        ),
        Fault(
            "[kitchen] spices",
            f"file {file}",
            "expected a list (in text, separated by commas), each text, got 'salt'",
        ),
        Fault("[kitchen] code", "command line", "expected a whole number"),
    }
    with pytest.raises(SettingsError, match="3 settings are wrong") as refused:
        found.section(Kitchen)
    assert all(str(fault) in str(refused.value) for fault in found.faults)


def test_a_sensitive_value_is_not_repeated_when_it_is_refused() -> None:
    (fault,) = examined({"STATEKEEP__KITCHEN__CODE": "hunter2"}).faults
    assert "hunter2" not in str(fault)


def test_a_default_that_cannot_be_found_names_the_variable_to_set() -> None:
    found = examine((Kitchen,), environ={}, overrides={}, path=None, others=None)
    (fault,) = found.faults
    assert "this machine has no name; or set STATEKEEP__KITCHEN__NAME" in fault.problem


class Cellar(Section, section="cellar"):
    """Where it is kept."""

    wines = Option(Integer(), default=0, example=1, description="How many.", added="0.1.0", sensitive=True)


def test_of_a_section_that_is_not_read_only_the_names_are_judged(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    environ = {"HOSTNAME": "box", "STATEKEEP__CELLAR__WINES_CMD": f"touch {ran}"}
    environ["STATEKEEP__CELLAR__WINE"] = "1"
    found = examine((Kitchen,), environ=environ, overrides={}, path=None, others=(), unread=(Cellar,))
    assert [fault.problem for fault in found.faults] == ["there is no such option; did you mean wines?"]
    assert not ran.exists()
    assert list(found.loaded) == [Kitchen]
