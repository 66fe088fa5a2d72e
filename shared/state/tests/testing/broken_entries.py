"""Broken backends: one entry, its address, and clearing.

Each has one fault, which some system shipped or which a plausible implementation has.
"""

from __future__ import annotations

import json
import posixpath
import re
import unicodedata
from typing import TYPE_CHECKING

from statekeep_shared.state.errors import ValueTooLargeError
from statekeep_shared.state.scope import TaskScope
from statekeep_shared.state.testing import Capabilities, MemoryStateBackend

from shared.state.tests.testing.shelf import caught_by

if TYPE_CHECKING:
    from statekeep_shared.state import StateScope
    from statekeep_shared.state.testing.memory import Address

LIMIT_BYTES = 1_000

# --- entries ---------------------------------------------------------------------------------------------


@caught_by("test_what_was_set_is_in_the_medium")
class AcknowledgesBeforeItIsKept(MemoryStateBackend):
    def __init__(self) -> None:
        super().__init__()
        self.cached = MemoryStateBackend()

    def set(self, scope: StateScope, key: str, value: str) -> None:
        self.cached.set(scope, key, value)

    def get(self, scope: StateScope, key: str) -> str | None:
        return self.cached.get(scope, key)


@caught_by("test_what_was_set_is_read_back_as_the_same_text")
class TakesFalsyForAbsent(MemoryStateBackend):
    def get(self, scope: StateScope, key: str) -> str | None:
        text = super().get(scope, key)
        return text if text is not None and json.loads(text) else None


@caught_by("test_what_was_set_is_read_back_as_the_same_text")
class SpellsValuesItsOwnWay(MemoryStateBackend):
    def set(self, scope: StateScope, key: str, value: str) -> None:
        super().set(scope, key, json.dumps(json.loads(value)))


@caught_by("test_a_second_set_replaces_the_first")
class KeepsTheFirstWrite(MemoryStateBackend):
    def set(self, scope: StateScope, key: str, value: str) -> None:
        if self.get(scope, key) is None:
            super().set(scope, key, value)


@caught_by("test_deleting_an_absent_key_has_no_effect")
class RaisesWhenDeletingTheAbsent(MemoryStateBackend):
    def delete(self, scope: StateScope, key: str) -> None:
        del self.medium[self.address_of(scope)][key]


@caught_by("test_a_deleted_key_is_absent_and_gone_from_the_medium")
class DeletesTheNewestVersionOnly(MemoryStateBackend):
    def __init__(self) -> None:
        super().__init__()
        self.earlier: dict[tuple[Address, str], str | None] = {}

    def set(self, scope: StateScope, key: str, value: str) -> None:
        self.earlier[self.address_of(scope), key] = self.get(scope, key)
        super().set(scope, key, value)

    def delete(self, scope: StateScope, key: str) -> None:
        super().delete(scope, key)
        earlier = self.earlier.pop((self.address_of(scope), key), None)
        if earlier is not None:
            super().set(scope, key, earlier)


@caught_by("test_a_deleted_key_is_absent_and_gone_from_the_medium")
class HidesWhatIsDeleted(MemoryStateBackend):
    def __init__(self) -> None:
        super().__init__()
        self.hidden: set[tuple[Address, str]] = set()

    def set(self, scope: StateScope, key: str, value: str) -> None:
        super().set(scope, key, value)
        self.hidden.discard((self.address_of(scope), key))

    def get(self, scope: StateScope, key: str) -> str | None:
        return None if (self.address_of(scope), key) in self.hidden else super().get(scope, key)

    def delete(self, scope: StateScope, key: str) -> None:
        self.hidden.add((self.address_of(scope), key))


@caught_by("test_a_deleted_key_can_be_set_again")
class LeavesATombstone(MemoryStateBackend):
    def __init__(self) -> None:
        super().__init__()
        self.buried: set[tuple[Address, str]] = set()

    def set(self, scope: StateScope, key: str, value: str) -> None:
        if (self.address_of(scope), key) not in self.buried:
            super().set(scope, key, value)

    def delete(self, scope: StateScope, key: str) -> None:
        super().delete(scope, key)
        self.buried.add((self.address_of(scope), key))


def _too_large(value: str) -> ValueTooLargeError:
    return ValueTooLargeError(
        what="value", size_bytes=len(value.encode()), limit_bytes=LIMIT_BYTES, remedy="keep less"
    )


@caught_by("test_a_large_value_is_kept_or_refused_as_declared", Capabilities(max_value_bytes=LIMIT_BYTES))
class OverwritesBeforeItRefuses(MemoryStateBackend):
    def set(self, scope: StateScope, key: str, value: str) -> None:
        super().set(scope, key, value)
        if len(value.encode()) > LIMIT_BYTES:
            raise _too_large(value)


