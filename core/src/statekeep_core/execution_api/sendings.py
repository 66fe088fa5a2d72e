"""What comes late changes nothing: a try's plain writes of its own state, of which no record is kept.

A try numbers its sendings. Before it repeats one whose outcome it does not know, it raises its *floor* above
that one's number, in the transaction of the repetition; from then on the earlier one is refused.
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
