"""Builds the wheels as they would be published and uses them as they would be used.

Each consumer is built by both routes from a copy of the tree in every state that a checkout can have; all its
wheels must be equal, byte for byte. Then they are installed in clean environments outside the repository (the
SDK alone, both together, and both with different versions of the contract inside), and do their main job. At
last workers of this release work with a server of the one before, and the other way round, and the one before
refuses what only this one can use, and says so.

Run with ``uv run scripts/smoke_wheels.py``; the status is 0 when everything held.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from smoke.across_releases import work_across
from smoke.builds import BuildError, build_both_routes, only_file, run_uv, write_constraints
from smoke.environments import Environment, SmokeError
from smoke.main_job import expect, expect_sdk_alone, run_main_job
from smoke.newer_store import (
    expect_a_refusal_that_names_the_release,
    expect_newer_steps_to_name_newer_releases,
)
from smoke.previous import PREVIOUS_COMMIT, wheels_of
from smoke.trees import CONSUMERS, MUTILATIONS, copy_repository, mutilate

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run every step, say what holds, and stop at the first thing that does not."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="statekeep-smoke-") as scratch:
        try:
            smoke(Path(scratch).resolve())
        except (BuildError, SmokeError) as failure:
            print(f"FAILED: {failure}", file=sys.stderr)
            return 1
    print(f"The wheels hold ({time.monotonic() - started:.1f} s).")
    return 0


def smoke(scratch: Path) -> None:
    """Build, compare, install and use. Everything happens under ``scratch``."""
    pristine = copy_repository(ROOT, scratch / "pristine")
    constraints = write_constraints(ROOT, scratch / "constraints.txt")
    wheels = {name: wheel_of_every_route(pristine, name, scratch) for name in CONSUMERS}
    sdk, core = wheels["statekeep"], wheels["statekeep-core"]
    other_core = wheel_with_another_contract(pristine, "statekeep-core", scratch)

    use("statekeep alone", expect_sdk_alone, Environment(scratch / "sdk", [sdk], constraints))
    both = Environment(scratch / "both", [sdk, core], constraints)
    use("statekeep-core with statekeep", run_main_job, both)
    mixed = Environment(scratch / "mixed", [sdk, other_core], constraints)
    use("two versions of the contract", expect_two_contracts, mixed)
    use("the main job across both versions", run_main_job, mixed)
    work_with_the_previous_release(sdk, core, constraints, scratch / "previous")


def work_with_the_previous_release(sdk: Path, core: Path, constraints: Path, scratch: Path) -> None:
    """Each release's workers with the other's server, as while machines are upgraded one after the other."""
    previous = wheels_of(PREVIOUS_COMMIT, ROOT, scratch)
    this = Environment(scratch / "this", _with_extras(sdk, core), constraints)
    before = Environment(scratch / "before", _with_extras(*previous), constraints)
    use("workers of this release with the previous server", lambda worker: work_across(worker, before), this)
    use("workers of the previous release with this server", lambda worker: work_across(worker, this), before)
    expect_newer_steps_to_name_newer_releases(before, this)
    use(
        "the previous release before this one's store",
        lambda older: expect_a_refusal_that_names_the_release(older, this),
        before,
    )


def _with_extras(sdk: Path, core: Path) -> list[str]:
    return [f"{sdk}[objectstore]", f"{core}[server,postgres]"]


def wheel_of_every_route(pristine: Path, distribution: str, scratch: Path) -> Path:
    """The consumer's wheel, after all states and routes have given the same one."""
    wheels: dict[str, Path] = {}
    for state in MUTILATIONS:
        tree = copy_repository(pristine, scratch / "trees" / distribution / state)
        mutilate(tree, state)
        routes = build_both_routes(tree, distribution, scratch / "built" / distribution / state)
        wheels |= {f"{state} tree": routes.wheel_from_tree, f"sdist of {state} tree": routes.wheel_from_sdist}
    first, *others = wheels.items()
    for route, wheel in others:
        if wheel.read_bytes() != first[1].read_bytes():
            raise SmokeError(f"{distribution}: the wheels from {first[0]} and from {route} differ")
    print(f"{distribution}: {len(wheels)} wheels from {len(MUTILATIONS)} states of the tree are equal")
    return first[1]


def wheel_with_another_contract(pristine: Path, distribution: str, scratch: Path) -> Path:
    """The consumer's wheel from a tree whose contract is a later version with one more name."""
    tree = copy_repository(pristine, scratch / "trees" / "another-contract")
    package = tree / "shared/state/src/statekeep_shared/state/__init__.py"
    package.write_text(package.read_text("utf-8") + "\nANOTHER_VERSION = True\n", encoding="utf-8")
    output = scratch / "built" / "another-contract"
    run_uv("build", "--package", distribution, "--wheel", "--out-dir", str(output), folder=tree)
    return only_file(output, "*.whl")


def expect_two_contracts(environment: Environment) -> None:
    """Each side has its own copy, the copies differ, and a scope of one is a scope of the other."""
    printed = environment.output_of_code(
        "import statekeep._shared.state as ours, statekeep_core._shared.state as theirs\n"
        "print(hasattr(ours, 'ANOTHER_VERSION'), hasattr(theirs, 'ANOTHER_VERSION'))\n"
        "one, other = (copy.TaskScope('d', 'r', 't') for copy in (ours, theirs))\n"
        "print(type(one) is type(other), one == other, isinstance(one, theirs.TaskScope))\n"
    )
    expect("False True\nFalse True True\n", printed)


def use(what: str, job: Callable[[Environment], None], environment: Environment) -> None:
    """Do one job in its environment, and say that it was done."""
    job(environment)
    print(f"{what}: does its job")


if __name__ == "__main__":
    sys.exit(main())
