"""The descriptors of a supervisor: enough of them, and none of the store's files under 3."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest
from statekeep._shared.state.errors import UnavailableError
from statekeep.supervisor.descriptors import check_descriptors


def test_too_few_descriptors_are_said_before_anything_starts() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    in_use = os.dup(0)
    os.close(in_use)
    resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 10, hard))
    try:
        with pytest.raises(UnavailableError, match="24 file descriptors"):
            check_descriptors()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    check_descriptors()
    assert os.dup(0) == in_use, "what was taken was not given back"
    os.close(in_use)


def test_closed_standard_descriptors_are_given_to_nothing_else_and_not_to_the_task() -> None:
    script = (
        "import os, sys; os.close(0); os.close(2);"
        " from statekeep.supervisor.descriptors import occupy_standard_descriptors;"
        " occupy_standard_descriptors();"
        " opened = os.open(os.devnull, os.O_RDONLY);"
        " print(opened > 2, os.get_inheritable(0), os.get_inheritable(2))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True False False\n"
