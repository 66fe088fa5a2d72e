"""The life of a try: start, heartbeat, one more grant, finish."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from statekeep_core import retention
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state import rules, wire
from statekeep_core._shared.state.errors import (
    AlreadySucceededError,
    ForbiddenError,
    InvalidRequestError,
    StatekeepError,
    SupersededError,
    TryFinishedError,
    TryRunningError,
    UnauthenticatedError,
)
from statekeep_core.metastore import assets, audit_log, replies, staging, task_entries, tries

from .caller import TryCaller, describe

if TYPE_CHECKING:
    from statekeep_core.metastore.transaction import Transaction
    from statekeep_core.policy import Work

_LONGEST_LEASE_SECONDS = 86_400
_MOST_SECRETS = 20
_LONGEST_SECRET = 64


def start(work: Work, claims: m.WorkerClaims, request: m.Start) -> m.Started:
    """Make a new try the current one: supersede the one before, drop what it had staged, grant the assets.

    Raises :class:`TryRunningError` while another try's lease is live and the caller neither holds the
    instance's lock nor gives the secret under which that try began, and :class:`AlreadySucceededError`
    after a success unless ``rerun``.
    """
    if not isinstance(claims, m.WorkerClaims):
        raise ForbiddenError(what="start of a try", problem="it needs a worker's claims")
    rules.check_task(*request.task)
    if request.fresh and not request.rerun:
        raise _refused(
            "fresh", "was given without rerun", "give both, to run a finished task again from nothing"
        )
    _check_secrets(request)
    tx = work.tx
    lease_in_us = lease_us(request.lease_seconds)
    instance = _instance(tx, request.task)
    tx.locks.hold_try(instance.instance_id, instance.current_try_number)
    retention.drop_expired(tx, work.policy, instance)
    previous = tries.find(tx, instance.instance_id, instance.current_try_number)
    if previous is not None:
        _make_way(tx, instance.instance_id, previous, request)
    if request.fresh:
        task_entries.clear(tx, instance.instance_id)
    try_number = instance.current_try_number + 1
    digest = _digest_of(request.holder) if request.holder else None
    tries.begin(tx, instance.instance_id, try_number, request.supervisor, lease_in_us, digest)
    _grant_all(tx, instance.instance_id, try_number, request)
    return m.Started(
        instance_id=instance.instance_id,
        ti_id=instance.ti_id,
        try_number=try_number,
        lease_seconds=request.lease_seconds,
        grants=assets.grants(tx, instance.instance_id, try_number),
        previous_status=None if previous is None else previous.status,
        max_value_bytes=work.policy.max_value_bytes,
        store_id=tx.store_id(),
    )


def _instance(tx: Transaction, task: m.TaskAddress) -> tries.InstanceRecord:
    found = tries.find_instance(tx, task)
    return found or tries.create_instance(tx, task)


def _make_way(tx: Transaction, instance_id: int, previous: tries.TryRecord, request: m.Start) -> None:
    """Let go of the try before, or refuse the new one because of it."""
    if previous.status == "running":
        lease_left_us = previous.lease_left_us(tx.now)
        if lease_left_us and not request.holds_lock and not _is_proved_gone(previous, request):
            raise TryRunningError(
                task=describe(request.task),
                try_number=previous.try_number,
                lease_seconds=lease_left_us / 1_000_000,
                holder=previous.supervisor,
            )
        reason = f"not finished when try {previous.try_number + 1} began"
        tries.end(tx, instance_id, previous.try_number, status="superseded", reason=reason)
        staging.drop(tx, instance_id, previous.try_number)
    elif previous.status == "succeeded" and not request.rerun:
        raise AlreadySucceededError(
            task=describe(request.task),
            try_number=previous.try_number,
            finished_at=_rfc3339(previous.finished_at or 0),
        )


def _is_proved_gone(running: tries.TryRecord, request: m.Start) -> bool:
    """Return whether the caller found in its lock the secret of the running try's supervisor."""
    return running.holder_digest in {_digest_of(secret) for secret in request.holds_lock_of}


def _digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _check_secrets(request: m.Start) -> None:
    secrets = (request.holder, *request.holds_lock_of)
    if len(secrets) > _MOST_SECRETS or any(len(secret) > _LONGEST_SECRET for secret in secrets):
        raise _refused(
            "holder or holds_lock_of",
            f"has more than {_MOST_SECRETS} secrets in all, or one of more than {_LONGEST_SECRET} characters",
            "send what was found in the lock's file",
        )


