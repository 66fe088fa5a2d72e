"""Loads this package once more under another name, as another distribution's vendored copy of it is."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

SECOND_COPY_NAME = "statekeep_state_second_copy"


def second_copy() -> ModuleType:
    """Return a second copy of the contract: the same source, other classes. The same copy every time."""
    loaded = sys.modules.get(SECOND_COPY_NAME)
    if loaded is not None:
        return loaded
    package = Path(__file__).parent.parent
    spec = spec_from_file_location(
        SECOND_COPY_NAME, package / "__init__.py", submodule_search_locations=[str(package)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {package} a second time")
    copy = module_from_spec(spec)
    sys.modules[SECOND_COPY_NAME] = copy  # process-wide: as every import is
    spec.loader.exec_module(copy)
    return copy
