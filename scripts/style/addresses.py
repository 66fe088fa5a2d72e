"""Addresses that hold in one place only: package registries, and folders of somebody's machine."""

import re
from collections.abc import Iterator
from pathlib import Path

from checking.faults import Fault

from style.source_file import SourceFile

REGISTRY = re.compile(r"(pypi|pythonhosted|npmjs|debian)\.(org|com)", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(home|Users|root|work)/\w+")
MOST_BYTES = 1_000_000  # larger files are data, and are not read


def address_faults(file: SourceFile) -> Iterator[Fault]:
    """Every address in one text file; tests may make up home folders, but not name this checkout's."""
    path = file.root / file.place
    if path.stat().st_size > MOST_BYTES or b"\0" in path.read_bytes()[:1024]:
        return
    here = str(Path(file.root).resolve()) + "/"
    for number, line in enumerate(file.lines, 1):
        place = f"{file.place}:{number}"
        if found := REGISTRY.search(line):
            wrong = f"names a package registry ({found[1]})"
            yield Fault("registry", place, wrong, "leave the address to the reader's own configuration")
        found = None if file.is_test else MACHINE_PATH.search(line)
        if found or here in line:
            wrong = f"names a folder of one machine ({found[0] if found else here})"
            yield Fault("machine-path", place, wrong, "make it relative, or a parameter")
