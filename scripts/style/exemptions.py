"""Exemptions from the rules: each is written down with its reason, and goes when nothing needs it."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from checking.faults import Fault


class Exemption(NamedTuple):
    """One kind of fault, in one file, for a reason."""

    kind: str
    place: str
    reason: str


def without_exempted(
    faults: Iterable[Fault], exemptions: tuple[Exemption, ...], data: str
) -> Iterator[Fault]:
    """What nothing excuses, and a fault per exemption that excuses nothing; `data` is where they stand."""
    unused = set(exemptions)
    for fault in faults:
        matching = [
            item for item in exemptions if (item.kind, item.place) == (fault.kind, _file_of(fault.place))
        ]
        unused.difference_update(matching)
        if not matching:
            yield fault
    for item in sorted(unused):
        wrong = f"{item.place} is exempt from {item.kind}, and has no such fault"
        yield Fault("unused-exemption", data, wrong, "remove the exemption")


def _file_of(place: str) -> str:
    return place.rpartition(":")[0] or place
