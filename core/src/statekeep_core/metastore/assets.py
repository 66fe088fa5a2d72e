"""Assets by name, uri and id, and which try may read or write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from statekeep_core._shared.state.errors import AssetInactiveError, InvalidRequestError
from statekeep_core._shared.state.messages import AssetAddress, AssetRow, Grant
from statekeep_core._shared.state.rules import check_asset

if TYPE_CHECKING:
    from .transaction import Row, Transaction


class AssetRecord(NamedTuple):
    """An asset as the store has it."""

    asset_id: int
    name: str | None
    uri: str | None
    is_active: bool = True

    @property
    def label(self) -> str:
        """What people call it: its canonical name, or its uri when it has none."""
        return self.uri or f"#{self.asset_id}" if self.name is None else self.name


class GrantedAsset(NamedTuple):
    """An asset that a try has declared, and whether as an outlet."""

    asset: AssetRecord
    writable: bool


_SELECT = "SELECT asset_id, name, uri, deactivated_at IS NULL FROM assets"
_ACTIVE_BY = {
    "name": _SELECT + " WHERE name = ? AND deactivated_at IS NULL",
    "uri": _SELECT + " WHERE uri = ? AND deactivated_at IS NULL",
}
_INACTIVE_BY = {
    field: f"{_SELECT} WHERE {field} = ? AND deactivated_at IS NOT NULL AND swept_at IS NULL"
    " ORDER BY deactivated_at DESC, asset_id DESC"
    for field in ("name", "uri")
}


def _record(row: Row) -> AssetRecord:
    return AssetRecord(row[0], row[1], row[2], bool(row[3]))


# --- finding ---------------------------------------------------------------------------------------------
# What is returned is held in a transaction that writes: nobody else writes it, or takes it out of use.


def by_id(tx: Transaction, asset_id: int) -> AssetRecord | None:
    """Return an asset, active or not."""
    row = tx.row(f"{_SELECT} WHERE asset_id = ?{tx.held}", (asset_id,))
    return None if row is None else _record(row)


def find_active(tx: Transaction, address: AssetAddress, *, held: bool = True) -> AssetRecord | None:
    """Return the active asset that the address names, or None.

    Raises :class:`InvalidRequestError` when the name and the uri belong to different assets.
    """
    lock = tx.held if held else ""
    found = [
        _record(row) for field, text in _given(address) for row in tx.rows(_ACTIVE_BY[field] + lock, (text,))
    ]
    if not found:
        return None
    asset = found[0]
    if any(other.asset_id != asset.asset_id for other in found) or _contradicts(address, asset):
        raise _mismatch(address)
    return asset


def find_inactive(tx: Transaction, address: AssetAddress) -> AssetRecord | None:
    """Return the asset under the name or uri that was deactivated last and is not swept yet, or None."""
    for field, text in _given(address):
        row = tx.row(_INACTIVE_BY[field] + tx.held, (text,))
        if row is not None:
            return _record(row)
    return None


def _given(address: AssetAddress) -> list[tuple[str, str]]:
    return [
        (field, text) for field, text in (("name", address.name), ("uri", address.uri)) if text is not None
    ]


def _contradicts(address: AssetAddress, asset: AssetRecord) -> bool:
    """Return whether the asset has another name or uri than the address says; having none is no other."""
    return any(
        text is not None and own is not None and text != own
        for text, own in ((address.name, asset.name), (address.uri, asset.uri))
    )


def _mismatch(address: AssetAddress) -> InvalidRequestError:
    return InvalidRequestError(
        what=f"asset with name {address.name!r} and uri {address.uri!r}",
        problem="names two different assets",
        remedy="give the name and the uri of one asset, or one of the two",
    )


# --- declaring and granting ------------------------------------------------------------------------------


def declare(tx: Transaction, address: AssetAddress, *, new_asset: bool) -> AssetRecord:
    """Return the active asset that the address names; create it when nobody has declared it before.

    An asset that had only one of name and uri gets the other from the first address that has both.
    Raises :class:`InvalidRequestError` when the name and the uri belong to different assets, and
    :class:`AssetInactiveError` when one of them is an inactive asset's, unless ``new_asset``.
    """
    check_asset(name=address.name, uri=address.uri)
    asset = find_active(tx, address, held=False)
    if asset is not None and address.name in (None, asset.name) and address.uri in (None, asset.uri):
        return asset
    tx.locks.hold_asset_names()
    if tx.is_shared:
        asset = find_active(tx, address, held=False)
    inactive = None if new_asset else _inactive_claim(tx, address, asset)
    if inactive is not None:
        raise AssetInactiveError(asset=inactive.label)
    return _create(tx, address) if asset is None else _complete(tx, asset, address)


def _inactive_claim(tx: Transaction, address: AssetAddress, asset: AssetRecord | None) -> AssetRecord | None:
    """Return the inactive asset that what the address adds to the active one belongs to, if any."""
    name, uri = (None, None) if asset is None else (asset.name, asset.uri)
    added = AssetAddress(None if name else address.name, None if uri else address.uri)
    return find_inactive(tx, added)


def _create(tx: Transaction, address: AssetAddress) -> AssetRecord:
    [(asset_id,)] = tx.rows(
        "INSERT INTO assets (name, uri, created_at) VALUES (?, ?, ?) RETURNING asset_id",
        (address.name, address.uri, tx.now.wall_us),
    )
    return AssetRecord(asset_id, address.name, address.uri)


def _complete(tx: Transaction, asset: AssetRecord, address: AssetAddress) -> AssetRecord:
    completed = asset._replace(name=asset.name or address.name, uri=asset.uri or address.uri)
    tx.run(
        "UPDATE assets SET name = ?, uri = ? WHERE asset_id = ?",
        (completed.name, completed.uri, asset.asset_id),
    )
    return completed


def grant(tx: Transaction, instance_id: int, try_number: int, asset_id: int, writable: bool) -> None:
    """Let a try read the asset, and write it if ``writable``. A grant to write is never taken back."""
    tx.run(
        "INSERT INTO asset_grants (instance_id, try_number, asset_id, writable) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (instance_id, try_number, asset_id) DO UPDATE SET writable ="
        " CASE WHEN excluded.writable = 1 THEN 1 ELSE asset_grants.writable END",
        (instance_id, try_number, asset_id, int(writable)),
    )


def granted(tx: Transaction, instance_id: int, try_number: int, asset_id: int) -> bool | None:
    """Return whether the try may write the asset; None when it may not even read it."""
    found = find_granted(tx, instance_id, try_number, asset_id)
    return None if found is None else found.writable


def find_granted(tx: Transaction, instance_id: int, try_number: int, asset_id: int) -> GrantedAsset | None:
    """Return an asset that the try has declared, or None."""
    row = tx.row(
        "SELECT a.asset_id, a.name, a.uri, a.deactivated_at IS NULL, g.writable"
        " FROM asset_grants g JOIN assets a USING (asset_id)"
        " WHERE g.instance_id = ? AND g.try_number = ? AND g.asset_id = ?",
        (instance_id, try_number, asset_id),
    )
    return None if row is None else GrantedAsset(_record(row), bool(row[4]))


def grants(tx: Transaction, instance_id: int, try_number: int) -> tuple[Grant, ...]:
    """Return every asset that the try has declared, in the order of their ids."""
    rows = tx.rows(
        "SELECT a.asset_id, a.name, a.uri, g.writable FROM asset_grants g JOIN assets a USING (asset_id)"
        " WHERE g.instance_id = ? AND g.try_number = ? ORDER BY a.asset_id",
        (instance_id, try_number),
    )
    return tuple(Grant(row[0], row[1], row[2], bool(row[3])) for row in rows)


# --- for people ------------------------------------------------------------------------------------------


def deactivate(tx: Transaction, asset_id: int) -> None:
    """Take an active asset out of use; its name and uri are free, its state stays until the sweep."""
    tx.run("UPDATE assets SET deactivated_at = ? WHERE asset_id = ?", (tx.now.wall_us, asset_id))


def restore(tx: Transaction, asset: AssetRecord) -> None:
    """Bring an inactive asset back.

    Raises :class:`InvalidRequestError` when an active asset has its name or uri by now.
    """
    for field, text in _given(AssetAddress(asset.name, asset.uri)):
        if tx.row(_ACTIVE_BY[field], (text,)) is not None:
            raise InvalidRequestError(
                what=f"asset {asset.label}",
                problem=f"cannot be restored, since an active asset has its {field} now",
                remedy="deactivate that one first",
            )
    tx.run("UPDATE assets SET deactivated_at = NULL WHERE asset_id = ?", (asset.asset_id,))


_WITH_CONTENTS = (
    "SELECT a.asset_id, a.name, a.uri, a.deactivated_at IS NULL, count(e.key), max(e.updated_at)"
    " FROM assets a LEFT JOIN asset_entries e"
    " ON e.asset_id = a.asset_id AND (e.expires_at IS NULL OR e.expires_at > ?)"
    " WHERE {} GROUP BY a.asset_id ORDER BY coalesce(a.name, a.uri), a.asset_id LIMIT ?"
)
_LISTED = _WITH_CONTENTS.format("a.deactivated_at IS NULL OR (? = 1 AND a.swept_at IS NULL)")
_ONE = _WITH_CONTENTS.format("a.asset_id = ?")


def row(tx: Transaction, asset_id: int) -> AssetRow:
    """Return an asset that exists, with how much it holds."""
    [found] = tx.rows(_ONE, (tx.now.wall_us, asset_id, 1))
    return _asset_row(found)


def rows(tx: Transaction, limit: int, *, include_inactive: bool) -> tuple[AssetRow, ...]:
    """Return assets in the order of their names (uris where there is none), with how much they hold."""
    found = tx.rows(_LISTED, (tx.now.wall_us, int(include_inactive), limit))
    return tuple(map(_asset_row, found))


def _asset_row(row: Row) -> AssetRow:
    return AssetRow(row[0], row[1], row[2], bool(row[3]), row[4], row[5])
