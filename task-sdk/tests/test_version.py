"""The version is a constant in the code, and the same as the installed distribution's."""

from importlib.metadata import version

import statekeep


def test_the_version_is_the_distributions() -> None:
    assert statekeep.__version__ == version("statekeep")
