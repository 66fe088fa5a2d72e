"""What the wheels are for, done with them once: a task that crashes picks up where it left off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smoke.environments import SmokeError

if TYPE_CHECKING:
    from smoke.environments import Environment

SUPERVISED = ("statekeep", "run", "--dag", "smoke", "--run", "1", "--task")


def run_main_job(environment: Environment) -> None:
    """A supervised no-op, then state that one process sets before it fails and the next one reads."""
    environment.output_of(*SUPERVISED, "nothing", "--", "true")
    environment.output_of(*SUPERVISED, "load", "--", "sh", "-c", "statekeep state set k 1; exit 3", status=3)
    expect("1\n", environment.output_of(*SUPERVISED, "load", "--", "sh", "-c", "statekeep state get k"))


def expect_sdk_alone(environment: Environment) -> None:
    """The SDK without the store imports, says its version, and says what is missing when asked to run."""
    version = environment.output_of_code(
        "import importlib.metadata, statekeep; print(importlib.metadata.version('statekeep'))"
    )
    if version.strip() not in environment.output_of("statekeep", "--version"):
        raise SmokeError(f"`statekeep --version` does not say {version.strip()}")
    finished = environment.run(*SUPERVISED, "nothing", "--", "true")
    if finished.returncode == 0:
        raise SmokeError("`statekeep run` succeeded without a store")
    if "statekeep[embedded]" not in finished.stderr or "Traceback" in finished.stderr:
        raise SmokeError(f"without a store, `statekeep run` said:\n{finished.stderr}")


def expect(wanted: str, printed: str) -> None:
    """Raise `SmokeError` unless exactly what was wanted was printed."""
    if printed != wanted:
        raise SmokeError(f"printed {printed!r} instead of {wanted!r}")