@caught_by("test_a_large_value_is_kept_or_refused_as_declared", Capabilities(max_value_bytes=LIMIT_BYTES))
class CountsCharacters(MemoryStateBackend):
    def set(self, scope: StateScope, key: str, value: str) -> None:
        if len(value) > LIMIT_BYTES:
            raise _too_large(value)
        super().set(scope, key, value)


@caught_by("test_a_large_value_is_kept_or_refused_as_declared")
class TruncatesSilently(MemoryStateBackend):
    def set(self, scope: StateScope, key: str, value: str) -> None:
        super().set(scope, key, value[:65_536])


@caught_by("test_cleanup_leaves_what_is_live")
class CleansUpTheLiving(MemoryStateBackend):
    def cleanup(self) -> None:
        self.medium.clear()


# --- addresses -------------------------------------------------------------------------------------------


class _RenamesKeys(MemoryStateBackend):
    @staticmethod
    def renamed(key: str) -> str:
        raise NotImplementedError

    def get(self, scope: StateScope, key: str) -> str | None:
        return super().get(scope, self.renamed(key))

    def set(self, scope: StateScope, key: str, value: str) -> None:
        super().set(scope, self.renamed(key), value)

    def delete(self, scope: StateScope, key: str) -> None:
        super().delete(scope, self.renamed(key))


@caught_by("test_keys_are_compared_byte_for_byte")
class FoldsCase(_RenamesKeys):
    @staticmethod
    def renamed(key: str) -> str:
        return key.lower()


@caught_by("test_keys_are_compared_byte_for_byte")
class StripsKeys(_RenamesKeys):
    @staticmethod
    def renamed(key: str) -> str:
        return key.strip()


@caught_by("test_keys_are_compared_byte_for_byte")
class NormalisesKeys(_RenamesKeys):
    @staticmethod
    def renamed(key: str) -> str:
        return unicodedata.normalize("NFC", key)


@caught_by("test_keys_are_compared_byte_for_byte")
class TruncatesKeys(_RenamesKeys):
    @staticmethod
    def renamed(key: str) -> str:
        return key[:255]


@caught_by("test_keys_are_compared_byte_for_byte")
class TakesKeysForPaths(_RenamesKeys):
    @staticmethod
    def renamed(key: str) -> str:
        return posixpath.normpath(key)


@caught_by("test_no_character_of_a_key_means_anything")
class RefusesDots(MemoryStateBackend):
    def set(self, scope: StateScope, key: str, value: str) -> None:
        if ".." in key.split("/"):
            raise ValueError("the key escapes")
        super().set(scope, key, value)


@caught_by("test_every_field_of_a_task_scope_counts")
class JoinsNames(MemoryStateBackend):
    @staticmethod
    def address_of(scope: StateScope) -> Address:
        if isinstance(scope, TaskScope):
            return ("/".join([scope.dag_id, scope.run_id, scope.task_id]), scope.map_index)
        return MemoryStateBackend.address_of(scope)


@caught_by("test_every_field_of_a_task_scope_counts")
class IgnoresTheMapIndex(MemoryStateBackend):
    @staticmethod
    def address_of(scope: StateScope) -> Address:
        address = MemoryStateBackend.address_of(scope)
        return address[:-1] if isinstance(scope, TaskScope) else address


@caught_by("test_every_field_of_a_task_scope_counts")
class DeletesInAllMapIndices(MemoryStateBackend):
    def delete(self, scope: StateScope, key: str) -> None:
        address = self.address_of(scope)
        for other, entries in self.medium.items():
            if other[:-1] == address[:-1]:
                entries.pop(key, None)


@caught_by("test_tasks_and_assets_never_meet")
class HasADagCalledAssets(MemoryStateBackend):
    @staticmethod
    def address_of(scope: StateScope) -> Address:
        if isinstance(scope, TaskScope):
            return (scope.dag_id, scope.run_id, scope.task_id, scope.map_index)
        return ("assets", str(scope.name), str(scope.name), -1)

    def get(self, scope: StateScope, key: str) -> str | None:
        task = TaskScope("assets", key, key)
        found = super().get(scope, key)
        return super().get(task, key) if found is None and not isinstance(scope, TaskScope) else found


@caught_by("test_assets_never_meet")
class JoinsAssetAndKey(MemoryStateBackend):
    def _joined(self, scope: StateScope, key: str) -> str:
        return key if isinstance(scope, TaskScope) else f"{scope.name}/{key}"

    @staticmethod
    def address_of(scope: StateScope) -> Address:
        return MemoryStateBackend.address_of(scope) if isinstance(scope, TaskScope) else ("assets",)

    def get(self, scope: StateScope, key: str) -> str | None:
        return super().get(scope, self._joined(scope, key))

    def set(self, scope: StateScope, key: str, value: str) -> None:
        super().set(scope, self._joined(scope, key), value)


