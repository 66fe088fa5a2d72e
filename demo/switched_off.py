"""Run a job with its state calls switched off: every read finds nothing, every write is dropped.

`python switched_off.py JOB ARGUMENTS…` runs the job's file unchanged.
"""

import runpy
import sys
from types import SimpleNamespace

import statekeep


class Forgetful:
    """State that keeps nothing."""

    def get(self, key: str, default: object = None) -> object:  # noqa: ARG002 - the accessor's signature
        return default

    def set(self, key: str, value: object) -> None:
        """Nothing is kept."""

    def set_max(self, key: str, value: object) -> None:
        """Nothing is kept."""

    def __getitem__(self, asset: object) -> "Forgetful":
        return self


def forgetful_context() -> SimpleNamespace:
    """What the job gets as its context."""
    return SimpleNamespace(task_state=Forgetful(), asset_state=Forgetful())


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    statekeep.current_context = forgetful_context  # type: ignore[assignment]  # this is the switch
    runpy.run_path(sys.argv[0], run_name="__main__")
