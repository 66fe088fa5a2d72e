"""What is told of a fault, to whom."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from statekeep_core.faults import told_fault

HIDDEN = "a-stored-value"


def test_the_caller_is_told_what_and_the_log_where(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    try:
        int(HIDDEN)
    except ValueError as fault:
        told = told_fault(fault, "the-request")
        told_here = told_fault(fault, "the-request", with_words=True)
    # Who asks over HTTP may be told no value; who has the store in its own process may have no log.
    assert told.facts == {"problem": "ValueError"}
    assert HIDDEN in str(told_here)
    record = caplog.records[0]
    assert record.exc_info is None
    fields = record.fields  # type: ignore[attr-defined]  # what the log adds
    assert fields["request_id"] == "the-request"
    assert "test_faults.py" in fields["traceback"]
    assert HIDDEN not in fields["traceback"] + record.getMessage()


def test_where_no_log_is_set_up_nothing_is_said() -> None:
    script = "from statekeep_core.faults import told_fault; told_fault(ValueError('hidden'))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")
