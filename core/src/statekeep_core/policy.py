"""What a store allows and keeps, and what every operation gets to work with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from statekeep_core.config import StateStore
    from statekeep_core.metastore.transaction import Transaction

DAY_US = 86_400 * 1_000_000


class Policy(NamedTuple):
    """The options of `[state_store]`, in the units that the store reckons in; 0 days means for ever."""

    max_value_bytes: int = 65_536
    default_retention_us: int = 30 * DAY_US
    abandoned_us: int = 365 * DAY_US
    asset_history_versions: int = 20
    clear_on_success: bool = False
    orphan_grace_us: int = 30 * DAY_US


def configured(kept: StateStore) -> Policy:
    """Return the policy that the settings ask for."""
    return Policy(
        max_value_bytes=kept.max_value_bytes,
        default_retention_us=kept.default_retention_days * DAY_US,
        abandoned_us=kept.abandoned_days * DAY_US,
        asset_history_versions=kept.asset_history_versions,
        clear_on_success=kept.clear_on_success,
        orphan_grace_us=kept.orphan_grace_days * DAY_US,
    )


class Work(NamedTuple):
    """The transaction that an operation runs in, and the policy that it keeps to."""

    tx: Transaction
    policy: Policy
