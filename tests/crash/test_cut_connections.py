"""A connection to the supervisor that breaks: what was in flight is asked again, and takes effect once."""

from __future__ import annotations

import json
import sys

import pytest

from tests.crash.checker import judge
from tests.crash.job import Work
from tests.crash.ledger import Refused
from tests.crash.workplace import PATIENCE_SECONDS, Workplace

pytestmark = pytest.mark.slow


def test_a_write_whose_connection_breaks_takes_effect_exactly_once(workplace: Workplace) -> None:
    pieces = 10
    cuts = workplace.path / "cuts"
    arguments = (str(workplace.ledger.path), json.dumps(Work(pieces)), str(cuts))
    run = workplace.start_run([sys.executable, "-m", "tests.crash.cut_job", *arguments])
    assert run.wait(PATIENCE_SECONDS) == 0, workplace.said()
    assert workplace.records(Refused) == []
    snapshot = workplace.snapshot()
    assert (snapshot.task["count"], snapshot.task["batches"], snapshot.asset["rows"]) == (pieces,) * 3
    assert judge(workplace.ledger.read()) == []
    # Each sixth request is an addition; the others are a set, a maximum, a write at once and a batch.
    assert cuts.read_text().count("lost") > pieces / 2
    assert cuts.read_text().count("unanswered") > pieces / 2
