"""Network file systems are told by name."""

from pathlib import Path

import pytest
from statekeep_core.metastore.file_system import network_file_system

LINUX = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:35 / /home rw,relatime shared:2 - nfs4 server:/home rw
41 40 0:36 / /home/ann\\040lee/local rw shared:3 - xfs /dev/vdb rw
42 22 0:37 / /homes rw shared:4 - ext4 /dev/vdc rw
"""
MACOS = "/dev/disk1s1 on / (apfs, local, journaled)\n//ann@server/share on /Volumes/share (smbfs, nodev)\n"


@pytest.mark.parametrize(
    ("path", "mounts", "kind"),
    [
        ("/var/lib/state.db", LINUX, None),
        ("/home/state.db", LINUX, "nfs4"),
        ("/home/ann lee/local/state.db", LINUX, None),
        ("/homes/state.db", LINUX, None),
        ("/Volumes/share/state.db", MACOS, "smbfs"),
        ("/Users/ann/state.db", MACOS, None),
        ("/anywhere", "", None),
    ],
)
def test_the_innermost_mount_decides(path: Path, mounts: str, kind: str | None) -> None:
    assert network_file_system(Path(path), mounts) == kind


def test_this_machines_own_mounts_can_be_read(tmp_path: Path) -> None:
    assert network_file_system(tmp_path) is None
