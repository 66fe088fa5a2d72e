from pathlib import Path

import pytest
from statekeep_shared.settings import Integer, Option, Secret, Section, examine


class Workers(Section, section="workers"):
    """Who works."""

    hands = Option(Integer(), default=2, example=4, description="How many.", added="0.1.0")
    token = Option(Secret(), default="", example="x", description="A secret.", added="0.1.0", sensitive=True)


def problems(
    environ: dict[str, str], others: tuple[str, ...] | None, file: Path | None = None, **overrides: str
) -> list[str]:
    dotted = {name.replace("__", "."): text for name, text in overrides.items()}
    path = None if file is None else str(file)
    found = examine((Workers,), environ=environ, overrides=dotted, path=path, others=others)
    return [f"{fault.option}: {fault.problem}" for fault in found.faults]


def test_an_unknown_option_of_an_own_section_is_a_fault_wherever_it_is_given(tmp_path: Path) -> None:
    file = tmp_path / "statekeep.toml"
    file.write_text("[workers]\nhand = 1\n")
    said = "[workers] hand: there is no such option; did you mean hands?"
    assert problems({}, None, file) == [said]
    assert problems({"STATEKEEP__WORKERS__HAND": "1"}, None) == [said]
    assert problems({}, None, workers__hand="1") == [said]


@pytest.mark.parametrize("suffix", ["file", "cmd"])
def test_a_file_or_command_of_a_secret_is_named_in_the_environment_only(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / "statekeep.toml"
    file.write_text(f"[workers]\ntoken_{suffix} = 'x'\nhands_{suffix} = 'x'\n")
    none = "there is no such option"
    variable = f"STATEKEEP__WORKERS__TOKEN_{suffix.upper()}"
    said = f"{none}; only the environment names a file or a command for token: set {variable}"
    secret, other = problems({}, None, file)
    assert secret == f"[workers] token_{suffix}: {said}"
    assert other.startswith(f"[workers] hands_{suffix}: {none}")
    assert "environment" not in other
    assert problems({}, None, None, **{f"workers__token_{suffix}": "x"}) == [
        f"[workers] token_{suffix}: {said}"
    ]


@pytest.mark.parametrize("others", [None, ("tools",)])
def test_a_misspelt_own_section_is_a_fault(others: tuple[str, ...] | None) -> None:
    said = ["[worker]: there is no such section; did you mean [workers]?"]
    assert problems({"STATEKEEP__WORKER__HANDS": "1"}, others) == said


def test_the_sections_of_another_distribution_are_its_own_affair(tmp_path: Path) -> None:
    file = tmp_path / "statekeep.toml"
    file.write_text("[tools]\nnonsense = 1\n")
    environ = {"STATEKEEP__TOOLS__NONSENSE": "1"}
    assert problems(environ, None, file, tools__nonsense="1") == []
    assert problems(environ, ("tools",), file, tools__nonsense="1") == []


def test_a_section_that_nobody_has_is_a_fault_for_who_knows_everybody() -> None:
    environ = {"STATEKEEP__GARDEN__SIZE": "1"}
    assert problems(environ, None) == []
    assert problems(environ, ("tools",)) == ["[garden]: there is no such section"]


@pytest.mark.parametrize("variable", ["STATEKEEP_WORKERS_HANDS", "STATEKEEP__WORKERS_HANDS"])
def test_a_variable_with_the_wrong_underscores_is_a_fault(variable: str) -> None:
    said = ["[workers] hands: is not read; did you mean STATEKEEP__WORKERS__HANDS?"]
    assert problems({variable: "1"}, None) == said


def test_a_variable_that_names_no_option_is_a_fault_for_who_knows_everybody() -> None:
    assert problems({"STATEKEEP__WORKERS": "1"}, None) == []
    assert problems({"STATEKEEP__WORKERS": "1"}, ()) == [
        "STATEKEEP__WORKERS: is not read; options are STATEKEEP__SECTION__NAME"
    ]


def test_variables_that_are_not_options_are_left_alone() -> None:
    assert problems({"STATEKEEP_SUPERVISOR": "/run/s", "STATEKEEPER__X__Y": "1", "HOME": "/"}, ()) == []
