"""What git knows of the tree: its index, the ids of contents, and what a file held before."""

import hashlib
import subprocess
from bisect import bisect_left
from collections.abc import Iterable
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

LINK_MODE = "120000"
RECORD_NAME = "statekeep-vendored"


class IndexEntry(NamedTuple):
    """A path as it is staged."""

    mode: str
    blob: str


class Edited(Enum):
    """Which side of a difference holds what the other does not."""

    SOURCE = "source"
    COPY = "copy"
    BOTH = "both"
    UNKNOWN = "unknown"


class Repository:
    """Git, asked as seldom as possible; a tree outside git has an empty index and no history."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _git(self, *arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=self.root,
                capture_output=True,
                check=True,
                encoding="utf-8",
                errors="surrogateescape",
            )
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout

    @cached_property
    def _listed(self) -> str | None:
        return self._git("ls-files", "--stage", "-z")

    @property
    def is_readable(self) -> bool:
        """Whether git answers for this tree; it does not outside a repository, nor for a broken one."""
        return self._listed is not None

    @cached_property
    def index(self) -> dict[str, IndexEntry]:
        """Every staged path below the root, from one call that reads no file of the tree."""
        entries = {}
        for line in (self._listed or "").split("\0")[:-1]:
            facts, path = line.split("\t", 1)
            mode, blob, _stage = facts.split(" ")
            entries[path] = IndexEntry(mode, blob)
        return entries

    @cached_property
    def _staged_paths(self) -> list[str]:
        return sorted(self.index)

    def has_staged_below(self, folder: str) -> bool:
        """Whether a file below this folder is staged."""
        position = bisect_left(self._staged_paths, f"{folder}/")
        return any(path.startswith(f"{folder}/") for path in self._staged_paths[position : position + 1])

    @cached_property
    def _hash_name(self) -> str:
        if self.index:  # the ids' own length tells, and saves a call
            return "sha256" if len(next(iter(self.index.values())).blob) == 64 else "sha1"
        return (self._git("rev-parse", "--show-object-format") or "sha1").strip()

    def blob_id(self, content: bytes) -> str:
        """The id that git gives this content."""
        header = b"blob %d\0" % len(content)
        return hashlib.new(self._hash_name, header + content, usedforsecurity=False).hexdigest()

    def blobs_ever(self, path: str) -> set[str]:
        """Every content that `path` has had: in a commit that HEAD stands on, and in the index."""
        raw = self._git("log", "--full-history", "-m", "--raw", "--no-abbrev", "--format=", "--", path) or ""
        blobs = {blob for line in raw.splitlines() for blob in line.split("\t")[0].split(" ")[2:4]}
        if path in self.index:
            blobs.add(self.index[path].blob)
        return blobs

    @cached_property
    def _record(self) -> Path | None:
        answer = self._git("rev-parse", "--git-path", RECORD_NAME)
        return self.root / answer.strip() if answer else None

    @cached_property
    def recorded(self) -> set[str]:
        """Ids of the contents that the last --fix left equal on both sides."""
        if self._record is None or not self._record.is_file():
            return set()
        return set(self._record.read_text(encoding="ascii").split())

    def record(self, contents: Iterable[bytes]) -> None:
        """Remember contents that came from the sources, so that the next --fix may replace them."""
        if self._record is not None:
            lines = sorted({self.blob_id(content) for content in contents})
            self._record.write_text("\n".join(lines) + "\n", encoding="ascii")

    def edited_side(self, source: str, copy: str) -> Edited:
        """Which side of two different files (or of a file that only one side has) was edited.

        Decided by content, not by times of change, which a checkout resets: a copy that holds something the
        source once held, or that --fix wrote, is merely behind, and nothing is lost by replacing it. Anything
        else in the copy is an edit that exists nowhere else.
        """
        source_blob, copy_blob = self._blob_on_disk(source), self._blob_on_disk(copy)
        if copy_blob is None or copy_blob in self.recorded:
            return Edited.SOURCE
        of_source = self.blobs_ever(source)
        if copy_blob in of_source:
            return Edited.SOURCE
        of_copy = self.blobs_ever(copy)
        if not of_source and not of_copy:
            return Edited.UNKNOWN
        return Edited.COPY if source_blob is None or source_blob in of_source | of_copy else Edited.BOTH

    def _blob_on_disk(self, path: str) -> str | None:
        place = self.root / path
        return self.blob_id(place.read_bytes()) if place.is_file() else None
