"""The identity pass: copies and links against their sources by the blob ids of git's index; no file is read.

It answers for what would be committed: two sides that agree on disk, of which only one is staged, are a fault
here. Copies, links and sources are recognised by their paths, so not even a pyproject is opened.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from vendoring.faults import FaultKind, VendoringFault
from vendoring.file_set import is_ignored
from vendoring.repository import LINK_MODE, IndexEntry, Repository

_SOURCE = re.compile(r"shared/([^/]+)/src/statekeep_shared/\1/(.+)")
_COPY = re.compile(r"((?!shared/)[^/]+/src/[^/]+/_shared/([^/]+))(?:/(.+))?")

Files = dict[str, IndexEntry]


def identity_faults(repository: Repository, vendored: Iterable[str] = ()) -> Iterator[VendoringFault]:
    """One fault for every staged copy or link that is not its staged source.

    Of the places in `vendored` it is also known that they must be staged when their source is.
    """
    if not repository.is_readable:
        wrong, remedy = "git cannot read the index", "run `git status` here and mend what it names"
        yield VendoringFault(FaultKind.INDEX_UNREADABLE, ".git", wrong, remedy)
    sources, copies, links = _sorted_index(repository.index)
    for place in vendored:
        if posixpath.basename(place) in sources and place not in links:
            copies.setdefault(place, {})
    for place, files in copies.items():
        name = posixpath.basename(place)
        if files != sources.get(name):
            yield _fault(place, _first_difference(files, sources.get(name, {})), name)
    for place, entry in links.items():
        name = posixpath.basename(place)
        target = posixpath.relpath(f"shared/{name}/src/statekeep_shared/{name}", posixpath.dirname(place))
        if entry.mode != LINK_MODE or entry.blob != repository.blob_id(target.encode()):
            yield _fault(place, "it is not the link to the source", name)


def _sorted_index(index: Files) -> tuple[dict[str, Files], dict[str, Files], Files]:
    sources: defaultdict[str, Files] = defaultdict(dict)
    copies: defaultdict[str, Files] = defaultdict(dict)
    links: Files = {}
    for path, entry in index.items():
        if source := _SOURCE.fullmatch(path):
            sources[source[1]][source[2]] = entry
        elif "/_shared/" in path and (copy := _COPY.fullmatch(path)):
            if copy[3]:
                copies[copy[1]][copy[3]] = entry
            elif copy[2] != "__init__.py" and not is_ignored(copy[2]):
                links[path] = entry
    return sources, copies, links


def _first_difference(files: Files, source: Files) -> str:
    path = next(path for path in sorted(files.keys() | source.keys()) if files.get(path) != source.get(path))
    if path not in source:
        return f"{path} is staged in the copy only"
    return f"{path} differs" if path in files else f"{path} is staged in the source only"


def _fault(place: str, difference: str, name: str) -> VendoringFault:
    wrong = f"what is staged is not what is staged of shared/{name}: {difference}"
    remedy = f"run with --fix, then `git add shared/{name} {place}`"
    return VendoringFault(FaultKind.INDEX_DRIFT, place, wrong, remedy)
