"""Whether there is a driver for PostgreSQL; only who uses one imports it."""

from __future__ import annotations

from statekeep_core._shared.state.errors import UnsupportedError


def require_driver() -> None:
    """Raise :class:`UnsupportedError`, which names the extra, unless the driver can be imported."""
    try:
        import psycopg  # noqa: F401 -- whether it can be
    except ImportError as error:  # psycopg without libpq raises one, too
        raise UnsupportedError(
            what="a store on PostgreSQL",
            problem="its driver is missing; pip install 'statekeep-core[postgres]'",
        ) from error
