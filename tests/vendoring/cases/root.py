"""Planted faults of the root's tables: members, sources, dev group, the paths of tools."""

import shutil
import subprocess
from pathlib import Path

from vendoring.faults import FaultKind

from tests.vendoring.planted import COPY, LINK, ROOT, Planted, replaces

SOURCE_LINE = "statekeep-shared-alpha = { workspace = true }"


def _in_root(old: str, new: str, kind: FaultKind, *, mended: bool = True) -> Planted:
    return Planted(kind, ROOT, replaces(ROOT, old, new), mended)


def _removes_alpha(tree: Path) -> None:
    """What a person does: the folder and its copies; the tables are left to `--fix`."""
    shutil.rmtree(tree / "shared/alpha")
    shutil.rmtree(tree / COPY)
    (tree / LINK).unlink()
    subprocess.run(["git", "add", "-A"], cwd=tree, check=True)


CASES = {
    "a shared distribution that is no member": _in_root(', "shared/alpha"', "", FaultKind.MEMBER_MISSING),
    "a member that is gone": _in_root(
        '"shared/alpha"', '"shared/alpha", "shared/gone"', FaultKind.MEMBER_STALE
    ),
    "a member that is a pattern": _in_root(
        '"shared/alpha"', '"shared/alpha", "shared/*"', FaultKind.MEMBER_PATTERN
    ),
    "a shared distribution without a source": _in_root(SOURCE_LINE, "", FaultKind.SOURCE_MISSING),
    "no table of sources": _in_root("[tool.uv.sources]", "[tool.other]", FaultKind.SOURCE_MISSING),
    "a shared distribution that comes from elsewhere": _in_root(
        SOURCE_LINE, 'statekeep-shared-alpha = { path = "elsewhere" }', FaultKind.SOURCE_MISSING
    ),
    "a source of what is gone": _in_root(
        SOURCE_LINE, SOURCE_LINE + "\n" + SOURCE_LINE.replace("alpha", "gone"), FaultKind.SOURCE_STALE
    ),
    "a shared distribution that nobody installs": _in_root(
        ', "statekeep-shared-alpha"', "", FaultKind.DEV_GROUP_MISSING
    ),
    "a dev requirement of what is gone": _in_root(
        '"statekeep-shared-alpha"',
        '"statekeep-shared-alpha", "Statekeep_Shared.gone"',
        FaultKind.DEV_GROUP_STALE,
    ),
    "a dev requirement that cannot be read": _in_root(
        '"statekeep-shared-alpha"',
        '"statekeep-shared-alpha", "??"',
        FaultKind.REQUIREMENT_UNREADABLE,
        mended=False,
    ),
    "a shared distribution that mypy does not find": _in_root(
        ', "$MYPY_CONFIG_FILE_DIR/shared/alpha/src"', "", FaultKind.TOOL_PATH_MISSING
    ),
    "a shared distribution whose tests do not run": _in_root(
        ', "shared/alpha/tests"', "", FaultKind.TOOL_PATH_MISSING
    ),
    "a copy whose coverage is counted apart": _in_root(
        f'"{COPY}"', '"elsewhere"', FaultKind.TOOL_PATH_MISSING
    ),
    "tests of what is gone": _in_root(
        '"shared/alpha/tests"', '"shared/alpha/tests", "shared/gone/tests"', FaultKind.TOOL_PATH_STALE
    ),
    "coverage of what is gone": Planted(
        FaultKind.TOOL_PATH_STALE,
        ROOT,
        replaces(ROOT, "[tool.coverage.paths]\n", '[tool.coverage.paths]\ngone = ["shared/gone/src"]\n'),
        mended=True,
    ),
    "a shared distribution that was removed, and everything that named it": Planted(
        FaultKind.VENDOR_UNKNOWN,
        "core/pyproject.toml",
        _removes_alpha,
        mended=True,
        beside=(
            FaultKind.MEMBER_STALE,
            FaultKind.SOURCE_STALE,
            FaultKind.DEV_GROUP_STALE,
            FaultKind.FORCE_INCLUDE_STALE,
            FaultKind.TOOL_PATH_STALE,
        ),
    ),
}
