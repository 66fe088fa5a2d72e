"""The version of the installed package."""

from __future__ import annotations


def version() -> str:
    """Return it, as the installation records it."""
    from importlib.metadata import version as installed_version  # 40 ms, and only where it is asked for

    return installed_version("statekeep")
