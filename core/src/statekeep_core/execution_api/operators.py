"""What only people ask, outside any try: what ran, which assets there are, and setting them right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import InvalidRequestError, NotFoundError, UnsupportedError
from statekeep_core._shared.state.rules import check_asset, check_key
from statekeep_core.metastore import asset_entries, asset_history, assets, audit_log, try_rows
from statekeep_core.metastore.asset_entries import Ledger
from statekeep_core.metastore.task_entries import Tenure

from . import targets
from .state import MAX_PAGE_ROWS, stamp_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from statekeep_core.policy import Work

    from .caller import OperatorCaller


def rewind(work: Work, caller: OperatorCaller, request: m.Rewind) -> m.Written:
    """Set an asset's entry to the value that a kept version had, under a new version.

    Raises :class:`NotFoundError` when the version is not kept, :class:`InvalidRequestError` when it is one
    that left no value, and :class:`UnsupportedError` when a plain backend has overwritten the value since.
    """
    check_key(request.key)
    asset = targets.resolve(work, caller, request.target, targets.REMOVE)
    if isinstance(asset, Tenure):
        raise _refused("rewind", "is for assets only, task state keeps no history", "name an asset")
    kept = asset_history.content_at(work.tx, asset.asset_id, request.key, request.version)
    if kept is None:
        raise NotFoundError(
            what=f"version {request.version} of {request.key!r} in the history of {asset.label}"
        )
    change, content = kept
    if content is None and change in ("set", "rewind"):
        raise UnsupportedError(
            what=f"rewinding {request.key!r} to version {request.version}",
            problem="its value went to a plain backend, which keeps no earlier ones",
        )
    if content is None:
        problem = f"is a {change}, which left no value"
        raise _refused(f"version {request.version} of {request.key!r}", problem, "delete the key instead")
    ledger = Ledger(asset.asset_id, stamp_of(caller), work.policy.asset_history_versions)
    return m.Written(asset_entries.put(work.tx, ledger, request.key, content, None, "rewind"))


def list_tries(work: Work, _: OperatorCaller, request: m.ListTries) -> m.Tries:
    """Return tries, newest first; one whose lease ran out is shown as lapsed."""
    names = (request.dag_id, request.run_id, request.task_id, request.map_index)
    return m.Tries(try_rows.newest(work.tx, names, _limit(request.limit)))


def list_assets(work: Work, _: OperatorCaller, request: m.ListAssets) -> m.Assets:
    """Return assets in the order of their names; those that are out of use on request."""
    found = assets.rows(work.tx, _limit(request.limit), include_inactive=request.include_inactive)
    return m.Assets(found)


def find_asset(work: Work, _: OperatorCaller, request: m.FindAsset) -> m.AssetRow:
    """Return one active asset by its name or uri.

    Raises :class:`NotFoundError`, and :class:`AssetInactiveError` when only a deactivated one has it.
    """
    return assets.row(work.tx, targets.named_asset(work.tx, request.asset).asset_id)


def deactivate(work: Work, caller: OperatorCaller, request: m.Deactivate) -> m.Done:
    """Take an asset out of use; nobody writes it any more. Done again, it is done. Audited."""
    check_asset(name=request.asset.name, uri=request.asset.uri)
    work.tx.locks.hold_asset_names()
    asset = assets.find_active(work.tx, request.asset)
    if asset is not None:
        assets.deactivate(work.tx, asset.asset_id)
        audit_log.add(work.tx, caller.writer, "deactivate", asset.asset_id)
    elif assets.find_inactive(work.tx, request.asset) is None:
        raise _unknown(request.asset)
    return m.Done()


def restore(work: Work, caller: OperatorCaller, request: m.Restore) -> m.Done:
    """Bring back the asset under this name that was deactivated last. Done again, it is done. Audited.

    Raises :class:`InvalidRequestError` when an active asset has its name or uri by now, and
    :class:`NotFoundError` when there is none, or the sweep has taken it.
    """
    check_asset(name=request.asset.name, uri=request.asset.uri)
    work.tx.locks.hold_asset_names()
    inactive = assets.find_inactive(work.tx, request.asset)
    if inactive is not None:
        assets.restore(work.tx, inactive)
        audit_log.add(work.tx, caller.writer, "restore", inactive.asset_id)
    elif assets.find_active(work.tx, request.asset) is None:
        raise _unknown(request.asset)
    return m.Done()


def _unknown(address: m.AssetAddress) -> NotFoundError:
    return NotFoundError(what=f"asset {address.name or address.uri}")


def _limit(limit: int) -> int:
    if limit < 1:
        raise _refused("list", f"has a limit of {limit}", "ask for 1 or more")
    return min(limit, MAX_PAGE_ROWS)


def _refused(what: str, problem: str, remedy: str) -> InvalidRequestError:
    return InvalidRequestError(what=what, problem=problem, remedy=remedy)


HANDLERS: dict[type, Callable[[Work, Any, Any], Any]] = {
    m.Rewind: rewind,
    m.ListTries: list_tries,
    m.FindAsset: find_asset,
    m.ListAssets: list_assets,
    m.Deactivate: deactivate,
    m.Restore: restore,
}
