"""From a retention to the instant of expiry."""

import pytest
from statekeep_core.metastore.expiry import expires_at


@pytest.mark.parametrize(
    ("retention", "expected"),
    [(None, None), ("never", None), (10, 1_010_000_000), (0.001, 1_000_001_000), (1.1, 1_001_100_000)],
)
def test_a_retention_is_reckoned_from_now(retention: float | str | None, expected: int | None) -> None:
    assert expires_at(retention, 1_000_000_000) == expected