@caught_by(
    "test_an_asset_is_found_as_declared_and_refused_otherwise",
    Capabilities(asset_addresses=frozenset({"name", "uri"})),
)
class IgnoresAnUndeclaredAddress(MemoryStateBackend):
    """Does by an asset's id what it does by its name: keeps it in a place where nobody looks."""


@caught_by("test_an_asset_is_found_as_declared_and_refused_otherwise")
class KnowsAssetsByNameOnly(MemoryStateBackend):
    @staticmethod
    def address_of(scope: StateScope) -> Address:
        return (
            MemoryStateBackend.address_of(scope)
            if isinstance(scope, TaskScope)
            else ("asset", str(scope.name))
        )


@caught_by("test_an_asset_is_found_as_declared_and_refused_otherwise")
class TakesAssetZeroForNone(MemoryStateBackend):
    def set(self, scope: StateScope, key: str, value: str) -> None:
        if isinstance(scope, TaskScope) or scope.asset_id or scope.name or scope.uri:
            super().set(scope, key, value)


@caught_by("test_the_scope_of_another_vendored_copy_is_the_same_scope")
class KnowsItsOwnScopesOnly(MemoryStateBackend):
    @staticmethod
    def address_of(scope: StateScope) -> Address:
        if type(scope) is TaskScope:
            return MemoryStateBackend.address_of(scope)
        return ("asset", str(getattr(scope, "name", None)))


# --- clearing --------------------------------------------------------------------------------------------


@caught_by("test_clear_removes_every_key_of_the_scope")
class ClearsOnlyPlainKeys(MemoryStateBackend):
    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        del all_map_indices
        entries = self.medium.get(self.address_of(scope), {})
        for key in [key for key in entries if "/" not in key]:
            del entries[key]


@caught_by("test_clear_leaves_other_map_indices")
class ClearsAllMapIndicesAlways(MemoryStateBackend):
    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        super().clear(scope, all_map_indices=True)
        del all_map_indices


@caught_by("test_all_map_indices_clears_the_task_in_its_run_and_nothing_else")
class IgnoresAllMapIndices(MemoryStateBackend):
    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        super().clear(scope, all_map_indices=False)
        del all_map_indices


class _ClearsMatching(MemoryStateBackend):
    def matches(self, scope: TaskScope, address: Address, all_map_indices: bool) -> bool:
        raise NotImplementedError

    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        super().clear(scope)
        if isinstance(scope, TaskScope):
            for address in [
                a for a in self.medium if a[0] == "task" and self.matches(scope, a, all_map_indices)
            ]:
                del self.medium[address]


@caught_by("test_all_map_indices_clears_the_task_in_its_run_and_nothing_else")
class ClearsOtherRuns(_ClearsMatching):
    def matches(self, scope: TaskScope, address: Address, all_map_indices: bool) -> bool:
        return all_map_indices and (address[1], address[3]) == (scope.dag_id, scope.task_id)


@caught_by("test_clear_leaves_other_scopes")
class ClearsByPrefix(_ClearsMatching):
    def matches(self, scope: TaskScope, address: Address, all_map_indices: bool) -> bool:
        del all_map_indices
        return "/".join(map(str, address[1:4])).startswith(f"{scope.dag_id}/{scope.run_id}/{scope.task_id}")


@caught_by("test_a_name_that_looks_like_a_pattern_clears_only_itself")
class ClearsByPattern(_ClearsMatching):
    def matches(self, scope: TaskScope, address: Address, all_map_indices: bool) -> bool:
        pattern = re.escape(scope.task_id).replace("%", ".*").replace("_", ".")
        return all_map_indices and re.fullmatch(pattern, str(address[3])) is not None


@caught_by("test_all_map_indices_has_no_effect_on_an_asset")
class ClearsNoAssetWithAllMapIndices(MemoryStateBackend):
    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        if isinstance(scope, TaskScope) or not all_map_indices:
            super().clear(scope, all_map_indices=all_map_indices)


@caught_by("test_clearing_an_empty_scope_has_no_effect")
class RaisesWhenClearingTheEmpty(MemoryStateBackend):
    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        self.medium[self.address_of(scope)].clear()
        super().clear(scope, all_map_indices=all_map_indices)


@caught_by("test_a_cleared_scope_can_be_set_again")
class BringsBackWhatWasCleared(MemoryStateBackend):
    def __init__(self) -> None:
        super().__init__()
        self.cleared: dict[Address, dict[str, str]] = {}

    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        self.cleared[self.address_of(scope)] = dict(self.medium.get(self.address_of(scope), {}))
        super().clear(scope, all_map_indices=all_map_indices)

    def set(self, scope: StateScope, key: str, value: str) -> None:
        self.medium.setdefault(self.address_of(scope), self.cleared.pop(self.address_of(scope), {}))
        super().set(scope, key, value)
