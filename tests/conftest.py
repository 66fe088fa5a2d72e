"""The order of the whole run: a broken rule shows in seconds, before anything is started, built or killed."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
