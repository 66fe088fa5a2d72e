"""What a server does for itself before it serves; how it serves is shown in tests/server."""

from __future__ import annotations

import subprocess
import sys

_LIMITED = """
import resource
from statekeep_core.server.serving import allow_descriptors
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
hard = min(hard, 4_096)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
allow_descriptors()
allow_descriptors()
print(resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard))
"""


def test_a_server_may_have_as_many_connections_as_its_user_allows() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _LIMITED], check=True, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout == "True\n"
