"""Planted faults of the pyproject files as such, and of the shape of a shared distribution."""

from pathlib import Path

from vendoring.faults import FaultKind

from tests.vendoring.planted import CORE, ROOT, SDK, SOURCE, Planted, adds, in_turn, removes, replaces

ALPHA = "shared/alpha/pyproject.toml"


def _renamed(tree: Path) -> None:
    write = adds(
        "shared/with-hyphens/pyproject.toml", (tree / ALPHA).read_text().replace("alpha", "with-hyphens")
    )
    in_turn(write, adds("shared/with-hyphens/src/statekeep_shared/with-hyphens/__init__.py", ""))(tree)


CASES = {
    "a root that is no TOML": Planted(
        FaultKind.PROJECT_UNREADABLE, ROOT, adds(ROOT, "[broken"), mended=False
    ),
    "a consumer that is no TOML": Planted(
        FaultKind.PROJECT_UNREADABLE, SDK, adds(SDK, "[broken"), mended=False
    ),
    "a shared distribution that is no TOML": Planted(
        FaultKind.PROJECT_UNREADABLE, ALPHA, adds(ALPHA, "[broken"), mended=False
    ),
    "a shared distribution without a pyproject": Planted(
        FaultKind.PROJECT_UNREADABLE, ALPHA, removes(ALPHA), mended=False
    ),
    "a vendor table that does not list names": Planted(
        FaultKind.VENDOR_TABLE_MALFORMED,
        CORE,
        replaces(CORE, 'shared = ["alpha", "beta"]', 'shared = "alpha"'),
        mended=False,
    ),
    "a vendor table with a place outside the package": Planted(
        FaultKind.VENDOR_TABLE_MALFORMED,
        CORE,
        replaces(CORE, 'into = "src/statekeep_core/_shared"', 'into = "../elsewhere"'),
        mended=False,
    ),
    "a vendor table with a place of another name": Planted(
        FaultKind.VENDOR_TABLE_MALFORMED,
        CORE,
        replaces(CORE, 'into = "src/statekeep_core/_shared"', 'into = "src/statekeep_core/copies"'),
        mended=False,
    ),
    "a vendor table that does not say copy or link": Planted(
        FaultKind.VENDOR_TABLE_MALFORMED, CORE, replaces(CORE, 'kept-as = "link"\n', ""), mended=False
    ),
    "a shared distribution under another name": Planted(
        FaultKind.SHARED_MISNAMED,
        ALPHA,
        replaces(ALPHA, "statekeep-shared-alpha", "statekeep-alpha"),
        mended=False,
    ),
    "a shared distribution that builds another module": Planted(
        FaultKind.SHARED_MISNAMED, ALPHA, replaces(ALPHA, "statekeep_shared.alpha", "alpha"), mended=False
    ),
    "a shared distribution in a folder that is no module's name": Planted(
        FaultKind.SHARED_MISNAMED,
        "shared/with-hyphens/pyproject.toml",
        _renamed,
        mended=False,
        beside=(
            FaultKind.MEMBER_MISSING,
            FaultKind.SOURCE_MISSING,
            FaultKind.DEV_GROUP_MISSING,
            FaultKind.TOOL_PATH_MISSING,
        ),
    ),
    "a shared distribution without its package": Planted(
        FaultKind.SHARED_SOURCE_MISSING,
        ALPHA,
        removes(f"{SOURCE}/__init__.py"),
        mended=False,
        beside=(FaultKind.FILE_STALE,),
    ),
    "an __init__ in the namespace, which hides every other distribution": Planted(
        FaultKind.NAMESPACE_INIT,
        "shared/alpha/src/statekeep_shared/__init__.py",
        adds("shared/alpha/src/statekeep_shared/__init__.py", ""),
        mended=False,
    ),
}