def _grant_all(tx: Transaction, instance_id: int, try_number: int, request: m.Start) -> None:
    # Outlets last: an asset that is both an inlet and an outlet ends up writable.
    for writable, addresses in ((False, request.inlets), (True, request.outlets)):
        for address in addresses:
            asset = assets.declare(tx, address, new_asset=request.new_asset)
            assets.grant(tx, instance_id, try_number, asset.asset_id, writable)


def heartbeat(work: Work, caller: TryCaller, request: m.Heartbeat) -> m.LeaseRenewed:
    """Renew the lease; one that has run out is renewed as well, as long as nobody has taken over."""
    lease_in_us = lease_us(request.lease_seconds)
    tries.renew_lease(work.tx, caller.instance_id, caller.try_number, lease_in_us)
    return m.LeaseRenewed(request.lease_seconds)


def add_grant(work: Work, caller: TryCaller, request: m.AddGrant) -> m.Grant:
    """Declare one more asset for the caller's try; a grant to write stays one. Audited."""
    asset = assets.declare(work.tx, request.asset, new_asset=False)
    already = assets.granted(work.tx, caller.instance_id, caller.try_number, asset.asset_id)
    writable = request.writable or bool(already)
    assets.grant(work.tx, caller.instance_id, caller.try_number, asset.asset_id, writable)
    audit_log.add(work.tx, caller.writer, "grant_write" if writable else "grant_read", asset.asset_id)
    return m.Grant(asset.asset_id, asset.name, asset.uri, writable)


def finish(work: Work, claims: m.TryClaims, request: m.Finish) -> m.Finished | m.Refusal:
    """Record the outcome; apply what is staged on success, drop it otherwise. Asked again, answers the same.

    When a staged operation can no longer be applied (its condition does not hold, its asset was deactivated),
    none is, the try has failed, and the refusal is the *answer*, not a raised error: raising would undo the
    record of the failure.
    Raises :class:`SupersededError` when a later try has started, and :class:`TryFinishedError` when the store
    was restored or copied meanwhile.
    """
    tx = work.tx
    tx.locks.hold_instance(claims.instance_id)
    tx.locks.hold_try(claims.instance_id, claims.try_number)
    record = tries.find(tx, claims.instance_id, claims.try_number)
    if record is None:
        raise UnauthenticatedError(problem="the try is not known to this store", remedy="start a try first")
    if claims.try_number != record.current_try_number:
        raise SupersededError(
            task=describe(record.task),
            try_number=claims.try_number,
            current_try_number=record.current_try_number,
        )
    if record.status == "superseded":  # by no other try: the store was renewed
        raise TryFinishedError(task=describe(record.task), try_number=claims.try_number, status=record.status)
    if record.finish_reply is not None:
        return replies.load(record.finish_reply)  # type: ignore[no-any-return]  # what finish dumped below
    caller = TryCaller(claims.instance_id, claims.try_number, record.task, record.ti_id)
    reply = _outcome(work, caller, request)
    succeeded = isinstance(reply, m.Finished) and reply.status == "succeeded"
    staging.drop(tx, claims.instance_id, claims.try_number)
    if succeeded and work.policy.clear_on_success:
        task_entries.clear(tx, claims.instance_id)
    tries.end(
        tx,
        claims.instance_id,
        claims.try_number,
        status="succeeded" if succeeded else "failed",
        exit_status=request.exit_status,
        reason=f"{reply.code} at finish" if isinstance(reply, m.Refusal) else request.reason,
        finish_reply=replies.dump(reply),
    )
    return reply


def _outcome(work: Work, caller: TryCaller, request: m.Finish) -> m.Finished | m.Refusal:
    if not request.succeeded:
        return m.Finished("failed")
    try:
        with work.tx.savepoint():
            applied = staging.apply(
                work.tx,
                caller.instance_id,
                caller.try_number,
                caller.writer,
                work.policy.asset_history_versions,
            )
    except StatekeepError as error:
        return wire.refusal_of(error)
    return m.Finished("succeeded", applied)


def lease_us(lease_seconds: float) -> int:
    """Return a lease in microseconds. Raises :class:`InvalidRequestError` outside the limits."""
    if not 0 < lease_seconds <= _LONGEST_LEASE_SECONDS:
        raise _refused(
            "lease",
            f"is {lease_seconds:g} s, outside the limit of {_LONGEST_LEASE_SECONDS:,} s",
            "ask for a lease of more than 0 s within it",
        )
    return int(lease_seconds * 1_000_000)


def _refused(what: str, problem: str, remedy: str) -> InvalidRequestError:
    return InvalidRequestError(what=what, problem=problem, remedy=remedy)


def _rfc3339(instant_us: int) -> str:
    # Only a refusal says an instant, and a supervised run starts 3 ms sooner without the import.
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(instant_us / 1_000_000, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
