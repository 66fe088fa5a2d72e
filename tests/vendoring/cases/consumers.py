"""Planted faults of what a consumer declares: vendor table, mapping, exclusion, build hook."""

from pathlib import Path

from vendoring.faults import FaultKind
from vendoring.generated_workspace import commit_all

from tests.vendoring.planted import CORE, SDK, Planted, adds, in_turn, removes, replaces

INTO = "task-sdk/src/statekeep/_shared"
MAPPED = '"../shared/alpha/src/statekeep_shared/alpha"'
LINE = f'{MAPPED} = "src/statekeep/_shared/alpha"\n'
TARGET = '"src/statekeep/_shared/alpha"'
SHARED = 'shared = ["alpha", "beta"]'
EXCLUDE = 'exclude = ["/src/statekeep/_shared/*", "!/src/statekeep/_shared/__init__.py"]'
HOOK = "core/hatch_build.py"


def _links_hook(tree: Path) -> None:
    (tree / HOOK).unlink()
    (tree / HOOK).symlink_to("../task-sdk/hatch_build.py")


CASES = {
    "a vendored name that no shared distribution has": Planted(
        FaultKind.VENDOR_UNKNOWN,
        SDK,
        replaces(SDK, SHARED, 'shared = ["alpha", "beta", "gone"]'),
        mended=True,
    ),
    "a vendored name that stands twice": Planted(
        FaultKind.VENDOR_TWICE, SDK, replaces(SDK, SHARED, 'shared = ["alpha", "beta", "alpha"]'), mended=True
    ),
    "a copy that the vendor table does not list": Planted(
        FaultKind.VENDOR_UNLISTED, f"{INTO}/gone", adds(f"{INTO}/gone/__init__.py", ""), mended=False
    ),
    "a loose module among the copies": Planted(
        FaultKind.VENDOR_UNLISTED, f"{INTO}/loose.py", adds(f"{INTO}/loose.py", ""), mended=False
    ),
    "a place of copies that is no package": Planted(
        FaultKind.PLACE_MISSING, INTO, removes(f"{INTO}/__init__.py"), mended=False
    ),
    "a vendored distribution that the sdist does not get": Planted(
        FaultKind.FORCE_INCLUDE_MISSING, SDK, replaces(SDK, LINE, ""), mended=True
    ),
    "a mapping of what is not vendored": Planted(
        FaultKind.FORCE_INCLUDE_STALE,
        SDK,
        replaces(SDK, LINE, LINE + LINE.replace("alpha", "gone")),
        mended=True,
    ),
    "a mapping of something else into the place of the copies": Planted(
        FaultKind.FORCE_INCLUDE_STALE,
        SDK,
        replaces(SDK, LINE, LINE + '"notes" = "src/statekeep/_shared/notes"\n'),
        mended=True,
    ),
    "a mapping to another place": Planted(
        FaultKind.FORCE_INCLUDE_TARGET,
        SDK,
        replaces(SDK, f"{MAPPED} = {TARGET}", f'{MAPPED} = "src/statekeep/_shared/alfa"'),
        mended=True,
    ),
    "a mapping on the wheel": Planted(
        FaultKind.FORCE_INCLUDE_MISPLACED,
        SDK,
        adds(SDK, f"\n[tool.hatch.build.targets.wheel.force-include]\n{LINE}"),
        mended=True,
    ),
    "a mapping on every target": Planted(
        FaultKind.FORCE_INCLUDE_MISPLACED,
        SDK,
        adds(SDK, f"\n[tool.hatch.build.force-include]\n{LINE}"),
        mended=True,
    ),
    "an exclusion that lets copies ship": Planted(
        FaultKind.EXCLUDE_MISSING, SDK, replaces(SDK, EXCLUDE, "exclude = []"), mended=True
    ),
    "no exclusion at all": Planted(FaultKind.EXCLUDE_MISSING, SDK, replaces(SDK, EXCLUDE, ""), mended=True),
    "a wheel that would ask for a shared distribution": Planted(
        FaultKind.SHARED_REQUIRED,
        SDK,
        replaces(SDK, "dependencies = []", 'dependencies = ["statekeep_shared.alpha>=0.1"]'),
        mended=True,
    ),
    "a consumer without the build hook": Planted(FaultKind.HOOK_MISSING, HOOK, removes(HOOK), mended=False),
    "a build hook that is a link": Planted(FaultKind.HOOK_IS_LINK, HOOK, _links_hook, mended=False),
    "a build hook that is behind the other": Planted(
        FaultKind.HOOK_DIFFERS, HOOK, adds("task-sdk/hatch_build.py", "# an edit\n"), mended=True
    ),
    "a build hook that was edited and committed alone": Planted(
        FaultKind.HOOK_DIFFERS,
        "task-sdk/hatch_build.py",
        in_turn(adds(HOOK, "# an edit\n"), lambda tree: commit_all(tree, "an edit")),
        mended=True,
    ),
    "build hooks that were both edited": Planted(
        FaultKind.HOOK_DIFFERS,
        HOOK,
        in_turn(adds(HOOK, "# an edit\n"), adds("task-sdk/hatch_build.py", "# another\n")),
        mended=False,
    ),
    "a consumer that the workspace does not list": Planted(
        FaultKind.MEMBER_MISSING,
        "pyproject.toml",
        replaces("pyproject.toml", '"task-sdk", "core", ', '"task-sdk", '),
        mended=True,
    ),
    "a shared distribution that one consumer alone vendors, mapped in the other": Planted(
        FaultKind.FORCE_INCLUDE_STALE,
        CORE,
        in_turn(
            replaces(CORE, SHARED, 'shared = ["beta"]'),
            removes("core/src/statekeep_core/_shared/alpha"),
        ),
        mended=True,
        beside=(FaultKind.TOOL_PATH_MISSING,),
    ),
}
