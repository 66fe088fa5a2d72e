"""`scripts/pin.py`: the exact versions in the root's pyproject.toml, and nothing else of it."""

from __future__ import annotations

import tomllib

from pin import with_pins

from tests.build.conftest import ROOT

PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")


def lines_outside_the_lists(text: str) -> list[str]:
    """The lines that are not between the start and the end of a list of constraints."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        starts = "constraint-dependencies = [" in line
        inside = (inside or starts) and line != "]" and not line.endswith("[]")
        if not inside and not starts and line != "]":
            kept.append(line)
    return kept


def test_every_package_that_the_environment_locks_is_pinned_to_that_version() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    locked = {f"{p['name']}=={p['version']}" for p in lock["package"] if "registry" in p["source"]}
    pins = tomllib.loads(PYPROJECT)["tool"]["uv"]["constraint-dependencies"]
    assert {pin.split(" ; ")[0] for pin in pins} == locked, "run `uv run scripts/pin.py`"


def test_rewriting_the_lists_keeps_every_other_line_and_comment() -> None:
    rewritten = with_pins(PYPROJECT, ["one==1"], ["two==2"])
    assert lines_outside_the_lists(rewritten) == lines_outside_the_lists(PYPROJECT)
    uv = tomllib.loads(rewritten)["tool"]["uv"]
    assert (uv["constraint-dependencies"], uv["build-constraint-dependencies"]) == (["one==1"], ["two==2"])


def test_writing_the_same_versions_again_changes_nothing() -> None:
    uv = tomllib.loads(PYPROJECT)["tool"]["uv"]
    same = with_pins(PYPROJECT, uv["constraint-dependencies"], uv["build-constraint-dependencies"])
    assert same == PYPROJECT
