"""What a request is about: a task instance or an asset that its caller may read, or write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from statekeep_core import retention
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state import rules
from statekeep_core._shared.state.errors import (
    AssetInactiveError,
    AssetNotDeclaredError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
)
from statekeep_core._shared.state.messages import AssetAddress, TaskAddress
from statekeep_core.metastore import assets, tries
from statekeep_core.metastore.assets import AssetRecord
from statekeep_core.metastore.task_entries import Tenure

from .caller import TryCaller, describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from statekeep_core._shared.state.messages import Target
    from statekeep_core.metastore.transaction import Transaction
    from statekeep_core.policy import Work

    from .caller import Caller


class Access(NamedTuple):
    """What the caller wants to do: whether it writes, and whether a write makes a missing task instance."""

    writes: bool
    creates: bool = False


READ = Access(writes=False)
REMOVE = Access(writes=True)
WRITE = Access(writes=True, creates=True)

Resolved = Tenure | AssetRecord


def resolve(
    work: Work, caller: Caller, target: Target, access: Access, *, is_staged: bool = False
) -> Resolved:
    """Return the task instance or the asset that the target means for this caller.

    A try addresses its own state with None, and an asset that it declared by id; an operator addresses by
    names, and an asset by id too. Raises :class:`AssetNotDeclaredError`, :class:`AssetInactiveError`,
    :class:`NotFoundError`, :class:`ForbiddenError`, or :class:`InvalidRequestError` for another address.
    """
    if isinstance(caller, TryCaller):
        return _of_a_try(work.tx, caller, target, access, is_staged=is_staged)
    return _of_an_operator(work, target, access)


def _of_a_try(
    tx: Transaction, caller: TryCaller, target: Target, access: Access, *, is_staged: bool
) -> Resolved:
    if target is None or target == caller.task:
        # Nothing of a running try expires by default, so there is nothing to look up.
        return Tenure(caller.instance_id, caller.task)
    if isinstance(target, TaskAddress):
        raise ForbiddenError(
            what=f"state of {describe(target)}", problem=f"this is a try of {describe(caller.task)}"
        )
    if not isinstance(target, int):
        raise InvalidRequestError(
            what="asset in a try's request",
            problem="is not given by its id",
            remedy="send the id from the try's grants",
        )
    if access.writes and not is_staged:  # what is staged changes the asset later, and waits for nobody now
        tx.locks.hold_assets([target])
    found = assets.find_granted(tx, caller.instance_id, caller.try_number, target)
    if found is None:
        raise AssetNotDeclaredError(asset=f"#{target}", needed="outlet" if access.writes else "inlet")
    if access.writes and not found.writable:
        raise AssetNotDeclaredError(asset=found.asset.label, needed="outlet")
    return _usable(found.asset, access)


def _of_an_operator(work: Work, target: Target, access: Access) -> Resolved:
    if isinstance(target, TaskAddress):
        return _task(work, target, access)
    if isinstance(target, AssetAddress):
        return named_asset(work.tx, target)
    if target is not None:
        asset = assets.by_id(work.tx, target)
        if asset is None:
            raise NotFoundError(what=f"asset #{target}")
        return _usable(asset, access)
    raise InvalidRequestError(
        what="request outside any try",
        problem="names no task and no asset",
        remedy="name one (--dag, --run and --task, or an asset)",
    )


def _usable(asset: AssetRecord, access: Access) -> AssetRecord:
    if access.writes and not asset.is_active:
        raise AssetInactiveError(asset=asset.label)
    return asset


def _task(work: Work, task: TaskAddress, access: Access) -> Tenure:
    rules.check_task(*task)
    instance = tries.find_instance(work.tx, task)
    if instance is None:
        if not access.creates:
            raise NotFoundError(what=f"task instance {describe(task)}")
        instance = tries.create_instance(work.tx, task)
    work.tx.locks.hold_try(instance.instance_id, instance.current_try_number)
    return retention.tenure_of(work.tx, work.policy, instance)


def named_asset(tx: Transaction, address: AssetAddress) -> AssetRecord:
    """Return the active asset that a person names.

    Raises :class:`AssetInactiveError` when only a deactivated one has the name, and :class:`NotFoundError`.
    """
    rules.check_asset(name=address.name, uri=address.uri)
    asset = assets.find_active(tx, address)
    if asset is not None:
        return asset
    inactive = assets.find_inactive(tx, address)
    if inactive is not None:
        raise AssetInactiveError(asset=inactive.label)
    raise NotFoundError(what=f"asset {address.name or address.uri}")


def hold(tx: Transaction, caller: Caller, requests: Sequence[Any]) -> None:
    """Hold all that several requests write or read, so that their reads are one cut: nobody changes it now.

    In the order that keeps two callers from waiting for each other. A task instance that does not exist yet
    is held when a write makes it, and a read of it is refused. Reads alone hold nothing: they have one
    snapshot.
    """
    if not tx.is_shared or not any(hasattr(request, "apply_now") for request in requests):
        return
    touched = {request.target for request in requests if not _only_adds_to_staging(caller, request)}
    numbered = {target for target in touched if isinstance(target, int)}
    if not isinstance(caller, TryCaller):
        _hold_tasks(tx, [target for target in touched if isinstance(target, TaskAddress)])
        named = [target for target in touched if isinstance(target, AssetAddress)]
        if named:
            tx.locks.hold_asset_names()  # or what they name could change before it is held
        found = [assets.find_active(tx, target, held=False) for target in named]
        numbered |= {asset.asset_id for asset in found if asset is not None}
    tx.locks.hold_assets(sorted(numbered))


def _only_adds_to_staging(caller: Caller, request: Any) -> bool:
    """Return whether the request stages a write whatever stands, so that it need not wait for anybody."""
    return (
        isinstance(caller, TryCaller)
        and isinstance(request, m.Set)
        and not request.apply_now
        and request.if_version is None
        and not request.if_absent
    )


def _hold_tasks(tx: Transaction, tasks: list[TaskAddress]) -> None:
    found = [tries.number_of(tx, task) for task in tasks]
    instances = sorted(instance_id for instance_id in found if instance_id is not None)
    for instance_id in instances:
        tx.locks.hold_instance(instance_id)
    for instance_id in instances:
        tx.locks.hold_try(instance_id, tries.current_number(tx, instance_id))
