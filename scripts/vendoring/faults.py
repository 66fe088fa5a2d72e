"""The kinds of fault that the vendoring check claims to find; the tests hold a planted case for every one."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from checking.faults import Fault

if TYPE_CHECKING:
    from vendoring.toml_edits import TomlEdits

Mend = Callable[["TomlEdits"], None]


class FaultKind(StrEnum):
    """What can be wrong; the value stands in the printed line and is what people search for."""

    # projects
    PROJECT_UNREADABLE = "project-unreadable"
    VENDOR_TABLE_MALFORMED = "vendor-table-malformed"
    SHARED_MISNAMED = "shared-misnamed"
    SHARED_SOURCE_MISSING = "shared-source-missing"
    NAMESPACE_INIT = "namespace-init"

    # the committed copy
    COPY_MISSING = "copy-missing"
    COPY_NOT_A_FOLDER = "copy-not-a-folder"
    COPY_BEHIND = "copy-behind"
    COPY_EDITED = "copy-edited"
    BOTH_EDITED = "both-edited"
    AGE_UNKNOWN = "age-unknown"
    FILE_MISSING = "file-missing"
    FILE_STALE = "file-stale"
    FILE_ONLY_IN_COPY = "file-only-in-copy"
    MODE_DIFFERS = "mode-differs"
    LINK_INSIDE = "link-inside"
    INDEX_DRIFT = "index-drift"
    INDEX_UNREADABLE = "index-unreadable"

    # the symlink
    LINK_MISSING = "link-missing"
    LINK_DANGLING = "link-dangling"
    LINK_ABSOLUTE = "link-absolute"
    LINK_ELSEWHERE = "link-elsewhere"
    LINK_IS_STUB = "link-is-stub"
    LINK_IS_FILE = "link-is-file"
    LINK_IS_FOLDER = "link-is-folder"
    LINK_NOT_IN_INDEX = "link-not-in-index"

    # what a consumer declares
    VENDOR_UNKNOWN = "vendor-unknown"
    VENDOR_TWICE = "vendor-twice"
    VENDOR_UNLISTED = "vendor-unlisted"
    PLACE_MISSING = "place-missing"
    FORCE_INCLUDE_MISSING = "force-include-missing"
    FORCE_INCLUDE_STALE = "force-include-stale"
    FORCE_INCLUDE_TARGET = "force-include-target"
    FORCE_INCLUDE_MISPLACED = "force-include-misplaced"
    EXCLUDE_MISSING = "exclude-missing"
    SHARED_REQUIRED = "shared-required"
    HOOK_MISSING = "hook-missing"
    HOOK_IS_LINK = "hook-is-link"
    HOOK_DIFFERS = "hook-differs"

    # what the root declares
    MEMBER_MISSING = "member-missing"
    MEMBER_STALE = "member-stale"
    MEMBER_PATTERN = "member-pattern"
    SOURCE_MISSING = "source-missing"
    SOURCE_STALE = "source-stale"
    DEV_GROUP_MISSING = "dev-group-missing"
    DEV_GROUP_STALE = "dev-group-stale"
    TOOL_PATH_MISSING = "tool-path-missing"
    TOOL_PATH_STALE = "tool-path-stale"

    # dependencies
    REQUIREMENT_UNREADABLE = "requirement-unreadable"
    REQUIREMENT_MISSING = "requirement-missing"
    REQUIREMENT_WEAKER = "requirement-weaker"
    REQUIREMENT_CONFLICT = "requirement-conflict"

    # imports
    SOURCE_UNPARSABLE = "source-unparsable"
    SHARED_IMPORTED_ABSOLUTELY = "shared-imported-absolutely"
    SHARED_IMPORTS_CONSUMER = "shared-imports-consumer"
    IMPORT_CLIMBS_OUT = "import-climbs-out"
    NEIGHBOUR_UNKNOWN = "neighbour-unknown"
    NEIGHBOUR_NOT_VENDORED = "neighbour-not-vendored"
    SHIPPED_IMPORTS_SHARED = "shipped-imports-shared"
    FOREIGN_COPY_IMPORTED = "foreign-copy-imported"

    # process-wide state
    MODULE_MUTABLE = "module-mutable"
    GLOBAL_STATEMENT = "global-statement"
    MODULE_MUTATED = "module-mutated"
    PROCESS_HOOK = "process-hook"
    LOGGING_CONFIGURED = "logging-configured"


@dataclass(frozen=True)
class VendoringFault(Fault):
    """A fault with what mends it; without a mend it is for a person, and `remedy` says how."""

    mend: Mend | None = None

    @property
    def advice(self) -> str:
        """What the reader of the line is to do."""
        return f"--fix mends it: {self.remedy}" if self.mend else self.remedy
