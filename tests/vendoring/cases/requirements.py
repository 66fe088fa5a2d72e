"""Planted faults of dependencies: of a shared distribution, repeated by meaning in the consumers."""

from vendoring.faults import FaultKind

from tests.vendoring.planted import CORE, SDK, Plant, Planted, adds, in_turn, replaces

ALPHA = "shared/alpha/pyproject.toml"


def requires(place: str, *requirements: str) -> Plant:
    """Give a project its dependencies; the shared ones have no list of them yet."""
    written = ", ".join(f'"{requirement}"' for requirement in requirements)
    if place == ALPHA:
        return replaces(place, "classifiers", f"dependencies = [{written}]\nclassifiers")
    return replaces(place, "dependencies = []", f"dependencies = [{written}]")


def _shared_and_consumers(shared: str, consumer: str) -> Plant:
    return in_turn(requires(ALPHA, shared), requires(SDK, consumer), requires(CORE, consumer))


def _extra(place: str, requirement: str) -> Plant:
    return adds(place, f'\n[project.optional-dependencies]\nfast = ["{requirement}"]\n')


CASES = {
    "a dependency that no consumer repeats": Planted(
        FaultKind.REQUIREMENT_MISSING, SDK, requires(ALPHA, "packaging>=24"), mended=True
    ),
    "a dependency that a consumer has under a marker only": Planted(
        FaultKind.REQUIREMENT_MISSING,
        SDK,
        _shared_and_consumers("packaging>=24", "packaging>=24; python_version < '3.12'"),
        mended=True,
    ),
    "a dependency that a consumer has in an extra only": Planted(
        FaultKind.REQUIREMENT_MISSING,
        SDK,
        in_turn(
            requires(ALPHA, "packaging>=24"), _extra(SDK, "packaging>=24"), requires(CORE, "packaging>=24")
        ),
        mended=True,
    ),
    "a dependency of an extra that no consumer repeats": Planted(
        FaultKind.REQUIREMENT_MISSING, SDK, _extra(ALPHA, "packaging>=24"), mended=True
    ),
    "a bound that is weaker in the consumers": Planted(
        FaultKind.REQUIREMENT_WEAKER,
        SDK,
        _shared_and_consumers("packaging>=24.1", "Packaging>=24"),
        mended=True,
    ),
    "an upper bound that the consumers lack": Planted(
        FaultKind.REQUIREMENT_WEAKER,
        SDK,
        _shared_and_consumers("packaging>=24,<26", "packaging>=25"),
        mended=True,
    ),
    "a release that only the shared distribution excludes": Planted(
        FaultKind.REQUIREMENT_WEAKER,
        SDK,
        _shared_and_consumers("packaging!=25.0", "packaging>=24"),
        mended=True,
    ),
    "an extra that the consumers do not ask for": Planted(
        FaultKind.REQUIREMENT_WEAKER, SDK, _shared_and_consumers("coverage[toml]", "coverage"), mended=True
    ),
    "bounds that no version meets": Planted(
        FaultKind.REQUIREMENT_CONFLICT,
        SDK,
        _shared_and_consumers("packaging>=25", "packaging<25"),
        mended=False,
    ),
    "a requirement that cannot be read": Planted(
        FaultKind.REQUIREMENT_UNREADABLE, ALPHA, requires(ALPHA, "packaging>>24"), mended=False
    ),
    "a consumer's requirement that cannot be read": Planted(
        FaultKind.REQUIREMENT_UNREADABLE, CORE, requires(CORE, "=="), mended=False
    ),
    "dependencies that only a build would know": Planted(
        FaultKind.REQUIREMENT_UNREADABLE,
        ALPHA,
        replaces(ALPHA, "classifiers", 'dynamic = ["dependencies"]\nclassifiers'),
        mended=False,
    ),
    "a requirement of a neighbour that a consumer does not vendor": Planted(
        FaultKind.NEIGHBOUR_NOT_VENDORED,
        CORE,
        in_turn(
            requires(ALPHA, "statekeep-shared-beta"),
            replaces(CORE, 'shared = ["alpha", "beta"]', 'shared = ["alpha"]'),
            lambda tree: (tree / "core/src/statekeep_core/_shared/beta").unlink(),
        ),
        mended=False,
        beside=(FaultKind.FORCE_INCLUDE_STALE, FaultKind.TOOL_PATH_MISSING),
    ),
}
