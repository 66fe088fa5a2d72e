"""The most that each kind of request is answered with, known before it is asked of the store."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from statekeep_core._shared.state import messages as m
from statekeep_core.execution_api.state import (
    MAX_BATCH_OPERATIONS,
    MAX_BATCH_READ_BYTES,
    MAX_HISTORY_BYTES,
    MAX_LEFT_BYTES,
    MAX_PAGE_READ_BYTES,
    MAX_PAGE_ROWS,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from statekeep_core._shared.state.wire import Plain

# One row of whatever kind, without its value: its names, an object's reference and origin, in JSON.
ROW_BYTES = 48 * 1024
# One entry with a value of the default's limit. As many as there are connections may stand side by side.
SMALL_BYTES = ROW_BYTES + 65_536
# A field's name stands beside each text of what is left.
_LEFT_BYTES = 2 * MAX_LEFT_BYTES
_HAVE_A_VALUE = frozenset({m.Get.__name__, m.Increment.__name__, m.SetMax.__name__})


def _row(_: Plain, __: int) -> int:
    return ROW_BYTES


def _entry(_: Plain, max_value_bytes: int) -> int:
    return ROW_BYTES + max_value_bytes


def _clear(_: Plain, __: int) -> int:
    return ROW_BYTES + _LEFT_BYTES


def _batch(request: Plain, max_value_bytes: int) -> int:
    operations = _listed(request, "operations")
    values = sum(isinstance(each, dict) and str(each.get("kind")) in _HAVE_A_VALUE for each in operations)
    clears = any(isinstance(each, dict) and each.get("kind") == m.Clear.__name__ for each in operations)
    rows_bytes = min(len(operations), MAX_BATCH_OPERATIONS) * ROW_BYTES
    read_bytes = min(values * max_value_bytes, MAX_BATCH_READ_BYTES)
    return rows_bytes + read_bytes + (_LEFT_BYTES if clears else 0)


def _entries(request: Plain, max_value_bytes: int) -> int:
    # What is read to fill the page is more than the page.
    values_bytes = min(_rows(request) * max_value_bytes, MAX_PAGE_READ_BYTES + max_value_bytes)
    return _rows(request) * ROW_BYTES + (values_bytes if request.get("with_values") else 0)


def _history(request: Plain, max_value_bytes: int) -> int:
    values_bytes = min(_rows(request) * max_value_bytes, MAX_HISTORY_BYTES + max_value_bytes)
    return _rows(request) * ROW_BYTES + values_bytes


def _page(request: Plain, _: int) -> int:
    return _rows(request) * ROW_BYTES


def _started(request: Plain, _: int) -> int:
    declared = len(_listed(request, "inlets")) + len(_listed(request, "outlets"))
    return (1 + declared) * _NAMES_BYTES


def _condemned(request: Plain, _: int) -> int:
    return min(len(_listed(request, "storage_keys")), MAX_PAGE_ROWS) * _NAMES_BYTES


def _description(request: Plain, _: int) -> int:
    return MAX_PAGE_ROWS * _NAMES_BYTES if request.get("with_objects") else ROW_BYTES


# The names of one asset, a storage key or a backend's id: 3,000 characters of four bytes at most.
_NAMES_BYTES = 12 * 1024


def _rows(request: Plain) -> int:
    limit = request.get("limit", _DEFAULT_ROWS.get(request["kind"], 0))
    return min(limit, MAX_PAGE_ROWS) if isinstance(limit, int) and limit > 0 else 0


def _listed(request: Plain, name: str) -> list[object]:
    found = request.get(name)
    return found if isinstance(found, list) else []


_DEFAULT_ROWS = MappingProxyType(
    {
        kind.__name__: int(kind._field_defaults["limit"])
        for kind in (m.ListEntries, m.ListHistory, m.FetchDisposals, m.ListTries, m.ListAssets)
    }
)
# The most that each kind of request is answered with, given the limit on one value.
MOST_BYTES: MappingProxyType[str, Callable[[Plain, int], int]] = MappingProxyType(
    {
        m.Start.__name__: _started,
        m.Heartbeat.__name__: _row,
        m.Finish.__name__: _row,
        m.AddGrant.__name__: _row,
        m.Get.__name__: _entry,
        m.Set.__name__: _row,
        m.Delete.__name__: _row,
        m.Clear.__name__: _clear,
        m.Increment.__name__: _entry,
        m.SetMax.__name__: _entry,
        m.Batch.__name__: _batch,
        m.ListEntries.__name__: _entries,
        m.ListHistory.__name__: _history,
        m.FetchDisposals.__name__: _page,
        m.AcknowledgeDisposals.__name__: _row,
        m.Condemn.__name__: _condemned,
        m.SweepStep.__name__: _row,
        m.DescribeStore.__name__: _description,
        m.Rewind.__name__: _row,
        m.ListTries.__name__: _page,
        m.ListAssets.__name__: _page,
        m.FindAsset.__name__: _row,
        m.Deactivate.__name__: _row,
        m.Restore.__name__: _row,
    }
)
