"""What comes late changes nothing: what a try has asked for and given up since.

A try numbers the sendings of its changes. With the next one after an outcome that it does not know, a
repetition mostly, it raises its *floor* above the lost one's number, in the transaction of that change; from
then on the lost one is refused, unless it is recorded that it was done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from statekeep_core._shared.state.errors import OvertakenError
from statekeep_core._shared.state.messages import TryClaims
from statekeep_core.metastore import tries

if TYPE_CHECKING:
    from statekeep_core._shared.state.messages import Claims
    from statekeep_core._shared.state.sendings import Sending
    from statekeep_core.metastore.transaction import Transaction

    from .caller import Caller


def raise_floor(tx: Transaction, claims: Claims, sending: Sending | None) -> None:
    """Let no sending of the try below the given floor have an effect, when this transaction has."""
    if sending is not None and sending.floor and isinstance(claims, TryClaims):
        tx.locks.hold_try(claims.instance_id, claims.try_number)
        tries.raise_sending_floor(tx, claims.instance_id, claims.try_number, sending.floor)


def refuse_overtaken(caller: Caller, sending: Sending | None) -> None:
    """Raise :class:`OvertakenError` for a sending that its try has given up. Without a number none has."""
    floor = getattr(caller, "sending_floor", 0)
    if sending is not None and sending.number < floor:
        raise OvertakenError(number=sending.number, floor=floor)
