"""An outage is said once when it lasts, and once when it is over."""

from __future__ import annotations

import pytest
from statekeep.client import outage
from statekeep.client.outage import Outage


def test_a_short_one_is_nobodys_concern() -> None:
    said: list[str] = []
    one = Outage(said.append, 300)
    one.goes_on("refused")
    one.goes_on("refused")
    one.is_over()
    assert said == []


def test_a_long_one_is_said_once_and_its_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "_UNSAID_SECONDS", 0.0)
    said: list[str] = []
    one = Outage(said.append, 300)
    for _ in range(2):
        one.goes_on("http://a: refused")
        one.goes_on("http://a: refused")
        one.is_over()
        one.is_over()
    assert said == 2 * [
        "no server answers (http://a: refused); each request is repeated for 300 s",
        "the server answers again",
    ]
