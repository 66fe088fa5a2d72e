"""Peers that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from peer import CONTEXT, Answer, Peer

StartPeer = Callable[..., Peer]


@pytest.fixture
def start_peer(tmp_path: Path) -> Iterator[StartPeer]:
    started: list[Peer] = []

    def start(answer: Answer, *, greeting: Any = CONTEXT) -> Peer:
        started.append(Peer(tmp_path / f"{len(started)}.sock", answer, greeting=greeting))
        return started[-1]

    yield start
    for peer in started:
        peer.join()
