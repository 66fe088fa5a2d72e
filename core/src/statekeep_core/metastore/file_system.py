"""Which file system a path lies on; SQLite's locks and shared memory do not work across machines."""

from __future__ import annotations

import sys
from pathlib import Path

# fmt: off
_NETWORK_FILE_SYSTEMS = frozenset({
    "9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs",
    "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "smb2", "smb3", "smbfs", "webdav",
})
# fmt: on


def network_file_system(path: Path, mounts: str | None = None) -> str | None:
    """Return the name of the network file system that ``path`` lies on, or None when its disk is local.

    ``mounts`` is the text of ``/proc/self/mountinfo``, read when it is not given. None too where there is
    no such file: better an unchecked store than none.
    """
    if mounts is None:
        mounts = _read_mounts()
    resolved = path.resolve()
    best_length, best_type = -1, ""
    for line in mounts.splitlines():
        point, kind = _mount(line)
        if resolved.is_relative_to(point) and len(point) >= best_length:
            best_length, best_type = len(point), kind
    return best_type if best_type in _NETWORK_FILE_SYSTEMS else None


def _read_mounts() -> str:
    if sys.platform == "darwin":
        import subprocess

        return subprocess.run(["/sbin/mount"], capture_output=True, check=False, text=True).stdout
    try:
        return Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _mount(line: str) -> tuple[str, str]:
    """Return the mount point and type of a line of Linux's mountinfo, or of macOS's ``mount``."""
    if " - " in line:
        fields, _, tail = line.partition(" - ")
        return _unescaped(fields.split(" ")[4]), tail.split(" ")[0]
    _, _, tail = line.partition(" on ")
    point, _, options = tail.rpartition(" (")
    return point or "/nowhere", options.split(",")[0].rstrip(")")


def _unescaped(field: str) -> str:
    # The kernel writes blanks and backslashes in mount points as octal escapes.
    for code in (r"\040", r"\011", r"\012", r"\134"):
        field = field.replace(code, chr(int(code[1:], 8)))
    return field
